"""All that psweep_batch and psweep_git use of psweep_core, besides the public names."""

from .contexts import contextmanager
from .git_environment import git_environment
from .messages import printable
from .params.grids import Pset
from .programs import run_command
from .running.carry_out import carry_out
from .running.checks import check_df, check_func, check_params
from .running.done import all_rows, not_failed
from .running.keywords import explain_mistakes
from .running.options import Options
from .running.provenance import Code
from .running.spool_work import Chunk, spool_work
from .show.closing_line import causes_of, show_line
from .show.progress import Progress
from .show.tracebacks import cause_of
from .show.widths import terminal_width, text_width, wrapped
from .states import ClaimState, count_failed
from .status import Report, status
from .store.atomic import replace_text, replacing
from .store.claims import OUT_OF_MEMORY, TIME_LIMIT, Claim
from .store.databases_in import databases_in
from .store.journal_reader import live_runs
from .store.json_values import check_storable
from .store.locks import file_lock
from .store.paths import (
    PRIVATE,
    REMOVED,
    RUNS,
    Layout,
    PathLike,
    folder_of,
    split_database,
    temporary_name,
)
from .store.portable_pickle import dumps
from .store.regular import no_link, open_regular
from .store.removed_numbers import removed_ids
from .store.runs_file import merge_runs
from .store.spool import Spool, spools_of
from .store.study import Study
from .store.suffixes import SUFFIXES, holds_data_only
from .store.unneeded import note_unneeded
from .table.atoms import is_atomic
from .table.bookkeeping import ATTEMPTS, BOOK, EXTRAS, RESERVED, RUNTIME, SEED, is_private
from .table.cells import MISSING, cells, column
from .table.frames import append_frame, assemble, groups
from .table.outcomes import failed_rows, recovered_rows, seconds_of, times_of

__all__ = [
    "ATTEMPTS",
    "BOOK",
    "EXTRAS",
    "MISSING",
    "OUT_OF_MEMORY",
    "PRIVATE",
    "REMOVED",
    "RESERVED",
    "RUNS",
    "RUNTIME",
    "SEED",
    "SUFFIXES",
    "TIME_LIMIT",
    "Chunk",
    "Claim",
    "ClaimState",
    "Code",
    "Layout",
    "Options",
    "PathLike",
    "Progress",
    "Pset",
    "Report",
    "Spool",
    "Study",
    "all_rows",
    "append_frame",
    "assemble",
    "carry_out",
    "cause_of",
    "causes_of",
    "cells",
    "check_df",
    "check_func",
    "check_params",
    "check_storable",
    "column",
    "contextmanager",
    "count_failed",
    "databases_in",
    "dumps",
    "explain_mistakes",
    "failed_rows",
    "file_lock",
    "folder_of",
    "git_environment",
    "groups",
    "holds_data_only",
    "is_atomic",
    "is_private",
    "live_runs",
    "merge_runs",
    "no_link",
    "not_failed",
    "note_unneeded",
    "open_regular",
    "printable",
    "recovered_rows",
    "removed_ids",
    "replace_text",
    "replacing",
    "run_command",
    "seconds_of",
    "show_line",
    "split_database",
    "spool_work",
    "spools_of",
    "status",
    "temporary_name",
    "terminal_width",
    "text_width",
    "times_of",
    "wrapped",
]
