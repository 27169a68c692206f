"""Measure what one call of a function that does nothing costs in other tools: `nox -s bench_tools`.

    python other_tools.py TOOL

It runs in an environment that has the tool, in an empty folder, and prints µs per pset, for a study
of 1000. What a tool does only once (imports, its store) comes before the clock starts. Each result
is kept in the way that the tool is made for; of several, in the quickest that its documentation
names for one machine.
"""

from __future__ import annotations

import sys
import time

N = 1000


def measure(call, params):
    """Time a call for each pset, after two that do not count."""
    for pset in params[:2]:
        call(pset)
    start = time.perf_counter()
    for pset in params[2:]:
        call(pset)
    return (time.perf_counter() - start) / len(params[2:])


def grid(n):
    return [{"a": i, "b": 0.5 * i} for i in range(n)]


def signac(n):
    import signac

    project = signac.init_project()

    def call(pset):
        job = project.open_job(pset)
        job.init()
        job.doc.result = pset["a"] * pset["b"]

    return measure(call, grid(n))


def product(a, b):
    return a * b


def joblib(n):
    from joblib import Memory

    cached = Memory("cache", verbose=0).cache(product)
    return measure(lambda pset: cached(**pset), grid(n))


def psweep(n):
    import psweep as ps

    params = grid(n)
    ps.run_local(lambda pset: {"result": pset["a"] * pset["b"]}, params[:2])
    start = time.perf_counter()
    ps.run_local(lambda pset: {"result": pset["a"] * pset["b"]}, params, calc_dir="other")
    return (time.perf_counter() - start) / n


def mlflow(n):
    import mlflow

    mlflow.set_tracking_uri("sqlite:///runs.db")
    mlflow.set_experiment("study")

    def call(pset):
        with mlflow.start_run():
            mlflow.log_params(pset)
            mlflow.log_metric("result", pset["a"] * pset["b"])

    return measure(call, grid(n))


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
        return a * b

    return measure(lambda pset: experiment.run(config_updates=pset), grid(n))


def optuna(n, storage):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # A sampler that chooses by itself, or looks for what is done, takes longer.
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler())

    def objective(trial):
        return trial.suggest_int("a", 0, n) * trial.suggest_float("b", 0, 10)

    study.optimize(objective, n_trials=2)
    start = time.perf_counter()
    study.optimize(objective, n_trials=n - 2)
    return (time.perf_counter() - start) / (n - 2)


def optuna_sqlite(n):
    return optuna(n, "sqlite:///study.db")


def optuna_journal(n):
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return optuna(n, JournalStorage(JournalFileBackend("journal.log")))


TOOLS = {
    "psweep": psweep,
    "psweep 0.8.0": psweep,
    "signac": signac,
    "joblib.Memory": joblib,
    "sacred": sacred,
    "MLflow (SQLite)": mlflow,
    "optuna (SQLite)": optuna_sqlite,
    "optuna (journal file)": optuna_journal,
}

if __name__ == "__main__":
    microseconds = 1e6 * TOOLS[sys.argv[1]](N)
    print(f"{microseconds:.3g}")
