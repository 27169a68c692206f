"""Read the output of the program with your own function.

`reader` gets the folder of a pset and returns a dict of results. If it raises an exception, the
pset counts as failed, with the traceback in `_exc_txt`, so it need not handle incomplete output.
Look at `hours`: Tc-99m is at its maximum after 22.8 hours, and so it is milked once a day. How
many steps does it take to get there?
"""

import re

import psweep as ps


def reader(folder):
    text = (folder / "output.txt").read_text(encoding="utf-8")
    found = re.search(r"^maximum (\S+) after (\S+) hours$", text, re.MULTILINE)
    return {"activity": float(found[1]), "hours": float(found[2])}


if __name__ == "__main__":
    df = ps.batch_collect("calc", reader=reader)

    print(f"{df._pset_runtime.notna().sum()} of {len(df)} psets have been run")
    ps.df_print(df, skip_cols=["mother", "daughter", "branching"])
