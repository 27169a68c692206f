"""``psweep-task``: run the psets of one task of a batch job.

It imports other modules only when it needs them, see `programs`.
"""

from __future__ import annotations

from collections.abc import Sequence

from .programs import parser_of

__all__ = ["task"]


def task(argv: Sequence[str] | None = None) -> int:
    """Run the psets of one task of a batch job (``psweep-task``).

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments. None: those of the command line.

    Returns
    -------
    int
        Exit status: 0, also if some psets were given back or have failed; 1 if the task could not
        run them.
    """
    parser_of(
        "psweep-task",
        "Run the psets of one task of a batch job. A jobscript calls it, see prep_batch.",
    ).parse_args(argv)
    from .running.task import task as run

    return run()
