from psweep_batch import batch_cancel as batch_cancel
from psweep_batch import batch_collect as batch_collect
from psweep_batch import batch_resubmit as batch_resubmit
from psweep_batch import batch_status as batch_status
from psweep_batch import prep_batch as prep_batch
from psweep_batch import run_batch as run_batch
from psweep_core import *
from psweep_core import report as report
from psweep_git import git_commits as git_commits
