"""Whether a lock is held, also where nothing may be written."""

from __future__ import annotations

import pytest

from psweep_core.store.locks import _is_locked_by_others, file_lock, is_locked

pytest.importorskip("fcntl", reason="needs a system with flock")


@pytest.mark.parametrize("look", [is_locked, _is_locked_by_others])
def test_a_lock_is_held_until_it_is_released(look, tmp_path):
    path = tmp_path / "lock"
    assert not look(path)
    lock = file_lock(path)
    with lock:
        assert look(path)
    path.touch()
    assert not look(path)
