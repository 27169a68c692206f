"""Keep code and results together: every row names the commit with the code that made it.

Needs psweep-git. The first lines make a git repository of this folder, which you will have already.
Look at `git log`: each run makes a commit of all uncommitted changes, and one of its results.
"""

import os
import subprocess

import psweep as ps


def git(*args):
    return subprocess.run(["git", *args], check=True, capture_output=True, text=True).stdout


def fall_time(pset):
    return {"seconds": (2 * pset["height"] / 9.81) ** 0.5}


if __name__ == "__main__":
    if not os.path.exists(".git"):
        git("init", "--initial-branch=main")
        git("config", "user.name", "Your Name")
        git("config", "user.email", "you@example.com")

    df = ps.run_local(fall_time, ps.plist("height", [1, 10, 100]), git=True)
    ps.df_print(df, cols=["_run_seq", "height", "seconds", "_git_commit"])
    print(git("log", "--oneline"))
