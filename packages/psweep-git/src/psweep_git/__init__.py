"""psweep-git: put the code that ran and its results under version control.

It is used by ``psweep.run_local(..., git=True)``.
"""

from ._version import __version__
from .commits import git_commits
from .errors import GitError

__all__ = ["GitError", "__version__", "git_commits"]
