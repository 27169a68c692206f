"""Read the results of the jobs into a second database, and commit them.

Look at the last lines: the templates of the first pset come from the commit of its run, also after
you have changed them.
"""

import json
import subprocess

import psweep as ps


def git(*args):
    return subprocess.run(["git", *args], check=True, capture_output=True, text=True).stdout


def period(pset_id):
    with open(f"calc/{pset_id}/result.json") as file:
        return json.load(file)["period"]


if __name__ == "__main__":
    df = ps.df_read("calc/database.pk")
    df["period"] = [period(pset_id) for pset_id in df._pset_id]
    ps.df_write(df, "calc/database_eval.pk")
    print(df[["_run_seq", "length", "gravity", "period"]])
    git("add", "--all")
    if git("status", "--porcelain"):
        git("commit", "--message", f"Results of {len(df)} psets")
    commit = git("log", "--format=%h", "--grep", f"run_id={df._run_id[0]}").split()[0]
    print(f"\ntemplates/calc/run.py of pset 0, at {commit}:\n")
    print(git("show", f"{commit}:./templates/calc/run.py"))
