"""The environment in which git uses the repository that a folder is in."""

from __future__ import annotations

import os

__all__ = ["git_environment"]

# Variables that say which repository git uses. In a hook, git sets them, and then it takes the
# folder where it is called for the top of the working tree, and a repository inside for the one
# around it.
_PLACES = {
    "GIT_COMMON_DIR", "GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
    "GIT_WORK_TREE",
}  # fmt: skip


def git_environment() -> dict[str, str]:
    """Return the environment without variables that name a repository."""
    return {name: value for name, value in os.environ.items() if name not in _PLACES}
