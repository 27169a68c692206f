"""Ctrl-C, also more than once: what was locked is released, what was held back is not lost."""

from __future__ import annotations

import os
import signal

import pytest

import psweep as ps
from psweep_core.running.interrupts import Interrupts
from psweep_core.store.journal import Journal
from psweep_core.store.paths import Layout

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("poolsize", [None, 1])
def test_ctrl_c_again_and_again_leaves_no_lock(monkeypatch, poolsize):
    close = Journal.close

    def interrupted(self):
        ctrl_c()
        close(self)
        ctrl_c()

    def func(pset):
        if pset["a"] == 2:
            os.kill(parent, signal.SIGINT)
            threading_wait()
        return {}

    def threading_wait():
        import threading

        threading.Event().wait(None if poolsize else 0.01)

    parent = os.getpid()
    monkeypatch.setattr(Journal, "close", interrupted)
    kept = []
    for _ in range(3):
        try:
            ps.run_local(func, ps.plist("a", range(5)), poolsize=poolsize)
        except KeyboardInterrupt as error:
            kept.append(error)  # with all its frames, as a notebook does
    assert len(kept) == 3
    assert Layout("calc").journals() == []
    assert ps.df_read("calc/database.pk").a.tolist() == [0, 1] * 3


def test_ctrl_c_while_the_journal_of_a_run_that_is_through_is_closed_counts():
    close = Journal.close
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "close", lambda self: (ctrl_c(), close(self)))
        with pytest.raises(KeyboardInterrupt):
            ps.run_local(lambda p: {}, ps.plist("a", range(5)))
    assert ps.recover("calc").a.tolist() == list(range(5))


def test_one_that_is_held_back_comes_when_it_may():
    with Interrupts() as interrupts:
        interrupts.hold_back()
        ctrl_c()
        ctrl_c()
        with pytest.raises(KeyboardInterrupt):
            interrupts.allow()
        interrupts.forget()
        interrupts.allow()
        with pytest.raises(KeyboardInterrupt):
            ctrl_c()


def test_a_handler_that_does_not_raise_is_called_each_time():
    called = []
    signal.signal(signal.SIGINT, lambda *args: called.append(1))
    with Interrupts():
        ctrl_c()
        ctrl_c()
    assert called == [1, 1]
    signal.signal(signal.SIGINT, signal.default_int_handler)
