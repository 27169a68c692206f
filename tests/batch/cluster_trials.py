"""Long trials of tasks on a private SLURM, by hand: nox -s cluster_trials -- [TRIAL [SEED]].

``kills``: a study of 2000 psets, during which ten times something is killed, cancelled or requeued:
a worker, a task, a whole job, the script that calls `run_batch`, and slurmctld, also while jobs are
submitted and started. The same call is made until nothing is free. Then each pset must have one
row, and none may have run again after it had finished, or twice at a time.

``limit``: psets of 3 s, and some of 25 to 45 s, in tasks that have a minute, too short for their
chunks. SLURM ends the tasks that misjudge this. The same call is made until nothing is free.

``memory``: 20 psets that need 100 MB to 2 GB, which SLURM enforces, finish in at most three calls.

``short``: 10 000 psets of 10 ms in 20 tasks take less than twice as long as by `run_local`.
"""

from __future__ import annotations

import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cluster import Slurm, short_folder

import psweep as ps

HERE = Path(__file__).resolve()
INFO = "subcmd: sbatch\narray: true\nlost_after: 2\n"
JOBSCRIPT = (
    "#!/bin/bash\n#SBATCH --mem={mem}\n#SBATCH --requeue\nexport OMP_NUM_THREADS=1\npsweep-task\n"
)


def write_machine(info: str, mem: int = 400) -> None:
    ps.file_write("templates/machines/cluster/info.yaml", INFO + info)
    ps.file_write("templates/machines/cluster/jobscript", JOBSCRIPT.format(mem=mem))


def say(text: object) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


# kills


def note(what: str, pset: ps.Pset) -> None:
    # One write of one line, so lines of many processes do not mix.
    line = f"{what} {pset['a']} {os.getpid()} {time.time():.4f}\n"
    with open(Path(pset["_calc_dir"]).parent / "notes", "ab", buffering=0) as file:
        file.write(line.encode())


def slow_square(pset):
    note("begin", pset)
    time.sleep(pset["seconds"])
    note("end", pset)
    return {"b": pset["a"] ** 2}


def call() -> None:
    """Make the call of the study, as its script would, and print how many rows there are."""
    n = int(sys.argv[2])
    params = [{"a": a, "seconds": 0.05 + 0.1 * (a % 4)} for a in range(n)]
    print(len(ps.run_batch(slow_square, params, "cluster")))


def start_call(n: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE), "call", str(n)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class Killer:
    """What ends things, each kind once before one comes again."""

    def __init__(self, slurm: Slurm, n: int, rng: random.Random) -> None:
        self.slurm, self.n, self.rng = slurm, n, rng
        self.kinds = [
            "worker",
            "task",
            "job",
            "scancel",
            "requeue",
            "caller",
            "slurmctld",
            "launch",
        ]
        self.to_come: list[str] = []
        self.done: collections.Counter[str] = collections.Counter()

    def __call__(self) -> bool:
        """End something; False if there was nothing of that kind."""
        if not self.to_come:
            self.to_come = self.rng.sample(self.kinds, len(self.kinds))
        kind = self.to_come.pop()
        happened = getattr(self, kind)()
        if happened:
            self.done[kind] += 1
            say(f"{kind}: {happened}")
        return bool(happened)

    def _a_task(self) -> int | None:
        """Return the process of a task that runs psets."""
        pids = []
        for path in Path("calc").glob(".psweep/batch/*/*.claim*"):
            text = path.read_text()
            if "start " in text and "\nend " not in text and "\nexit " not in text:
                pid = int(text.rpartition("start ")[2].split()[2])
                if Path(f"/proc/{pid}").exists():
                    pids.append(pid)
        return self.rng.choice(pids) if pids else None

    def worker(self) -> str:
        task = self._a_task()
        if task is None:
            return ""
        children = Path(f"/proc/{task}/task/{task}/children").read_text().split()
        if not children:
            return ""
        return kill(int(self.rng.choice(children)))

    def task(self) -> str:
        task = self._a_task()
        return kill(task) if task else ""

    def job(self) -> str:
        """Kill all processes of a job at once, as when its node loses power."""
        task = self._a_task()
        if not task:
            return ""
        of = job_of(task)
        pids = [
            pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if job_of(pid) == of
        ]
        return " ".join(kill(pid) for pid in pids)

    def scancel(self) -> str:
        job = self._queued("RUNNING")
        if job:
            self.slurm.run("scancel", job)
        return job

    def requeue(self) -> str:
        job = self._queued("RUNNING")
        if job:
            self.slurm.run("scontrol", "requeue", job)
        return job

    def caller(self) -> str:
        caller = start_call(self.n)
        seconds = self.rng.uniform(0.2, 2.5)
        time.sleep(seconds)
        caller.kill()
        caller.communicate()
        return f"after {seconds:.2f} s"

    def slurmctld(self) -> str:
        seconds = self.rng.uniform(0, 1)
        time.sleep(seconds)
        self._kill_controller()
        return f"after {seconds:.2f} s"

    def launch(self) -> str:
        """Kill slurmctld while tasks are submitted and started."""
        # What is free for a call to submit: cancel a waiting array.
        job = self._queued("PENDING") or self._queued("RUNNING")
        if not job:
            return ""
        self.slurm.run("scancel", job.partition("_")[0])
        time.sleep(3)  # until it counts as gone
        before = {*Path("calc").glob(".psweep/batch/*/*.claim*")}
        caller = start_call(self.n)
        while caller.poll() is None and before == {*Path("calc").glob(".psweep/batch/*/*.claim*")}:
            time.sleep(0.002)
        seconds = self.rng.uniform(0, 0.6)
        time.sleep(seconds)
        self._kill_controller()
        _, said = caller.communicate()
        return (
            f"{seconds:.2f} s after it claimed; the call said: {said.strip()[-150:] or 'nothing'}"
        )

    def _kill_controller(self) -> None:
        controller = self.slurm.daemons["slurmctld"]
        controller.kill()
        controller.wait()
        time.sleep(self.rng.uniform(0, 2))
        self.slurm._start_daemon("slurmctld", "-D")
        while self.slurm._ask("squeue", "-h").returncode:
            time.sleep(0.1)

    def _queued(self, state: str) -> str:
        said = self.slurm.run("squeue", "-h", "-r", "-t", state, "-o", "%i").split()
        return self.rng.choice(said) if said else ""


def kill(pid: int) -> str:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return ""
    return str(pid)


def job_of(pid: int) -> str:
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    found = dict(item.partition(b"=")[::2] for item in environ)
    if found.get(b"SLURM_CONF", b"").decode() != os.environ["SLURM_CONF"]:
        return ""
    return found.get(b"SLURM_JOB_ID", b"").decode()


def kills(seed: int, n: int = 2000, n_kills: int = 10) -> None:
    rng = random.Random(seed)
    write_machine(f"pack: {max(10, n // 40)}\n")
    begun = time.monotonic()
    with Slurm(short_folder(), cpus=8) as slurm:
        os.environ.update(slurm.environ)
        killer = Killer(slurm, n, rng)
        n_calls, n_before, stalled, rows = 0, 0, time.monotonic(), 0
        pause = 1.0
        while True:
            caller = start_call(n)
            said, problem = caller.communicate()
            n_calls += 1
            if problem:
                say(f"call {n_calls}: {problem.strip()[-300:]}")
            if caller.returncode == 0:
                rows = int(said)
            assert rows >= n_before, f"rows vanished: {n_before} before, {rows} now"
            if rows > n_before:
                stalled = time.monotonic()
            n_before = rows
            if rows == n and sum(killer.done.values()) >= n_kills:
                break
            assert time.monotonic() - stalled < 400, ps.batch_status().to_string()
            # SLURM drains a node that it had lost sight of; its staff would put it back.
            if "node1" in slurm.run("sinfo", "-h", "-t", "drain,down", "-o", "%N"):
                slurm.run("scontrol", "update", "nodename=node1", "state=resume")
            time.sleep(rng.uniform(0, pause))
            if sum(killer.done.values()) < n_kills and rows:
                killer()
            if rows == n:
                break
        end = time.monotonic() + 30
        while slurm.run("squeue", "-h").strip() and time.monotonic() < end:
            time.sleep(0.5)
        say(f"still in the queue: {slurm.run('squeue', '-h').split() or 'nothing'}")
        n_claims = len(list(Path("calc").glob(".psweep/batch/*/*.claim*")))
        ps.run_batch(slow_square, [{"a": 0, "seconds": 0.05}], "cluster")  # nothing is free
        assert n_claims == len(list(Path("calc").glob(".psweep/batch/*/*.claim*")))
        check(n, killer.done, n_calls, time.monotonic() - begun)


def check(n: int, events: collections.Counter[str], n_calls: int, seconds: float) -> None:
    """See that each pset has one row, and that none ran again after it had finished."""
    df = ps.df_read("calc")
    assert sorted(df.a) == [*range(n)], f"{len(df)} rows"
    failed = df[df._failed.astype(bool)] if "_failed" in df.columns else df[:0]
    good = df[~df.a.isin(failed.a)]
    assert (good.b == good.a**2).all()
    notes = collections.defaultdict(list)
    for line in Path("notes").read_text().splitlines():
        what, a, pid, when = line.split()
        notes[int(a)].append((float(when), what, int(pid)))
    n_cut_short, twice, at_once = 0, [], []
    for a, found in notes.items():
        begins = [item for item in found if item[1] == "begin"]
        ends = [item for item in found if item[1] == "end"]
        n_cut_short += len(begins) - len(ends)
        if len(ends) > 1 or (ends and begins[-1][0] > ends[0][0]):
            twice.append((a, found))
        running = None
        for _, what, pid in found:
            if what == "begin":
                # whoever began it before must be gone: it has noted no end after this
                if running is not None and any(e[2] == running and e[1] == "end" for e in found):
                    at_once.append((a, found))
                running = pid
            else:
                running = None
    assert not twice, twice
    assert not at_once, at_once
    states = ps.batch_status().state.value_counts().to_dict()
    say(
        f"{n} psets, {n_calls} calls, {seconds:.0f} s; {dict(events)}: each pset has one row, "
        f"{len(failed)} failed rows (of killed workers), {n_cut_short} psets were cut short and "
        f"began again, 0 ran again after their end, 0 at once; states: {states}"
    )


# limit


def limit(seed: int) -> None:
    rng = random.Random(seed)
    n = 120
    params = [
        {"a": a, "seconds": rng.uniform(25, 45) if rng.random() < 0.1 else 3.0} for a in range(n)
    ]
    write_machine("pack: 30\n")
    path = Path("templates/machines/cluster/jobscript")
    path.write_text(path.read_text().replace("#SBATCH --mem", "#SBATCH -t 1\n#SBATCH --mem"))
    begun, n_calls, ended = time.monotonic(), 0, collections.Counter()
    with Slurm(short_folder(), cpus=4, min_job_age=3600) as slurm:
        os.environ.update(slurm.environ)
        while True:
            df = ps.run_batch(slow_square, params, "cluster")
            n_calls += 1
            if len(df) == n:
                break
            jobs = slurm.run("squeue", "-h", "-r", "-o", "%i").split()
            while slurm.run("squeue", "-h").strip():
                time.sleep(1)
            for job in jobs:
                ended[slurm.states(job)[0]] += 1
            assert n_calls < 30
        say(f"tasks, as SLURM saw them end: {dict(ended)}")
        check(n, ended, n_calls, time.monotonic() - begun)


# memory


def fill(pset):
    x = b"x" * int(pset["mb"] * 1e6)
    time.sleep(2.5)  # SLURM looks once a second
    return {"n": len(x)}


def memory(seed: int) -> None:
    rng = random.Random(seed)
    sizes = [100, *sorted(rng.randrange(100, 2000) for _ in range(18)), 2000]
    params = ps.plist("mb", sizes)
    write_machine("pack: 1\nescalate: [{mem: 1200M}, {mem: 3000M}]\n", mem=600)
    begun = time.monotonic()
    with Slurm(short_folder(), cpus=4) as slurm:
        os.environ.update(slurm.environ)
        for n_calls in (1, 2, 3, 4):
            df = ps.run_batch(fill, params, "cluster")
            if len(df) == len(params):
                break
            while ps.batch_status().state.isin(["queued", "running"]).any():
                time.sleep(0.5)
            say(
                f"call {n_calls}: {ps.batch_status()[['state', 'reason']].value_counts().to_dict()}"
            )
    df = df.sort_values("mb")
    assert df.mb.tolist() == sizes
    assert not df._failed.astype(bool).any()
    say(df[["mb", "_attempts"]].T.to_string(header=False))
    assert n_calls - 1 <= 3
    say(f"20 psets finished after {n_calls - 1} calls ({time.monotonic() - begun:.0f} s)")


# short


def ten_ms(pset):
    time.sleep(0.01)
    return {"b": pset["a"]}


def short(seed: int) -> None:
    params = ps.plist("a", range(10_000))
    write_machine("")
    cores = os.cpu_count() or 1
    times = []
    with Slurm(short_folder(), cpus=cores) as slurm:
        os.environ.update(slurm.environ)
        start = time.perf_counter()
        ps.run_local(ten_ms, params, poolsize=cores, calc_dir="local", progress=False)
        local = time.perf_counter() - start
        ps.run_batch(ten_ms, params, "cluster")
        while ps.batch_status().state.isin(["queued", "running"]).any():
            time.sleep(0.5)
        df = ps.run_batch(ten_ms, params, "cluster")
        assert len(df) == len(params)
        for path in Path("calc").glob(".psweep/batch/*/*.claim"):
            times.append(float(path.read_text().split("start ")[1].split()[0]))
    ends = df._time_utc.max().timestamp() + 0.01
    tasks = ends - min(times)
    say(
        f"10 000 psets of 10 ms on {cores} cores: run_local {local:.1f} s; {len(times)} tasks "
        f"{tasks:.1f} s (first task start to last row), ratio {tasks / local:.2f}"
    )
    assert tasks < 2 * local


def main() -> None:
    names = sys.argv[1:2] or ["kills", "limit", "memory", "short"]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(10**6)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:/usr/bin:/bin:/usr/sbin:/sbin"
    for name in names:
        with tempfile.TemporaryDirectory(prefix="sweep-trial-") as folder:
            os.chdir(folder)
            say(f"{name}, seed {seed}")
            globals()[name](seed)
            os.chdir("/")


if __name__ == "__main__":
    if sys.argv[1:2] == ["call"]:
        call()
    else:
        main()
