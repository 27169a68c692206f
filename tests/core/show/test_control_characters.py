"""Control characters in values never reach a terminal."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import pytest

import psweep as ps
from psweep_core import cli
from psweep_core.messages import printable

status = importlib.import_module("psweep_core.status").status
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\b\r\u202egnp.exe"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


def func(pset):
    if pset["a"] == 2:
        raise ValueError(EVIL)
    return {"b": EVIL, EVIL: 1, "c": [EVIL], "d": Loud()}


class Loud:
    def __repr__(self):
        return EVIL


@pytest.fixture
def df():
    return ps.run_local(
        func, ps.plist("a", [1, 2, EVIL]), on_error="record", verbose=True, progress=False
    )


def test_nothing_that_is_printed_holds_any(df, capsys):
    folder = "0" * 8 + "-0000-4000-8000-" + "0" * 12
    Path("calc", folder).mkdir()
    ps.df_print(df, special_cols=True, index=True)
    for style in ("simple", "psql", "plain", "html", "tsv"):
        assert cli.db2table(["calc", "-a", "-f", style]) == 0
    assert cli.db2table(["calc", EVIL]) == 0
    assert cli.db2table(["calc", "nothing" + EVIL]) == 1
    ps.df_write(df.drop(columns="d"), "copy.json")
    assert cli.db2json(["copy.json"]) == 0
    assert cli.checkdir(["calc"]) == 1
    assert cli.checkdir([EVIL]) == 1
    assert status(["-c", "calc"]) == 4
    assert status(["-c", "calc", "--watch"]) == 4
    out, err = capsys.readouterr()
    assert not CONTROL.findall(out)
    assert not CONTROL.findall(err)
    assert r"\x1b[2J" in out
    assert r"\x1b[2J" in err


def test_what_is_not_dangerous_is_left_alone(capsys):
    text = "α→β 中文 é\tx\nnext line 🙂"
    assert printable(text) == text
    assert printable("\x00\x1b\x9b") == r"\x00\x1b\x9b"


@pytest.mark.skipif(os.name != "posix", reason="names that Windows does not have")
def test_columns_stay_aligned(capsys):
    ps.df_print(ps.run_local(lambda p: {"b": 1}, ps.plist("a", ["\x1b[2J", "xx"])))
    lines = capsys.readouterr().out.splitlines()
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize("char", "\u200e\u200f\u061c\u2028\u2029\ufeff\U000e0041\u202e\u2066\x9b")
def test_what_is_not_seen_is_shown_escaped(char, capsys):
    shown = char.encode("unicode_escape").decode()
    assert printable(f"a{char}b") == f"a{shown}b"
    df = ps.run_local(lambda p: {"y": f"x{char}y"}, [{"a": f"1{char}2"}])
    ps.df_print(df)
    assert cli.db2table(["calc"]) == 0
    assert cli.db2table(["calc", f"no{char}column"]) == 1
    printed = "".join(capsys.readouterr())
    assert char not in printed
    assert printed.count(shown) >= 5


def test_words_of_any_language_are_shown_as_they_are():
    for text in ("naïve", "日本語", "שלום", "مرحبا", "👩\u200d🔬", "e\u0301"):
        assert printable(text) == text
