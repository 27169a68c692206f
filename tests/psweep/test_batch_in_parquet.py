"""Batch jobs of a study whose database is a Parquet file, which psweep-batch alone cannot read."""

from __future__ import annotations

import subprocess

import pandas as pd
import pytest

import psweep as ps


def test_results_are_collected_into_parquet(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow", reason="needs pyarrow: pip install pyarrow")
    monkeypatch.chdir(tmp_path)
    ps.file_write("templates/machines/local/info.yaml", "subcmd: sh")
    job = "[ $a -lt 2 ] || exit 3\necho '{\"b\": $a}' >result.json\n"
    ps.file_write("templates/machines/local/jobscript", f"#!/bin/sh\n{job}")
    params = ps.plist("a", range(3))
    name = "database.parquet"
    ps.prep_batch(params, calc_templ_dir=None, database_basename=name)
    subprocess.run(["sh", "calc/run_local.sh"], check=True)
    df = ps.batch_collect()
    assert df.b.tolist() == [0, 1, pd.NA]
    assert df._failed.tolist() == [False, False, True]
    pd.testing.assert_frame_equal(ps.df_read(f"calc/{name}"), df)
    pd.testing.assert_frame_equal(ps.batch_collect(database_basename=name), df)
