"""Random numbers of psets: fresh entropy in each process, or a seed of each pset's own.

A forked process starts with its parent's random state, and a module that seeds at import does so in
each process. So without help all workers would draw the same numbers.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import threading
import types
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from ..contexts import contextmanager

__all__ = [
    "SeedGenerators",
    "borrowed_generators",
    "own_generators",
    "process_token",
    "reseed",
    "reseed_once",
    "seed_generators",
]

SeedGenerators = Callable[[int], None]


class _Process:
    """What is known of this process. A forked child gets a new one."""

    def __init__(self) -> None:
        self.token = os.urandom(16)
        self.seeded = False
        self.lock = threading.Lock()
        self.seed: int | None = None  # of the pset that runs
        self.borrower: int | None = None  # the thread whose serial run seeds the generators
        self.torch_before: Any = None  # state of torch as it was imported during that run


_process = _Process()


def _renew() -> None:
    global _process
    _process = _Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def process_token() -> bytes:
    """Return what no other process has, unlike a pid, which a machine may use again."""
    return _process.token


def reseed_once(caller: bytes | None, again: bool = False) -> None:
    """Seed this process if psweep has not done so, and if it is not the caller's.

    Parameters
    ----------
    caller : bytes or None
        Token of the process that called psweep. None: the caller's process is known to be this one.
    again : bool, default False
        Seed it in any case, because modules were imported, which may have seeded.
    """
    if caller is None or caller == _process.token or (_process.seeded and not again):
        return
    with _process.lock:  # psets of several threads may come first
        if again or not _process.seeded:
            reseed()


def reseed() -> None:
    """Feed fresh entropy to the global generators of `random`, NumPy and torch.

    torch starts with the same seed in every process, so if it is imported later, it is seeded then.
    """
    _process.seed = None
    random.seed()
    np.random.seed()  # noqa: NPY002 (the global state is meant)
    if sys.modules.get("torch") is not None:
        _seed_torch(sys.modules["torch"])
    elif not any(isinstance(finder, _SeedTorchLater) for finder in sys.meta_path):
        sys.meta_path.insert(0, _SeedTorchLater())
    _process.seeded = True


def seed_generators(seed: int) -> None:
    """Seed the global generators of `random`, NumPy and torch for one pset.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1. torch gets it later if it is imported later.
    """
    _process.seed = seed
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (the global state is meant)
    if sys.modules.get("torch") is not None:
        _seed_torch(sys.modules["torch"])


@contextmanager
def own_generators() -> Iterator[SeedGenerators]:
    """Let a run seed the generators of a process that may go on with another run.

    Yields
    ------
    callable
        `seed_generators`.
    """
    try:
        yield seed_generators
    finally:
        reseed()


@contextmanager
def borrowed_generators() -> Iterator[SeedGenerators | None]:
    """Let a run in this process seed the global generators, and restore their state afterwards.

    Yields
    ------
    callable or None
        `seed_generators`. None if a run in another thread does so at the moment: the two would
        reset each other's numbers.
    """
    process, me = _process, threading.get_ident()
    with process.lock:
        before = process.borrower
        if before is None:
            process.borrower = me
    if before not in (None, me):
        yield None
        return
    outer_seed = process.seed
    torch = sys.modules.get("torch")
    of_torch = None if torch is None else _state_of(torch)
    of_random, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    later = None
    if torch is None and not any(isinstance(finder, _SeedTorchLater) for finder in sys.meta_path):
        later = _SeedTorchLater()
        sys.meta_path.insert(0, later)
    try:
        yield seed_generators
    finally:
        process.seed = outer_seed
        if later in sys.meta_path:
            sys.meta_path.remove(later)
        random.setstate(of_random)
        np.random.set_state(of_numpy)  # noqa: NPY002
        _restore_torch(of_torch if torch is not None else process.torch_before)
        process.torch_before = None
        process.borrower = before


def _state_of(torch: Any) -> Any:
    try:
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
        return torch.get_rng_state(), cuda
    except Exception:  # an installation that does not work is for func to notice
        return None


def _restore_torch(state: Any) -> None:
    torch: Any = sys.modules.get("torch")
    if state is not None and torch is not None:
        cpu, cuda = state
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)


def _seed_torch(torch: Any) -> None:
    # Seeds all devices, too; CUDA when it is first used, or not if it cannot be after a fork.
    seed = _process.seed
    try:
        if hasattr(torch, "manual_seed"):
            torch.manual_seed(int.from_bytes(os.urandom(8), "little") if seed is None else seed)
        else:
            torch.seed()
    except Exception:  # an installation that does not work is for func to notice
        return


class _SeedTorchLater:
    """Import torch as usual, and then seed it."""

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_seed(module: types.ModuleType) -> None:
                execute(module)
                _process.torch_before = _state_of(module)
                _seed_torch(module)

            spec.loader.exec_module = execute_and_seed  # type: ignore[method-assign]
        return spec
