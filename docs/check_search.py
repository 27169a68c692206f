"""Ask the search of the built manual what users ask; fail if an answer is not on top.

python docs/check_search.py docs/_build/html   # needs Chromium and playwright
"""

from __future__ import annotations

import functools
import shutil
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

SHARED_DATA = "how-do-i-share-large-or-constant-data-between-all-psets"
ANY_RESULT = "can-i-save-large-results-an-array-a-trained-model-a-dataframe"
TOO_LONG = "how-do-i-stop-a-calculation-that-takes-too-long-10-minutes"
GONE = "word-studynotfounderror-or-your-results-are-gone-or-lost"
READ_DURING_RUN = "can-i-read-the-database-while-a-study-is-running"
# the words of a user, and a page or section that has the answer
QUESTIONS = {
    "average": "cookbook#the-best-hyperparameters",
    "best parameters": "cookbook#the-best-hyperparameters",
    "best value": "cookbook#grid-search-the-best-value",
    "checkpoint": "cookbook#checkpoints",
    "cite": "cite",
    "compare with optuna": "comparison",
    "debug": "cookbook#debugging",
    "df_read": "api/psweep.df_read",
    "error bars": "evaluate#means-and-error-bars",
    "failed runs": "failures",
    "GPU": "whole_nodes",
    "grid search": "cookbook#grid-search-the-best-value",
    "how many cores": "parallel",
    "HPC": "clusters",
    "hyperparameter": "cookbook#the-best-hyperparameters",
    "job array": "clusters",
    "Jupyter": "plots#in-a-notebook",
    "merge two studies": "evaluate#merge-studies",
    "Monte Carlo": "cookbook#monte-carlo-error-bars",
    "out of memory": "limits#if-you-do-not-know-how-much-memory-is-needed",
    "PBS": "clusters",
    "progress bar": "extending#progress-bar-and-results-during-a-run",
    "random seed": "extending#random-seeds",
    "read results": "database",
    "resume after crash": "extending",
    "run on SLURM": "clusters",
    "sensitivity": "designs",
    "timeout": "failures#limit-the-time-timeout",
    "walltime": "limits",
    "what is a pset": "concepts",
    # whole questions, and words that the manual says in another way
    "custom name of folder": "concepts#the-folder-and-its-files-calc-dir",
    "hyperparameter tuning": "cookbook#the-best-hyperparameters",
    "restart failed jobs": "clusters#fix-failures-and-submit-again",
    "same parameters twice": "extending#run-only-what-is-missing-skip-dups",
    "slurm time limit": "limits#psets-that-run-longer-than-the-time-limit-walltime",
    "slurm out of memory": "limits#if-you-do-not-know-how-much-memory-is-needed",
    "abort simulation": "failures#stop-a-running-study-ctrl-c",
    "add a new parameter to existing study": "evaluate#one-more-parameter",
    "BrokenProcessPool": "troubleshooting",
    "cannot pickle": "troubleshooting",
    "cartesian product of parameters": "params#grid-search-pgrid",
    "combine two databases": "evaluate#merge-studies",
    "constant large data set shared by all workers": f"faq#{SHARED_DATA}",
    "database corrupted": "troubleshooting",
    "delete rows from database": "evaluate#remove-rows",
    "delete study": "concepts#the-folder-and-its-files-calc-dir",
    "email when finished": "cookbook#be-notified-at-the-end",
    "estimated time remaining": "extending#progress-bar-and-results-during-a-run",
    "group by mean": "evaluate#means-and-error-bars",
    "how long did each run take": "faq#how-long-did-each-run-take",
    "kill hanging simulation": "failures#limit-the-time-timeout",
    "maximum number of jobs in queue": "limits#more-tasks-than-you-may-submit-at-once",
    "print statements of workers": "failures#capture-printed-output",
    "qsub": "clusters",
    "read results while running": "extending#progress-bar-and-results-during-a-run",
    "rename a parameter": "evaluate#correct-a-mistake-or-rename-a-parameter",
    "reproduce an old result": "git#run-an-old-row-again",
    "retry failed jobs": "failures#retry",
    "RuntimeError freeze_support": "troubleshooting",
    "run an external executable": "cookbook#call-another-program",
    "same folder two runs": "extending#two-or-more-runs-in-the-same-folder",
    "save a trained model": f"faq#{ANY_RESULT}",
    "share data between workers": f"faq#{SHARED_DATA}",
    "stop a running study": "failures#stop-a-running-study-ctrl-c",
    "time limit per call": "failures#limit-the-time-timeout",
    "use all cores": "parallel",
    "too many open files": "troubleshooting#word-oserror-errno-24-too-many-open-files",
    "my results are gone": f"troubleshooting#{GONE}",
    "run again only failed": "failures#rerun-only-what-failed",
    "plot results": "plots#plot-results-a-first-look",
    "memory usage": "faq#how-much-memory-does-a-study-need",
    "add a new parameter value later": "extending#extend-add-values-later",
    "nested parameters": "params#nested-parameters-merge-flatten-filter",
    "share results with colleague": "faq#how-do-i-share-results-with-a-colleague",
    "kill a calculation that takes too long": f"faq#{TOO_LONG}",
    "sort dataframe by loss": "cookbook#grid-search-the-best-value",
    "loguniform": "params#samples-random-search-continuous-parameters",
    "continuous parameters": "params#samples-random-search-continuous-parameters",
    "save figure": "plots",
    "heat map": "plots#a-heatmap-for-two-parameters",
    "import error on cluster": "troubleshooting",
    "what happens if my function raises an exception": "failures",
    "analyze results": "evaluate",
    "behavior on error": "failures#without-on-error-an-error-in-your-function-ends-the-run",
    "does it work on mac": "faq#does-it-run-on-windows-and-macos",
    "kill job": "cli#psweep-cancel",
    "lambda pickle": "faq#can-func-be-a-lambda-or-a-closure",
    "read database while running": f"faq#{READ_DURING_RUN}",
    "sensitivity analysis": "designs",
    "stop calculation after 10 minutes": f"faq#{TOO_LONG}",
    "visualize": "plots",
    "average over seeds": "evaluate#means-and-error-bars",
    "cancel jobs": "cli#psweep-cancel",
    "continue study": "extending",
    "confidence interval": "evaluate#means-and-error-bars",
    "cuda visible devices": "parallel#gpus-on-one-machine",
    "dry run": "extending#dry-run-simulate",
    "early stopping": "faq#can-psweep-stop-bad-calls-early-early-stopping-pruning",
    "how to resume after power failure": "guarantees",
    "kill -9": "guarantees#try-kill-9",
    "exclude some combinations": "cookbook#leave-out-impossible-combinations",
    "how do I restart a stopped run?": "failures#stop-a-running-study-ctrl-c",
    "optuna vs psweep": "comparison",
    "rerun failed": "failures#retry",
    "run remaining": "extending#run-only-what-is-missing-skip-dups",
    "speed": "performance",
    "what happens if two people write": "extending#two-or-more-runs-in-the-same-folder",
    "error in my function": "failures",
    "grid of parameters": "params",
    "how many workers": "parallel",
    "multiple nodes": "whole_nodes",
    "linspace": "params#values-on-a-log-scale-whole-numbers",
    "restart interrupted sweep": "extending",
    "skip existing": "extending#run-only-what-is-missing-skip-dups",
    "skip parameters already done": "extending#run-only-what-is-missing-skip-dups",
    # words that are not complete or with a mistake, and some that are on no page
    "gridsearch": "params#grid-search-pgrid",
    "segfault": "failures#workers-that-die",
    "skip duplicates": "extending#run-only-what-is-missing-skip-dups",
    "slurm gp": "whole_nodes",
    "slrum": "clusters",
    "corupt": "troubleshooting#word-calc-database-pk-is-damaged",
    "senstivity": "designs",
    "hyperparamter": "cookbook#the-best-hyperparameters",
    "random seed qwertz": "extending#random-seeds",
    "qwertz": "troubleshooting",
    "OutOfMemory killed": "troubleshooting",
    "can't pickle lambda": "faq#can-func-be-a-lambda-or-a-closure",
    "save numpy arrays": "cookbook#save-arrays-figures-and-other-files",
    "optuna": "comparison",
    "MPI": "parallel",
    "load results": "database",
    "error": "troubleshooting",
    "zip two parameters": "params#vary-two-or-more-together-zip",
    "vary two parameters together": "params#vary-two-or-more-together-zip",
    "change one parameter at a time": "params#vary-one-at-a-time-stargrid",
    "n_jobs": "parallel#poolsize-processes-on-the-cores-of-this-machine",
    "KeyError": "troubleshooting",
    "save figure per run": "cookbook#save-arrays-figures-and-other-files",
    "convert database to json": "database#convert-the-database-to-json-parquet-or-pickle",
    "how do I stop a sweep": "failures#stop-a-running-study-ctrl-c",
    "large results": f"faq#{ANY_RESULT}",
    "which python version": "getting_started#install",
    "lost results": f"troubleshooting#{GONE}",
    "memory leak": "troubleshooting#word-a-worker-needs-more-memory-after-each-call-a-memory-lea",
    "file structure": "concepts#the-folder-and-its-files-calc-dir",
    "change output folder": "concepts#the-folder-and-its-files-calc-dir",
    "how do I rerun failed": "failures#rerun-only-what-failed",
    "export csv": "cookbook#export-to-csv-excel-latex-or-matlab",
    "profiling": "cookbook#run-times-find-the-slowest-psets",
    "use multiple machines": "cookbook#split-a-study-between-machines",
    "run on two computers": "cookbook#split-a-study-between-machines",
    "slurm array job": "clusters",
    "load results without psweep": "database#read-and-save-results-pickle-json-parquet",
    "slurm array limit": "tasks#settings-in-info-yaml",
    "MaxSubmitJobs": "limits#more-tasks-than-you-may-submit-at-once",
    "keep going when one fails": "failures#record-failures-and-the-run-goes-on",
    "nan in results": "troubleshooting#word-results-are-nan",
}
TOP = 3  # pages among which the answer must be
HREFS = "links => links.map(link => link.getAttribute('href'))"
MILLISECONDS = 20_000
AT_A_TIME = 3


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Print no line for each request."""


def _address(answer: str) -> str:
    name, hash_, section = answer.partition("#")
    return f"{name}.html{hash_}{section}"


def _ask(chromium: str, address: str, questions: Sequence[tuple[str, str]]) -> int:
    """Ask some questions; return how many have no good answer."""
    from playwright.sync_api import sync_playwright

    missed = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        for words, answer in questions:
            page.goto(f"{address}/search.html?q={words.replace(' ', '+')}")
            summary = page.locator(".search-summary")
            summary.filter(has_text=" ").wait_for(timeout=MILLISECONDS)
            faults = []
            if ("qwertz" in words) != summary.inner_text().startswith("No page has"):
                faults.append(f"the summary is {summary.inner_text()!r}")
            links = page.eval_on_selector_all("ul.search a", HREFS)
            if len(set(links)) < len(links) or "index.html" in links:
                faults.append("there are links twice, or to the index")
            on_top = page.eval_on_selector_all(f"ul.search > li:nth-child(-n+{TOP}) a", HREFS)
            if answer and _address(answer) not in on_top:
                faults.append(f"{_address(answer)} is not among {on_top}")
            for fault in faults:
                print(f"the search for {words!r}: {fault}", file=sys.stderr)
            missed += bool(faults)
        browser.close()
    return missed


def _type(chromium: str, address: str) -> None:
    """Search as one types, with no address of a search."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{address}/search.html")  # without a question
        page.locator("article h1").wait_for(timeout=MILLISECONDS)
        page.locator("article input[name=q]").fill("error bars")
        page.locator("article button").click()
        page.locator("ul.search a").first.wait_for(timeout=MILLISECONDS)
        page.goto(f"{address}/gallery/ising.html")  # while one types, from a folder below
        page.locator("input.sidebar-search").press_sequentially("time limi")
        found = page.locator(
            "#search-while-typing a[href='../failures.html#limit-the-time-timeout']"
        )
        found.wait_for(timeout=MILLISECONDS)
        browser.close()


def main(folder: str) -> int:
    """Ask all questions; return how many have no good answer."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("install chromium to check the search of the manual", file=sys.stderr)
        return 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    questions = [*QUESTIONS.items()]
    with ThreadPoolExecutor(AT_A_TIME) as executor:  # each with a browser of its own
        parts = [questions[i::AT_A_TIME] for i in range(AT_A_TIME)]
        missed = sum(executor.map(functools.partial(_ask, chromium, address), parts))
    _type(chromium, address)
    server.shutdown()
    return missed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
