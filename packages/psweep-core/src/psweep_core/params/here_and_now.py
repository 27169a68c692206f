"""Global values that say where and when some code runs, but not what it does.

A study that was moved, or that runs on another machine or on another day, still has the same code.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from typing import Any

from .source_files import SourceFile, gives_value, import_of, imported_module

__all__ = ["OF_MODULE", "from_its_folder", "is_of_process"]

# what Python sets in each module: says where it is, not what it does
OF_MODULE = frozenset(
    {
        "__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__",
        "__package__", "__path__", "__spec__",
    }
)  # fmt: skip
# functions that return something else in each process or on each machine, also as methods
_OF_PROCESS = frozenset(
    {
        "cpu_count", "ctime", "expanduser", "get_terminal_size", "getfqdn", "gethostname",
        "getlogin", "getpid", "getppid", "gettempdir", "getuser", "home", "isatty", "localtime",
        "mkdtemp", "mkstemp", "monotonic", "monotonic_ns", "now", "perf_counter",
        "perf_counter_ns", "process_cpu_count", "sched_getaffinity", "strftime", "time", "time_ns",
        "today", "uname", "utcnow", "uuid1", "uuid4",
    }
)  # fmt: skip
# what the user passes, even if one of the functions above gives its default
_PASSED = frozenset({"argv", "environ", "getenv", "input", "parse_args"})

_SourceOf = Callable[[dict[str, Any]], "SourceFile | None"]


def is_of_process(name: str, variables: dict[str, Any], source_of: _SourceOf) -> bool:
    """Return whether a global value says when or on which machine the code runs.

    This is so for ``T0 = time.time()``, and for ``LOG = f"{T0}.log"``, but not for what the user
    passes, as in ``N = int(os.environ.get("N", os.cpu_count()))``.
    """
    used = _used(name, variables, source_of)
    return not used.isdisjoint(_OF_PROCESS) and used.isdisjoint(_PASSED)


def from_its_folder(
    text: str,
    name: str,
    variables: dict[str, Any],
    source_of: _SourceOf,
) -> str:
    """Write the folder of a file in a global text as a number.

    Parameters
    ----------
    text : str
        The value.
    name : str
        The global name, as of ``HERE = os.path.dirname(__file__)``.
    variables : dict
        The global variables of the file.
    source_of : callable
        Finds the source of a file of the project by its global variables.

    Returns
    -------
    str
        The text with ``<0>`` for the folder, if the text is not written so in the file. If it is
        made from ``__file__`` or the working folder, also with ``<1>`` for the parent, and so on.
    """
    source = source_of(variables)
    if source is None or os.sep not in text:
        return text
    parts = [part for node in source.statements(name) for part in ast.walk(node)]
    if any(isinstance(part, ast.Constant) and part.value == text for part in parts):
        return text
    file = os.path.abspath(variables["__file__"])
    is_made_here = not _used(name, variables, source_of).isdisjoint({"__file__", "getcwd"})
    depth = len(file.split(os.sep)) if is_made_here else 1
    for start in dict.fromkeys([file, os.path.realpath(file)]):
        folder = start
        for i in range(depth):
            folder = os.path.dirname(folder)
            if folder == os.path.dirname(folder):
                break
            text = re.sub(rf"(?<![\w.\-]){re.escape(folder)}(?![\w.\-])", f"<{i}>", text)
    return text


def _used(name: str, variables: dict[str, Any], source_of: _SourceOf) -> set[str]:
    """Return what a global value is made from, also by way of other names.

    These are the names of functions that are called or imported, attributes, and ``__file__``.
    """
    used: set[str] = set()
    todo = [(name, variables)]
    seen = set()
    while todo:
        name, variables = todo.pop()
        if (id(variables), name) in seen:
            continue
        seen.add((id(variables), name))
        source = source_of(variables)
        if source is None:
            continue
        for node in source.statements(name):
            imported = import_of(node, name)
            if imported is not None:
                used.add(imported[2])
                module = imported_module(*imported[:2], variables)
                todo += [] if module is None else [(imported[2], vars(module))]
            elif isinstance(node, ast.Assign | ast.AnnAssign) and gives_value(node, name):
                key = "used", node
                if key not in source.forms:
                    source.forms[key] = _words(node)
                names, words = source.forms[key]
                used |= words
                todo += [(each, variables) for each in names]
    return used


def _words(node: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the names in a statement, and the functions and attributes that matter here."""
    names: set[str] = set()
    words: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            names.add(part.id)
            words |= {part.id} & {"__file__", "input"}
        elif isinstance(part, ast.Attribute):
            words |= {part.attr} & _PASSED
        elif isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute):
            words.add(part.func.attr)
    return names, words
