"""Read the results of the jobs into the database, and commit them.

`batch_collect` makes no commit, so this script does. Look at the last lines: the templates of the
first row come from its commit, also after you have changed them.
"""

import subprocess

import psweep as ps


def git(*args):
    return subprocess.run(["git", *args], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    df = ps.batch_collect()
    ps.df_print(df)
    git("add", "--all")
    if git("status", "--porcelain"):
        git("commit", "--message", f"Results of {df._pset_runtime.notna().sum()} psets")
    commit = df._git_commit.iloc[0]
    print(f"\ntemplates/calc/run.py of pset 0, at {commit[:8]}:\n")
    print(git("show", f"{commit}:./templates/calc/run.py"))
