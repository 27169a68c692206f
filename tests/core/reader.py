"""Read studies in a process of its own: a line of JSON with a request, a line with the answer."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import warnings

import pandas as pd

import psweep as ps
from psweep_core import cli


def main() -> None:
    warnings.simplefilter("error")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = read(**request)
        except BaseException as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def read(folder: str, base: str, results: list[str]) -> dict:
    os.chdir(folder)
    df = ps.df_read("calc")
    if base.endswith(".pk"):
        assert len(pd.read_pickle("calc/" + base)) == len(df)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(terminal):
        assert cli.db2table(["calc/" + base]) == 0
        ps.df_print(df)
        terminal.flush()
    psets = [ps.df_extract_pset(df, pset_id) for pset_id in df._pset_id]
    rows = [ps.df_extract_row(df, pset_id) for pset_id in df._pset_id]
    return {
        "rows": list(df._pset_hash),
        "psets": [ps.pset_hash(pset) for pset in psets],
        "results": [[hash_of(row[name]) for name in results if name in row] for row in rows],
        "dtypes": {repr(name): str(dtype) for name, dtype in df.dtypes.items()},
    }


def hash_of(value: object) -> str:
    """Hash any value; what has no hash counts as read."""
    try:
        return ps.pset_hash({"v": value})
    except Exception as error:
        return type(error).__name__


if __name__ == "__main__":
    main()
