"""Batch jobs under version control: which templates made these results?

Needs psweep-batch and psweep-git. The first lines make a git repository of this folder, which you
will have already. `prep_batch(git=True)` commits the templates and this script, prepares a folder
for each pset, and commits these folders, with the id of the run as the message. Then call

    cd calc && sh run_local.sh

or, for a cluster, adapt templates/machines/cluster and call psweep-push, and run 20eval.py.

To extend the study, change the values below to new ones, and call this script again. (It uses only
what psweep 0.8.0 has, too. By now you can add values and `skip_dups=True`, and `ps.batch_collect`
reads the results.)
"""

import os
import subprocess

import psweep as ps


def git(*args):
    return subprocess.run(["git", *args], check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    if not os.path.exists(".git"):
        git("init", "--initial-branch=main")
        git("config", "user.name", "Your Name")
        git("config", "user.email", "you@example.com")
        # small results are committed; for large ones, write /calc/ or use git-lfs
        ps.file_write(".gitignore", "calc.bak_*/\ncalc.simulate/\n")
    git("add", "--all")
    if git("status", "--porcelain"):  # psweep 0.8.0 wants a clean repository
        git("commit", "--message", "Templates")

    params = ps.pgrid(ps.plist("length", [0.5, 1.0, 2.0]), ps.plist("gravity", [1.62, 9.81]))
    df = ps.prep_batch(params, git=True)
    print(df[["_run_seq", "_pset_seq", "length", "gravity"]])
    print(git("log", "--oneline"))
