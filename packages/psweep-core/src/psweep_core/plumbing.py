"""All that psweep_batch and psweep_git use of psweep_core, besides the public names."""

from .cli import run_command
from .params.grids import Pset
from .running.checks import check_df, check_func, check_params, explain_mistakes
from .running.done import prepared_hashes
from .running.options import Options, holds_data_only
from .running.recipe import carry_out
from .running.spooled import Chunk, spool_work
from .show.progress import Progress
from .status import Report, status
from .store.atomic import replacing
from .store.json_values import check_storable
from .store.layout import PRIVATE, Layout, PathLike, temporary_name
from .store.locks import file_lock
from .store.portable_pickle import dumps
from .store.spool import FREE, Claim, Spool, spools_of
from .store.study import Study
from .table.atoms import is_plain
from .table.cells import MISSING, cells, column
from .table.frames import append_frame, assemble, groups, is_private
from .table.rows import BOOK, EXTRAS, RESERVED, RUNTIME

__all__ = [
    "BOOK",
    "EXTRAS",
    "FREE",
    "MISSING",
    "PRIVATE",
    "RESERVED",
    "RUNTIME",
    "Chunk",
    "Claim",
    "Layout",
    "Options",
    "PathLike",
    "Progress",
    "Pset",
    "Report",
    "Spool",
    "Study",
    "append_frame",
    "assemble",
    "carry_out",
    "cells",
    "check_df",
    "check_func",
    "check_params",
    "check_storable",
    "column",
    "dumps",
    "explain_mistakes",
    "file_lock",
    "groups",
    "holds_data_only",
    "is_plain",
    "is_private",
    "prepared_hashes",
    "replacing",
    "run_command",
    "spool_work",
    "spools_of",
    "status",
    "temporary_name",
]
