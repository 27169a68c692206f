from psweep_batch import batch_cancel as batch_cancel
from psweep_batch import batch_collect as batch_collect
from psweep_batch import batch_resubmit as batch_resubmit
from psweep_batch import batch_status as batch_status
from psweep_batch import prep_batch as prep_batch
from psweep_batch import run_batch as run_batch
from psweep_core import *
from psweep_core import df_importance as df_importance
from psweep_core import df_plot as df_plot
from psweep_core import df_to_xarray as df_to_xarray
from psweep_core import edit as edit
from psweep_core import report as report
from psweep_git import git_commits as git_commits
