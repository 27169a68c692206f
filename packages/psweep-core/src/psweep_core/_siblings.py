"""The other distributions: which name is in which of them, and how to get it.

A script says ``import psweep as ps`` wherever it runs. Names of siblings are looked up when they
are used, so that they cost nothing where only psweep-core is installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Final

from ._version import __version__
from .errors import NotInstalledError, VersionMismatchError

__all__ = ["NAMES", "installed_names", "load"]

_DISTRIBUTIONS: Final = {"psweep_batch": "psweep-batch", "psweep_git": "psweep-git"}

# public name of psweep: the module that holds it
NAMES: Final[dict[str, str]] = {
    "batch_cancel": "psweep_batch",
    "batch_collect": "psweep_batch",
    "batch_resubmit": "psweep_batch",
    "batch_status": "psweep_batch",
    "git_commits": "psweep_git",
    "prep_batch": "psweep_batch",
    "run_batch": "psweep_batch",
}


def installed_names() -> list[str]:
    """List the public names of those siblings that are here."""
    return [name for name, module in NAMES.items() if importlib.util.find_spec(module)]


def load(module: str, feature: str) -> ModuleType:
    """Import a sibling.

    Parameters
    ----------
    module : str
        Its import package.
    feature : str
        What the user asked for, for the error.

    Raises
    ------
    NotInstalledError
        It is not installed. (An error inside it passes through.)
    VersionMismatchError
        It is of another version than psweep-core.
    """
    distribution = _DISTRIBUTIONS[module]
    install = (
        f"pip install {distribution}=={__version__} (in a clone of the repository: "
        f"pip install ./packages/{distribution})"
    )
    try:
        sibling = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        message = f"{feature} needs {distribution}: {install}"
        raise NotInstalledError(message, name=module) from None
    if sibling.__version__ != __version__:
        message = (
            f"{distribution} {sibling.__version__} ({sibling.__file__}) does not fit psweep-core "
            f"{__version__} ({__file__}): {install}"
        )
        raise VersionMismatchError(message, name=module)
    return sibling
