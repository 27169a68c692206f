"""What one side of a case does: run by `bench.py` in a fresh process, in a fresh folder.

    python sides.py ACTION '{"n": 1000, ...}'

It runs in each environment, so it imports a peer only where that is measured. psweep and psweep
0.16.0 are the same calls. Params are built, modules imported and processes of an engine started
before the clock starts. The last line printed is JSON: seconds, the number of units (psets, mostly)
that took them, and what else was measured.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pathlib
import pickle
import subprocess
import sys
import time
import uuid

COLUMNS = 1000  # values of "b"
PSET_SECONDS = 0.01


def trivial(pset):
    return {"result": pset["a"] * pset["b"]}


def trivial_ab(a, b):
    return a * b


def busy(pset):
    """Keep a core busy until the clock says that the time is over."""
    end = time.perf_counter() + PSET_SECONDS
    while time.perf_counter() < end:
        pass
    return {"result": pset["a"]}


def wait_at_half(pset):
    """Stop in the middle of a run until told to go on."""
    if pset["_pset_seq"] == int(os.environ["BENCH_HALF"]):
        pathlib.Path("half").touch()
        while not pathlib.Path("go_on").exists():
            time.sleep(0.01)
    return trivial(pset)


def plists(n):
    """Values whose grid has `n` psets."""
    n_b = min(COLUMNS, n)
    return range(n // n_b), [0.5 * i for i in range(n_b)]


def grid(n):
    a, b = plists(n)
    return [{"a": x, "b": y} for x in a for y in b]


class Timer:
    """Measure a with-block: by the clock, and the CPU time of this process and its children."""

    cpu_seconds = 0.0  # of the last one

    def __enter__(self):
        gc.collect()
        self.cpu_start = cpu_seconds()
        self.start = time.perf_counter()
        return self

    def __exit__(self, *exc):
        self.seconds = time.perf_counter() - self.start
        Timer.cpu_seconds = cpu_seconds() - self.cpu_start


def cpu_seconds():
    """Return the CPU time so far, of processes that have ended and been waited for, too."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def memory(key):
    """Return a size of this process in bytes (Linux): VmRSS is now, VmHWM the largest so far."""
    status = pathlib.Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), None)


def psweep():
    import psweep

    return psweep


# runs


def run(n, poolsize=None, work="trivial"):
    ps = psweep()
    params = grid(n)
    gc.collect()
    before = memory("VmRSS")
    with Timer() as timer:
        df = ps.run(globals()[work], params, poolsize=poolsize)
    peak = memory("VmHWM")
    expect(len(df), n)
    return {
        "seconds": timer.seconds,
        "units": n,
        "bytes": None if before is None else peak - before,
    }


def bare_loop(n, hashed=False):
    """All that a study is made of, by hand: ids, row dicts, one flushed pickle a row, the table.

    Where it is `hashed`, by our `pset_hash`, since joblib's takes longer than all the rest.
    """
    import pandas as pd

    pset_hash = psweep().pset_hash if hashed else None
    params = grid(n)
    os.mkdir("calc")
    with Timer() as timer:
        rows = bare_rows(params, 0, str(uuid.uuid4()), "calc/rows.pk", pset_hash)
        df = pd.DataFrame(rows)
        df.to_pickle("calc/database.pk")
    expect(len(df), n)
    return {"seconds": timer.seconds, "units": n}


def bare_rows(params, first, run_id, path, pset_hash, func=trivial):
    rows = []
    with open(path, "wb") as file:
        for number, pset in enumerate(params, first):
            row = {
                **pset,
                "_run_id": run_id,
                "_pset_id": str(uuid.uuid4()),
                "_calc_dir": "calc",
                "_time_utc": time.time_ns(),
                "_pset_seq": number,
                "_run_seq": 0,
            }
            if pset_hash is not None:
                row["_pset_hash"] = pset_hash(pset)
            start = time.perf_counter()
            row.update(func(row))
            row["_pset_runtime"] = time.perf_counter() - start
            pickle.dump(row, file, 5)
            file.flush()
            rows.append(row)
    return rows


def bare_pool(n):
    """Do as `bare_loop`, hashed, in two forked processes with half of the psets each."""
    import multiprocessing

    import pandas as pd

    pset_hash = psweep().pset_hash
    params = grid(n)
    os.mkdir("calc")
    context = multiprocessing.get_context("fork")

    def work(connection, begin, end, run_id):
        gc.freeze()
        path = f"calc/rows.{begin}.pk"
        connection.send(bare_rows(params[begin:end], begin, run_id, path, pset_hash))

    with Timer() as timer:
        run_id = str(uuid.uuid4())
        connections, workers = [], []
        for begin, end in ((0, n // 2), (n // 2, n)):
            ours, theirs = context.Pipe()
            workers.append(context.Process(target=work, args=(theirs, begin, end, run_id)))
            workers[-1].start()
            connections.append(ours)
        rows = [row for connection in connections for row in connection.recv()]
        df = pd.DataFrame(rows)
        df.to_pickle("calc/database.pk")
        for worker in workers:
            worker.join()
    expect(len(df), n)
    return {"seconds": timer.seconds, "units": n}


def xyzpy_run(n):
    """What `Sampler.sample_combos` does, with the psets of the others instead of random ones."""
    sampler, runner = xyzpy_sampler()
    a, b = plists(n)
    cases = tuple((x, y) for x in a for y in b)
    with Timer() as timer:
        df = runner.run_cases(cases, fn_args=("a", "b"), to_df=True, verbosity=0)
        sampler.add_df(df)
    expect(len(sampler.full_df), n)
    return {"seconds": timer.seconds, "units": n}


def xyzpy_sampler():
    import xyzpy

    runner = xyzpy.Runner(trivial_ab, var_names=["result"])
    os.makedirs("calc", exist_ok=True)
    return xyzpy.Sampler(runner, data_name="calc/database.pk"), runner


def joblib_parallel(n, work="trivial", saved=False):
    """Let joblib run them; where they are `saved`, add ids and our hashes, and keep the table."""
    import joblib
    import pandas as pd

    pset_hash = psweep().pset_hash
    params = grid(n)
    func = globals()[work]
    with Timer() as timer:
        results = joblib.Parallel(n_jobs=2)(joblib.delayed(func)(pset) for pset in params)
        if saved:
            rows = [
                {
                    **pset,
                    "_pset_id": str(uuid.uuid4()),
                    "_pset_hash": pset_hash(pset),
                    "_pset_seq": number,
                    **result,
                }
                for number, (pset, result) in enumerate(zip(params, results, strict=True))
            ]
            pd.DataFrame(rows).to_pickle("database.pk")
    expect(len(results), n)
    return {"seconds": timer.seconds, "units": n}


def dask_run(n, how):
    """Run on a LocalCluster of two processes, which are there before the clock starts."""
    from distributed import Client, LocalCluster

    params = grid(n)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        if how != "map":
            ps = psweep()
        client.gather(client.map(trivial, grid(20), pure=False))  # the code is there, too
        with Timer() as timer:
            if how == "map":
                results = client.gather(client.map(trivial, params))
            else:
                results = ps.run(trivial, params, executor=client)
    expect(len(results), n)
    return {"seconds": timer.seconds, "units": n}


# append to a database that lies in calc/


def append(n, rows):
    ps = psweep()
    params = [{"a": -1 - i, "b": 0.5} for i in range(n)]
    with Timer() as timer:
        df = ps.run(trivial, params)
    expect(len(df), rows + n)
    return {"seconds": timer.seconds, "units": 1}


def wide(pset):
    """50 results: ints, floats and text."""
    a = pset["a"]
    kinds = [a, 0.5 * a, f"text {a % 7}"]
    return {f"r{k}": kinds[k % 3] for k in range(50)}


def wide_grid(n, rows):
    """50 new params besides those that are there."""
    return [
        {"a": a, "b": 0.5, **{f"p{k}": [a + k, 0.5 * a, a % 2 == 0][k % 3] for k in range(50)}}
        for a in range(rows, rows + n)
    ]


def wide_run(n, by="psweep"):
    """Run psets of 52 params and 50 results; or do by hand what that takes; or call func alone."""
    import pandas as pd

    ps = psweep()
    params = wide_grid(n, 0)
    if by == "hand":
        os.mkdir("calc")
    with Timer() as timer:
        if by == "func":
            rows = [wide(pset) for pset in params]
        elif by == "hand":
            rows = bare_rows(params, 0, "run", "calc/rows.pk", ps.pset_hash, wide)
            pd.DataFrame(rows).to_pickle("calc/database.pk")
        else:
            rows = ps.run(wide, params)
    expect(len(rows), n)
    return {"seconds": timer.seconds, "units": n * 102}


def widen(n, rows, by="psweep"):
    """Add 50 + 50 columns to `calc`; or write and read the result by pandas alone."""
    import pandas as pd

    ps = psweep()
    params = wide_grid(n, rows)
    gc.collect()
    before = memory("VmRSS")
    with Timer() as timer:
        df = ps.run(wide, params)
    peak = memory("VmHWM")
    expect(df.shape, (rows + n, 111))
    if by == "pandas":
        with Timer() as timer:
            df.to_pickle("by_pandas.pk")
            expect(len(pd.read_pickle("by_pandas.pk")), rows + n)
    added = None if before is None else peak - before - int(df.memory_usage().sum())
    return {"seconds": timer.seconds, "units": 1, "bytes": added}


def read_wide(rows, by="psweep"):
    """Read a study of `widen`."""
    import pandas as pd

    ps = psweep()
    df = ps.run(wide, wide_grid(1, rows))
    df.to_pickle("by_pandas.pk")
    with Timer() as timer:
        found = pd.read_pickle("by_pandas.pk") if by == "pandas" else ps.df_read("calc/database.pk")
    expect(found.shape, (rows + 1, 111))
    return {"seconds": timer.seconds, "units": 1}


def loop(n, rows, by="psweep"):
    """One pset per call, as an optimiser does; or write the database as many times."""
    ps = psweep()
    for a in (-1, -2):  # psweep keeps the table from the second call on
        df = ps.run(trivial, [{"a": a, "b": 0.5}])
    with Timer() as timer:
        for i in range(n):
            if by == "psweep":
                df = ps.run(trivial, [{"a": i, "b": -0.5}])
            else:
                ps.df_write(df, "again.pk")
    expect(len(df), rows + 2 + (n if by == "psweep" else 0))
    return {"seconds": timer.seconds, "units": n}


def own_names(n):
    """Psets with three result names of their own each."""
    ps = psweep()
    with Timer() as timer:
        df = ps.run(
            lambda pset: {f"{pset['a']}_{k}": 0.5 for k in range(3)}, ps.plist("a", range(n))
        )
    expect(df.shape[1], 9 + 3 * n)
    return {"seconds": timer.seconds, "units": 1, "bytes": os.path.getsize("calc/database.pk")}


def array_of_100_kb(pset):
    import numpy as np

    return {"x": np.full(12_500, 0.5 * pset["a"])}


def array_in_a_file(pset):
    import numpy as np

    folder = pathlib.Path(pset["_calc_dir"], pset["_pset_id"])
    folder.mkdir()
    np.save(folder / "x.npy", array_of_100_kb(pset)["x"])
    return {}


def arrays(n, how):
    """Run psets with large results, and then one more."""
    ps = psweep()
    func = array_in_a_file if how == "files" else array_of_100_kb
    ps.run(func, ps.plist("a", range(n)))
    with Timer() as timer:
        df = ps.run(func, [{"a": -1}])
    expect(len(df), n + 1)
    return {"seconds": timer.seconds, "units": 1}


def read_and_write(rows):
    ps = psweep()
    with Timer() as timer:
        df = ps.df_read("calc/database.pk")
        ps.df_write(df, "calc/database.pk")
    expect(len(df), rows)
    return {"seconds": timer.seconds, "units": 1}


def xyzpy_append(n, rows):
    sampler, runner = xyzpy_sampler()
    cases = tuple((-1 - i, 0.5) for i in range(n))
    with Timer() as timer:
        df = runner.run_cases(cases, fn_args=("a", "b"), to_df=True, verbosity=0)
        sampler.add_df(df)
    expect(len(sampler.full_df), rows + n)
    return {"seconds": timer.seconds, "units": 1}


# look at a run that is under way


def read_at_half(n):
    """Time `df_read` of the folder while another process is halfway through its run."""
    ps = psweep()
    environment = {**os.environ, "BENCH_HALF": str(n // 2)}
    args = ["run", json.dumps({"n": n, "work": "wait_at_half"})]
    command = [sys.executable, __file__, *args]
    writer = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while not os.path.exists("half"):
            expect(writer.poll(), None)
            time.sleep(0.01)
        with Timer() as timer:
            df = ps.df_read("calc")
        expect(len(df), n // 2)
    finally:
        pathlib.Path("go_on").touch()
        writer.wait()
    expect(writer.returncode, 0)
    return {"seconds": timer.seconds, "units": 1}


def bare_read(rows):
    """Read what `bare_loop` has flushed row by row, and make the table: what it takes at least."""
    import pandas as pd

    with Timer() as timer:
        found = []
        with open("calc/rows.pk", "rb") as file:
            for _ in range(rows):
                found.append(pickle.load(file))
        df = pd.DataFrame(found)
    expect(len(df), rows)
    return {"seconds": timer.seconds, "units": 1}


def read(rows):
    ps = psweep()
    with Timer() as timer:
        df = ps.df_read("calc/database.pk")
    expect(len(df), rows)
    return {"seconds": timer.seconds, "units": 1}


# functions


def pgrid(n):
    ps = psweep()
    a, b = plists(n)
    a, b = ps.plist("a", a), ps.plist("b", b)
    with Timer() as timer:
        params = ps.pgrid(a, b)
    expect(len(params), n)
    return {"seconds": timer.seconds, "units": n}


def bare_grid(n):
    import itertools

    a, b = plists(n)
    a, b = [{"a": x} for x in a], [{"b": x} for x in b]
    with Timer() as timer:
        params = [{**x, **y} for x, y in itertools.product(a, b)]
    expect(len(params), n)
    return {"seconds": timer.seconds, "units": n}


def pset_hash(n, entries, by):
    if by == "joblib":
        import joblib

        def hash_of(pset):
            return joblib.hash(pset, hash_name="sha1")
    else:
        hash_of = psweep().pset_hash
    kinds = [int, float, str, lambda i: i % 2 == 0, lambda _: None]
    psets = [{f"name_{k}": kinds[k % len(kinds)](i + k) for k in range(entries)} for i in range(n)]
    hash_of(psets[0])
    with Timer() as timer:
        hashes = [hash_of(pset) for pset in psets]
    expect(len(set(hashes)), n)
    return {"seconds": timer.seconds, "units": n, "check": hashes[-1]}


def program(name, args):
    """Run a console script, or Python, in the folder of a study."""
    path = sys.executable if name == "python" else pathlib.Path(sys.executable).with_name(name)
    with Timer() as timer:
        done = subprocess.run([path, *args], stdout=subprocess.DEVNULL, check=False)
    expect(done.returncode, 0)
    return {"seconds": timer.seconds, "units": 1}


def import_(module):
    """Import pandas, and then the module: in one process, so a slow moment is slow for both."""
    start = time.perf_counter()
    importlib.import_module("pandas")
    between = time.perf_counter()
    importlib.import_module(module)
    return {"seconds": time.perf_counter() - start, "units": 1, "pandas": between - start}


def versions(names):
    import platform
    from importlib import metadata

    found = {name: metadata.version(name) for name in names}
    return {"Python": platform.python_version(), **found}


def expect(found, wanted):
    if found != wanted:
        message = f"found {found!r} and not {wanted!r}: this side does not do its work"
        raise RuntimeError(message)


ACTIONS = {
    name.rstrip("_"): globals()[name]
    for name in (
        "run", "bare_loop", "bare_pool", "xyzpy_run", "joblib_parallel", "dask_run", "append",
        "wide_run", "widen", "read_wide",
        "loop", "own_names", "arrays", "read_and_write", "xyzpy_append",
        "read_at_half", "read", "bare_read", "pgrid", "bare_grid", "pset_hash", "import_",
        "program", "versions",
    )
}  # fmt: skip

if __name__ == "__main__":
    found = ACTIONS[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps({"cpu_seconds": Timer.cpu_seconds, **found}))
