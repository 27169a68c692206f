"""Run one study in psweep or in another tool, for `nox -s bench_tools`, which takes the time.

    python other_tools.py TOOL [N]

It runs in an environment that has the tool, in an empty folder. The study has 10 000 psets, or N.
Each call keeps a core busy for 1 ms. Each result is kept in the way that the tool is made for; of
several, in the quickest that its documentation names for one machine.
"""

from __future__ import annotations

import sys
import time

CALL_SECONDS = 0.001


def func(a, b):
    """Return a product, after a while."""
    end = time.perf_counter() + CALL_SECONDS
    while time.perf_counter() < end:
        pass
    return a * b


def grid(n):
    return [{"a": i, "b": 0.5 * i} for i in range(n)]


def for_loop(n):
    for pset in grid(n):
        func(**pset)


def psweep(n):
    import psweep as ps

    ps.run_local(lambda pset: {"result": func(pset["a"], pset["b"])}, grid(n))


def signac(n):
    import signac

    project = signac.init_project()
    for pset in grid(n):
        job = project.open_job(pset)
        job.init()
        job.doc.result = func(**pset)


def joblib(n):
    from joblib import Memory

    cached = Memory("cache", verbose=0).cache(func)
    for pset in grid(n):
        cached(**pset)


def mlflow(n):
    import mlflow

    mlflow.set_tracking_uri("sqlite:///runs.db")
    mlflow.set_experiment("study")
    for pset in grid(n):
        with mlflow.start_run():
            mlflow.log_params(pset)
            mlflow.log_metric("result", func(**pset))


def sacred(n):
    from sacred import SETTINGS, Experiment
    from sacred.observers import FileStorageObserver

    SETTINGS.CAPTURE_MODE = "no"
    experiment = Experiment("study", save_git_info=False)
    experiment.observers.append(FileStorageObserver("runs"))
    experiment.logger = None

    experiment.add_config(a=0, b=0.0)

    @experiment.main
    def main(a, b):
        return func(a, b)

    for pset in grid(n):
        experiment.run(config_updates=pset)


def xyzpy(n):
    import xyzpy

    runner = xyzpy.Runner(func, var_names=["result"])
    crop = runner.Crop(name="study", batchsize=1)  # else it keeps each batch, not each result
    crop.sow_cases(["a", "b"], [(pset["a"], pset["b"]) for pset in grid(n)], verbosity=0)
    crop.grow_missing(verbosity=0)


def optuna(n, storage):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # A sampler that chooses by itself, or looks for what is done, takes longer.
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())

    def objective(trial):
        return func(trial.suggest_int("a", 0, n), trial.suggest_float("b", 0, 10))

    study.optimize(objective, n_trials=n)


def optuna_sqlite(n):
    optuna(n, "sqlite:///study.db")


def optuna_journal(n):
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna(n, JournalStorage(JournalFileBackend("journal.log")))


TOOLS = {
    "for-loop": for_loop,
    "psweep": psweep,
    "psweep 0.8.0": psweep,
    "signac": signac,
    "joblib.Memory": joblib,
    "sacred": sacred,
    "xyzpy (Crop)": xyzpy,
    "MLflow (SQLite)": mlflow,
    "optuna (SQLite)": optuna_sqlite,
    "optuna (journal file)": optuna_journal,
}

if __name__ == "__main__":
    TOOLS[sys.argv[1]](int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
