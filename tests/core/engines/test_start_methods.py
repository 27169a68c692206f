"""Workers are forked only while the program has no other threads; everything works either way."""

from __future__ import annotations

import concurrent.futures as cf
import multiprocessing
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import psweep as ps
from psweep_core.engines.start_method import other_threads, usual_method, worker_method

pytestmark = [
    pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="needs a system that forks"
    ),
    pytest.mark.processes,
]


@pytest.fixture(autouse=True)
def forks_usually():
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("fork", force=True)
    yield
    multiprocessing.set_start_method(before, force=True)


@pytest.fixture
def thread():
    """A thread of the program's that waits."""
    event = threading.Event()
    thread = threading.Thread(target=event.wait, name="measures")
    thread.start()
    yield thread
    event.set()
    thread.join()


def printed(code):
    """Run code in a program of its own, which has no threads of other tests."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_without_other_threads_workers_are_forked():
    code = """
from psweep_core.engines.start_method import other_threads, worker_method
print(other_threads(), worker_method())
"""
    assert printed(code) == ["[] fork"]


def test_a_thread_forbids_it(thread):
    assert "measures" in other_threads()
    assert worker_method() == "spawn"


def test_a_thread_that_threading_does_not_know_forbids_it():
    code = """
import _thread, time
from psweep_core.engines.start_method import other_threads, worker_method
lock = _thread.allocate_lock()
lock.acquire()
def wait():
    lock.acquire()
_thread.start_new_thread(wait, ())
while not other_threads():
    time.sleep(0.01)
print(worker_method())
lock.release()
while other_threads():
    time.sleep(0.01)
print(worker_method())
"""
    assert printed(code) == ["spawn", "fork"]


def test_the_main_thread_counts_where_another_one_calls():
    with cf.ThreadPoolExecutor(1) as executor:
        assert "MainThread" in executor.submit(other_threads).result()


def test_a_pool_of_threads_counts_while_it_works():
    code = """
import concurrent.futures as cf, threading, time
from psweep_core.engines.start_method import other_threads, worker_method
event = threading.Event()
with cf.ThreadPoolExecutor(1) as executor:
    executor.submit(event.wait)
    print(len(other_threads()), worker_method())
    event.set()
    executor.submit(int).result()
    while other_threads():
        time.sleep(0.01)
    print(worker_method())
"""
    assert printed(code) == ["1 spawn", "fork"]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_what_the_user_chose_is_taken(method, thread):
    multiprocessing.set_start_method(method, force=True)
    assert worker_method() == method


def test_threads_of_psweep_itself_do_not_count():
    """Those that sync journals, and those that listen to the parent."""
    code = """
import threading, psweep as ps
from psweep_core.engines.start_method import other_threads
def func(pset):
    return {"others": other_threads(), "n": threading.active_count()}
df = ps.run_local(func, ps.plist("a", range(4)))
df = ps.run_local(func, ps.plist("a", range(4)), poolsize=1)
print(df.others.tolist() == [[]] * 8, df.n[3], df.n[7])
"""
    assert printed(code) == ["True 2 3"]


def test_asking_does_not_settle_the_start_method(script):
    out, _ = script(
        """
        import multiprocessing, psweep as ps
        if __name__ == "__main__":
            print(len(ps.run_local(lambda p: {}, [{"a": 1}], poolsize=1)))
            multiprocessing.set_start_method("spawn")
        """,
        wait=True,
    )
    assert out == "1\n"
    assert usual_method() == "fork"


LOGS = """
import logging, sys, threading, time
import psweep as ps

logging.basicConfig(filename="log", level=logging.INFO)
stop = threading.Event()

def talk():
    while not stop.is_set():
        logging.info("a thread")
        print("a thread", file=sys.stderr)
        time.sleep(0)

def func(pset):
    logging.warning("func")
    print("func", file=sys.stderr)
    return {"b": 2 * pset["a"]}

if __name__ == "__main__":
    threads = [threading.Thread(target=talk, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        df = ps.run_local(func, ps.plist("a", range(20)), poolsize=2, retries=1, save=False)
        assert df.b.tolist() == [2 * a for a in range(20)]
    stop.set()
    for thread in threads:
        thread.join()
    print("done")
"""


def test_threads_that_log_and_print_while_workers_start_make_none_hang(script):
    with open("stderr", "w") as err:
        Path("logs.py").write_text(LOGS)
        out, _ = script(
            f"""
            import runpy, sys
            sys.stderr = open({err.name!r}, "w")
            exec(compile(open("logs.py").read(), __file__, "exec"))
            """,
            wait=True,
        )
    assert out == "done\n"


STARTS_A_THREAD = """
import os, signal, sys, threading, time
import psweep as ps

def start_thread(*_):
    if os.path.exists("running") and not os.path.exists("started"):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
        open("started", "w").close()

def func(pset):
    if pset["a"] == 3 and not os.path.exists("killed"):
        open("running", "w").close()
        while not os.path.exists("started"):
            time.sleep(0.01)
        open("killed", "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"b": 2 * pset["a"], "forked": hasattr(sys, "in_parent")}

if __name__ == "__main__":
    sys.in_parent = True  # which only a fork inherits
    signal.signal(signal.SIGALRM, start_thread)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    params = ps.plist("a", range(8))
    if sys.argv[1:] == ["objects"]:
        params = ps.pgrid(params, ps.plist("c", [{1, 2}]))
    df = ps.run_local(func, params, poolsize=1, retries=1, timeout=1000)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(df.b.tolist(), df.forked.tolist()[0], df.forked.tolist()[-1])
"""


@pytest.mark.parametrize("values", ["plain", "objects"])
def test_a_worker_that_is_replaced_is_not_forked_if_there_are_threads_by_then(script, values):
    out, _ = script(STARTS_A_THREAD, values, wait=True)
    assert out == f"{[2 * a for a in range(8)]} True False\n"


def test_a_script_without_guard_that_has_a_thread(script):
    """It works where workers are forked, so it also does otherwise, and runs once."""
    out, err = script(
        """
        import threading, time
        import psweep as ps

        print("once")
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()

        class Model:
            def __init__(self, a):
                self.a = a

        k = 3
        def helper(m):
            return k * m.a

        df = ps.run_local(
            lambda p: {"b": helper(p["m"]), "m2": p["m"]},
            ps.plist("m", [Model(1), Model(2)]), poolsize=2, save=False,
        )
        print(df.b.tolist(), {type(m) is Model for m in df.m2})
        """,
        wait=True,
    )
    assert out == "once\n[3, 6] {True}\n", err


def test_functions_and_classes_that_have_caches(script):
    """They are sent to workers that do not import the script, like those of a notebook."""
    out, err = script(
        """
        import functools, threading, time
        import psweep as ps

        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()

        @functools.lru_cache(maxsize=7)
        def fib(n):
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        def local():
            @functools.cache
            def function(n):
                return n + 1
            return function

        class Model:
            def __init__(self, a):
                self.a = a

            @functools.cached_property
            def double(self):
                return 2 * self.a

            @functools.cache
            def triple(self):
                return Model(3 * self.a).double // 2

            @functools.singledispatchmethod
            def kind(self, value):
                return "object"

            @kind.register
            def _(self, value: int):
                return "int"

        class More(Model):
            @functools.cached_property
            def double(self):
                return super().double + 1

        @functools.singledispatch
        def kind(value):
            return "object"

        @kind.register
        def _(value: Model):
            return "Model"

        kind(1)

        def func(pset, one_more=local()):
            model = More(pset["a"])
            return {
                "numbers": [fib(30), fib.cache_parameters()["maxsize"], one_more(1)],
                "of_model": [model.double, model.triple(), model.kind(1), model.kind("")],
                "kinds": [kind(model), kind(1)],
                "model": model,
            }

        serial = ps.run_local(func, [{"a": 1}], save=False)
        workers = ps.run_local(func, [{"a": 1}], poolsize=1)
        for name in ["numbers", "of_model", "kinds"]:
            print(serial[name][0], serial[name][0] == workers[name][0])
        print(type(workers.model[0]) is More, workers.model[0].double)
        """,
        wait=True,
    )
    assert out.splitlines() == [
        "[832040, 7, 2] True",
        "[3, 3, 'int', 'object'] True",
        "['Model', 'object'] True",
        "True 3",
    ], err
    code = "import psweep as ps; m = ps.df_read('calc').model[0]; m.a = 4; print(m.triple())"
    assert printed(code) == ["12"]  # in another program


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_script_from_the_standard_input(method):
    code = f"""
import multiprocessing
import psweep as ps
multiprocessing.set_start_method({method!r})
def func(pset):
    return {{"b": 2 * pset["a"]}}
print(ps.run_local(func, ps.plist("a", [1, 2]), poolsize=2, save=False).b.tolist())
"""
    done = subprocess.run(
        [sys.executable, "-"], input=code, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[2, 4]\n", done.stderr


def test_a_script_with_guard_is_imported_as_usual(script):
    """So what it sets when it starts, such as the precision of floats, is set in workers, too."""
    out, _ = script(
        """
        import decimal, threading, time
        import psweep as ps

        decimal.getcontext().prec = 5
        decimal.DefaultContext.prec = 7

        def func(pset):
            return {"prec": decimal.DefaultContext.prec}

        if __name__ == "__main__":
            threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
            df = ps.run_local(func, ps.plist("a", [1]), poolsize=1, save=False)
            print(df.prec.tolist())
        """,
        wait=True,
    )
    assert out == "[7]\n"


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_func_uses_multiprocessing_and_pickle_with_what_the_script_defines(script, method):
    code = """
        import concurrent.futures as cf
        import functools
        import multiprocessing as mp
        import pickle
        import sys
        import psweep as ps

        OFFSET = 0

        class Model:
            def __init__(self, x):
                self.x = x

        def square(x):
            return x * x

        @functools.cache
        def twice(x):
            return 2 * x

        def trained(model):
            return Model(model.x + 1)

        def func(pset):
            assert isinstance(pset["model"], Model)
            assert isinstance(pickle.loads(pickle.dumps(pset["model"])), Model)
            with mp.Pool(1) as pool:
                y = [pool.map(f, [3])[0] for f in (square, twice)]
                y.append(pool.map(trained, [pset["model"]])[0].x)
            with cf.ProcessPoolExecutor(1) as executor:
                return {"y": [*y, *executor.map(square, [4])], "offset": OFFSET}

        if __name__ == "__main__":
            mp.set_start_method(sys.argv[1])
            OFFSET = 1
            before = square, Model
            df = ps.run_local(func, [{"model": Model(1)}], poolsize=1)
            with cf.ProcessPoolExecutor(1) as executor:
                df = ps.run_local(func, [{"model": Model(1)}], executor=executor)
            assert before == (square, Model)
            print(df.y.tolist(), df.offset.tolist())
    """
    assert script(code, method, wait=True)[0] == "[[9, 6, 2, 16], [9, 6, 2, 16]] [1, 1]\n"


def test_run_local_in_a_thread(script):
    out, _ = script(
        """
        import concurrent.futures
        import psweep as ps

        def study(name):
            k = len(name)
            df = ps.run_local(lambda p: {"b": k * p["a"]}, ps.plist("a", range(5)), calc_dir=name,
                              poolsize=1)
            return df.b.tolist()

        if __name__ == "__main__":
            with concurrent.futures.ThreadPoolExecutor(2) as executor:
                print(list(executor.map(study, ["x", "yy"])))
        """,
        wait=True,
    )
    assert out == "[[0, 1, 2, 3, 4], [0, 2, 4, 6, 8]]\n"


def test_func_that_cannot_be_sent_is_refused_and_the_thread_is_named(thread):
    lock = threading.Lock()

    def func(pset):
        with lock:
            return {}

    with pytest.raises(ps.ParamsTypeError, match="cannot be sent to worker processes") as caught:
        ps.run_local(func, [{"a": 1}], poolsize=1, save=False)
    notes = "".join(caught.value.__notes__)
    assert "workers are not forked" in notes
    assert "other threads: measures" in notes


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux")
def test_threads_of_a_library_that_does_not_survive_a_fork(script):
    """None of them is Python's, so Linux is asked."""
    out, _ = script(
        """
        import ctypes, os, sys
        import psweep as ps

        def func(pset):
            return {"forked": hasattr(sys, "in_parent")}

        if __name__ == "__main__":
            libc = ctypes.CDLL(None)
            sys.in_parent = True
            params = ps.plist("a", range(4))
            for name in (None, "polars-0"):
                if name:
                    before = set(os.listdir("/proc/self/task"))
                    handle = ctypes.c_void_p()
                    pause = ctypes.cast(libc.pause, ctypes.c_void_p)
                    libc.pthread_create(ctypes.byref(handle), None, pause, None)
                    (tid,) = set(os.listdir("/proc/self/task")) - before
                    with open(f"/proc/self/task/{tid}/comm", "w") as file:
                        file.write(name)
                df = ps.run_local(func, params, poolsize=2, save=False)
                print(set(df.forked), flush=True)
            os._exit(0)
        """,
        wait=True,
    )
    assert out == "{True}\n{False}\n"


DAEMON = """
import concurrent.futures, multiprocessing, os
import psweep as ps

def func(pset):
    return {"b": 1}

def nested():
    try:
        ps.run_local(func, [{"a": 1}], poolsize=2)
    except ps.ParamsError as error:
        print(error)
    print(os.path.exists("calc"))
    ps.run_local(func, [{"a": 1}], poolsize=2, simulate=True)
    ps.run_local(func, [{"a": 1}])
    with concurrent.futures.ThreadPoolExecutor(2) as executor:
        print(len(ps.run_local(func, [{"a": 1}], executor=executor)), flush=True)

if __name__ == "__main__":
    process = multiprocessing.Process(target=nested, daemon=True, name="mine")
    process.start()
    process.join()
"""


def test_a_daemonic_process_may_not_start_workers_and_is_told_the_way_out(script):
    out, _ = script(DAEMON, wait=True)
    message, exists, n = out.splitlines()
    assert "poolsize=2 starts worker processes, which 'mine' may not do" in message
    assert "Leave out poolsize" in message
    assert "ThreadPoolExecutor" in message
    assert (exists, n) == ("False", "2")


def test_workers_of_psweep_may_start_workers():
    code = """
import sys, psweep as ps
def outer(pset):
    k = pset["a"]
    df = ps.run_local(lambda p: {"c": k * p["b"]}, ps.plist("b", [1, 2]), poolsize=2, save=False)
    return {"c": df.c.tolist(), "forked": hasattr(sys, "in_parent")}
sys.in_parent = True
df = ps.run_local(outer, ps.plist("a", [1, 10]), poolsize=2, save=False)
print(df.c.tolist(), df.forked.all())
"""
    assert printed(code) == ["[[1, 2], [10, 20]] True"]
