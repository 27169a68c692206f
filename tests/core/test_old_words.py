"""Scripts of psweep 0.8 to 0.16: old words are understood, or the new one is named."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import psweep as ps
from psweep_core.old_words import GONE_NAMES, NEW_NAMES

A = [{"a": 1}, {"a": 2}]


def func(pset):
    return {"y": pset["a"]}


@pytest.mark.parametrize("name", GONE_NAMES)
def test_names_that_are_gone_say_what_to_use(name):
    if name in dir(ps):
        return  # it came back
    with pytest.raises(AttributeError, match=f"module 'psweep' has no attribute '{name}'; .*"):
        getattr(ps, name)


@pytest.mark.parametrize("name", NEW_NAMES)
def test_names_that_are_called_differently(name):
    assert getattr(ps, name) is getattr(ps, NEW_NAMES[name])
    assert name not in dir(ps)


def test_other_names_have_no_hint():
    with pytest.raises(AttributeError, match="^module 'psweep' has no attribute 'nope'$"):
        ps.nope  # noqa: B018


def test_the_module_in_the_old_package():
    code = (
        "import psweep.psweep\nfrom psweep.psweep import run_local\nimport psweep as ps\n"
        "assert psweep.psweep is ps and run_local is ps.run_local\nassert 'psweep' not in dir(ps)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        (lambda: ps.pset_hash({"a": 1}, method="md5"), "method='md5' .* always SHA-1"),
        (lambda: ps.pset_hash({"a": 1}, raise_error=False), "catch psweep.HashError"),
        (lambda: ps.pset_hash({"a": 1}, skip_special_cols=False), "give them other names"),
        (lambda: ps.df_read(fn="x.pk", fmt="json"), "the suffix of the file chooses"),
        (lambda: ps.df_write("x.pk", pd.DataFrame(), fmt="json"), "the suffix of the file"),
        (lambda: ps.run_local(func, A, database_dir="x"), "the database is in calc_dir"),
        (lambda: ps.run_local(func, A, fill_value=0), "stays absent"),
        (lambda: ps.run_local(func, A, fill_value=pd.NA), "stays absent"),
        (lambda: ps.run_local(func, A, worker=func, func=func), "the old name of 'func'"),
        (lambda: ps.merge_dicts(*A, allow_dup_keys=False), "itr2params refuses"),
    ],
)
def test_keywords_that_are_gone_say_what_to_do(call, hint):
    with pytest.raises(ps.UnknownKeywordError, match=hint):
        call()
    assert not [*Path().iterdir()]


def test_old_keywords():
    given = {"method": "sha1", "raise_error": True, "skip_special_cols": True}
    assert ps.pset_hash(dct={"a": 1, "_b": 2}, **given) == ps.pset_hash({"a": 1})
    assert ps.logspace(1, 100, 3, base=2, log_func=np.log2).tolist() == [1, 10, 100]
    assert ps.flatten_dict({"a": {"b": 1}}, join_str="-") == {"a-b": 1}
    assert ps.merge_dicts(*A, allow_dup_keys=True) == {"a": 2}
    grid = ps.stargrid({"a": 1}, [ps.plist("b", [1, 1])], filter_dups=False)
    assert grid == [{"a": 1, "b": 1}] * 2
    ps.file_write(fn="x", txt="text")
    assert ps.file_read(fn="x") == "text"
    ps.pickle_write(fn="x.pk", obj=3)
    assert ps.pickle_read(fn="x.pk") == 3
    ps.json_write(fn="x.json", obj=[1])
    assert ps.json_read(fn="x.json") == [1]
    df = ps.run_local(worker=func, params=A, database_dir=None, verbose=None)
    ps.df_write(fn="y.pk", df=df, fmt="pickle")
    assert ps.df_read(fn="y.pk", fmt="pickle").equals(df)
    assert ps.df_extract_params(df, py_types=True) == A


def test_conditions_joined_by_words():
    df = pd.DataFrame({"a": [1, 2, 3]})
    assert ps.df_filter_conds(df, [df.a == 1, df.a == 3], op="or").a.tolist() == [1, 3]
    assert ps.df_filter_conds(df, [df.a > 1, df.a < 3], op="and").a.tolist() == [2]
    with pytest.raises(ps.ParamsTypeError, match="not 'xor'"):
        ps.df_filter_conds(df, [df.a > 1], op="xor")


def test_df_print_with_old_keywords(capsys):
    df = ps.run_local(func, A, save=False)
    ps.df_print(df, prefix_cols=True)
    assert "_pset_hash" in capsys.readouterr().out
    ps.df_print(df, cols=["y"], special_cols=True)
    words = capsys.readouterr().out.splitlines()[0].split()
    assert words[0] == "y"
    assert "_run_id" in words
    assert "a" not in words


@pytest.mark.parametrize(
    "params", [(pset for pset in A), np.array(A), iter(A), dict(enumerate(A)).values()]
)
def test_params_from_anything_that_can_be_looped_over(params):
    df = ps.run_local(func, params)
    assert ps.df_extract_params(df) == A


class ParameterGrid:
    """Like scikit-learn's: it has a length and can be looped over, but is no Sequence."""

    def __iter__(self):
        return iter(A)

    def __len__(self):
        return len(A)


def test_a_parameter_grid():
    assert ps.df_extract_params(ps.run_local(func, ParameterGrid(), save=False)) == A


@pytest.mark.parametrize("name", ["database", "study.db"])
def test_databases_with_other_suffixes(name):
    df = ps.run_local(func, A)
    Path("calc/database.pk").rename(f"calc/{name}")
    assert ps.df_read(f"calc/{name}").equals(df)
    assert len(ps.run_local(func, [*A, {"a": 3}], database_basename=name, skip_dups=True)) == 3
    assert len(ps.df_read(f"calc/{name}")) == 3
    Path("calc/text.db").write_text("a,b")
    with pytest.raises(ps.DatabaseError, match="'.db' names no database format"):
        ps.df_read("calc/text.db")


@pytest.mark.parametrize("orient", ["records", "split", "index", "columns", "values"])
def test_json_for_other_programs(orient):
    df = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", [1, (2, np.float64(3))]]})
    found = json.loads(ps.df_to_json(df, orient=orient))
    assert found == json.loads(df.to_json(orient=orient))
    with pytest.raises(ps.ParamsError, match=re.escape("orient must be one of 'records', ")):
        ps.df_to_json(df, orient="table")
