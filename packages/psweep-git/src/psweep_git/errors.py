"""What psweep-git raises."""

from __future__ import annotations

from psweep import PsweepError

__all__ = ["GitError"]


class GitError(PsweepError, RuntimeError):
    """git cannot do what is asked of it; the message says why, and what to do."""
