"""Several databases in one folder have one submit script for each machine."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest
from helpers import submit

import psweep as ps

NAMES = ["first.pk", "second.json", "database.pk"]
SQUARE = "echo '{\"b\": '$$(($a * $a))'}' >result.json\n"


def square(pset):
    return {"b": pset["a"] ** 2}


@pytest.fixture(autouse=True)
def programs(monkeypatch):
    """As an activated environment."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")


def prepare(a, name, func=None, **kwds):
    templ = {"func": func} if func else {"calc_templ_dir": None}
    return ps.prep_batch(ps.plist("a", a), database_basename=name, **templ, **kwds)


def found(name, func):
    return ps.recover(f"calc/{name}") if func else ps.batch_collect(f"calc/{name}")


@pytest.mark.parametrize("func", [None, square])
@pytest.mark.parametrize("names", [NAMES[:2], NAMES, NAMES[::-1]])
def test_all_are_submitted(templates, func, names, capfd):
    templates(m=("subcmd: sh", "psweep-task" if func else SQUARE))
    for i, name in enumerate(names):
        prepare([i, 10 + i], name, func)
    assert f"also submits {2 * len(names) - 2} psets" in capfd.readouterr().err
    prepare([20], names[0], func)
    submit("calc/run_m.sh")
    for i, name in enumerate(names):
        a = [i, 10 + i, 20] if i == 0 else [i, 10 + i]
        df = found(name, func)
        assert df.a.tolist() == a
        assert df.b.tolist() == [value**2 for value in a]
    assert "0 submitted now" in submit("calc/run_m.sh")


def test_lines_stay_as_a_user_has_left_them(templates):
    templates(m=("subcmd: sh", SQUARE))
    first = prepare([1, 2, 3], "first.pk")
    path = Path("calc/run_m.sh")
    lines = path.read_text().splitlines(keepends=True)
    line = next(line for line in lines if first._pset_id[0] in line)
    text = "".join(line for line in lines if first._pset_id[1] not in line)
    text = text.replace(line, line.replace(" sh ", " sh -e "))
    path.write_text(text)
    prepare([4], "second.pk")  # has the same _run_seq
    prepare([5], "first.pk")
    text = path.read_text()
    assert line.replace(" sh ", " sh -e ") in text
    assert first._pset_id[1] not in text
    submit(path)
    assert ps.batch_collect("calc/first.pk").b.tolist()[::2] == [1, 9]
    assert ps.batch_collect("calc/second.pk").b.tolist() == [16]


def test_a_call_that_was_killed_is_not_taken_for_one_of_another_database(templates):
    templates(m=("subcmd: sh", SQUARE))
    prepare([1], "first.pk")
    before = Path("calc/run_m.sh").read_text()
    prepare([2], "second.pk")
    Path("calc/run_m.sh").write_text(before)  # as if it was killed before it wrote this
    prepare([3], "second.pk")
    submit("calc/run_m.sh")
    assert ps.batch_collect("calc/first.pk").b.tolist() == [1]
    assert ps.batch_collect("calc/second.pk").b.tolist() == [4, 9]


def test_a_database_that_cannot_be_read_hinders_no_other(templates):
    templates(m=("subcmd: sh", "psweep-task"))
    prepare([1], "first.pk", square)
    prepare([2], "second.pk", square)
    Path("calc/first.pk").write_bytes(b"damaged")
    prepare([3], "second.pk", square)
    submit("calc/run_m.sh")
    assert ps.recover("calc/second.pk").b.tolist() == [4, 9]


def test_calls_at_the_same_time(templates):
    templates(m=("subcmd: sh", SQUARE))
    names = [f"study{i}.pk" for i in range(4)]
    threads = [threading.Thread(target=prepare, args=([i], name)) for i, name in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    submit("calc/run_m.sh")
    assert [ps.batch_collect(f"calc/{name}").b[0] for name in names] == [0, 1, 4, 9]
