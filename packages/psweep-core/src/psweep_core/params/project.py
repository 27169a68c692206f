"""Which files are of the user's project: their code counts, that of others by its name."""

from __future__ import annotations

import functools
import os
import sys
import types
from typing import Any

__all__ = ["Project"]

_PACKAGES = tuple(f"{os.sep}{name}-packages{os.sep}" for name in ("site", "dist"))
_STDLIB = os.path.join(os.path.dirname(os.__file__), "")
_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_MAX_WRAPPERS = 9  # around a function


class Project:
    """Tells the files of the user's project from others.

    They are below the working folder or the script's folder, and in no site-packages. Code that is
    in no file, such as a cell of a notebook, is of the project, too. So is the file of `func`,
    wherever that is, unless it is installed.
    """

    def __init__(self, func: Any) -> None:
        file = getattr(sys.modules.get("__main__"), "__file__", None)
        folders = {os.getcwd()} | ({os.path.dirname(os.path.abspath(file))} if file else set())
        folders |= {os.path.realpath(folder) for folder in folders}
        self.folders = sorted(folders)
        self._tops = tuple(os.path.join(folder, "") for folder in self.folders)
        self._files = {os.path.abspath(file) for file in _files_of(func)}
        self._known: dict[str, bool] = {}

    def has(self, file: str) -> bool:
        """Return whether a file is of the project."""
        if file not in self._known:
            path = os.path.abspath(file)
            self._known[file] = (
                (
                    not os.path.exists(path)
                    or (
                        (path.startswith(self._tops) or path in self._files)
                        and not path.startswith((_OURS, _STDLIB))
                    )
                )
                and not any(part in path for part in _PACKAGES)
                and not file.startswith("<frozen")
            )
        return self._known[file]

    def has_module(self, module: types.ModuleType) -> bool:
        """Return whether a module or package is of the project, also one without `__init__.py`."""
        file = getattr(module, "__file__", None)
        if file is not None:
            return isinstance(file, str) and self.has(file)
        return any(self.has(folder) for folder in getattr(module, "__path__", ()))

    def file_of(self, module: str, level: int, variables: dict[str, Any]) -> str | None:
        """Find the file of a module that code with these global variables imports."""
        folders = self.folders
        if level:
            here = variables.get("__file__")
            if not isinstance(here, str):
                return None
            for _ in range(level):
                here = os.path.dirname(os.path.abspath(here))
            folders = [here]
        parts = module.split(".") if module else []
        for folder in folders:
            path = os.path.join(folder, *parts)
            for file in (f"{path}.py", os.path.join(path, "__init__.py")):
                if parts and os.path.isfile(file) and self.has(file):
                    return file
        return None


def _files_of(func: Any, depth: int = 0) -> list[str]:
    """Return the files with the code of a function, also of one in a partial or a decorator."""
    found, inner = [], []
    if isinstance(func, types.FunctionType):
        found, inner = [func.__code__.co_filename], [vars(func).get("__wrapped__")]
    elif isinstance(func, types.MethodType):
        inner = [func.__func__]
    elif isinstance(func, functools.partial):
        inner = [func.func]
    elif callable(func) and not isinstance(func, type):
        kinds = types.FunctionType, types.MethodType, functools.partial
        own = getattr(func, "__dict__", {}).values()
        inner = [type(func).__call__, *(value for value in own if isinstance(value, kinds))]
    if depth < _MAX_WRAPPERS:
        for each in inner:
            found += _files_of(each, depth + 1)
    return found
