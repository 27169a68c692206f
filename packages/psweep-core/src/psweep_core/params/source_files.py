"""Source files as syntax trees: where a function, a class or a global name is defined.

Trees are kept while their file does not change. A file that was changed since this process started
may say something else than the code that runs. Of such a file, only functions count whose byte code
is the same.
"""

from __future__ import annotations

import ast
import linecache
import os
import sys
import time
import types
from collections.abc import Iterator
from typing import Any, cast

from .scopes import Scope, Scopes
from .sources import compiled, shape

__all__ = [
    "SourceFile",
    "changed_paths",
    "gives_value",
    "import_of",
    "imported_module",
    "passing_names",
    "source_file",
]

_START = time.time()
_IN_LOOPS = (ast.Expr, ast.AugAssign)
# whose statements count one by one
_BRANCHES = (ast.If, ast.Try, getattr(ast, "TryStar", ast.Try), ast.ExceptHandler, ast.Match,
             ast.match_case)  # fmt: skip
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_INNER = ("body", "orelse", "finalbody", "handlers", "cases")


class SourceFile:
    """One source file, or a cell of a notebook.

    Parameters
    ----------
    text : str
    is_current : bool
        It has not changed since this process started.
    """

    def __init__(self, text: str, is_current: bool) -> None:
        self.text = text
        self.tree = ast.parse(text)
        self._is_current = is_current
        self._functions: dict[tuple[str, int], list[Any]] = {}
        self._classes: dict[str, list[ast.ClassDef]] = {}
        self._index(self.tree.body, "")
        self._statements: dict[str, list[ast.stmt]] | None = None
        self._in_functions: list[tuple[str, ast.stmt, ast.stmt]] | None = None
        self.forms: dict[Any, Any] = {}  # a cache for the user of this class

    def _index(self, nodes: list[Any], where: str) -> None:
        for node in nodes:
            inside = where
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                line = [*node.decorator_list, node][0].lineno
                self._functions.setdefault((node.name, line), []).append(node)
                inside = f"{where}{node.name}.<locals>."
            elif isinstance(node, ast.ClassDef):
                self._classes.setdefault(where + node.name, []).append(node)
                inside = f"{where}{node.name}."
            for name in _INNER:
                some = getattr(node, name, None)
                if isinstance(some, list):
                    self._index(some, inside)

    def function(self, code: types.CodeType) -> ast.AST | None:
        """Find the function that was compiled to `code`."""
        if self._is_current:
            if code.co_name == "<lambda>":
                found = [*self._lambdas(code.co_firstlineno)]
            else:
                found = self._functions.get((code.co_name, code.co_firstlineno), [])
            if len(found) == 1:
                return found[0]
        wanted = shape(code)
        try:
            nodes = compiled(self.text)
        except (SyntaxError, ValueError, RecursionError):
            return None
        alike = [(line, node) for name, line, node, other in nodes
                 if name == code.co_name and shape(other) == wanted]  # fmt: skip
        alike.sort(key=lambda some: abs(some[0] - code.co_firstlineno))
        return alike[0][1] if alike else None

    def _lambdas(self, line: int) -> Iterator[ast.Lambda]:
        for top in self.tree.body:
            if top.lineno <= line <= (top.end_lineno or line):
                for node in ast.walk(top):
                    if isinstance(node, ast.Lambda) and node.lineno == line:
                        yield node

    def class_(self, qualname: str) -> ast.ClassDef | None:
        """Find a class."""
        found = self._classes.get(qualname, [])
        return found[-1] if found else None

    def statements(self, name: str) -> list[ast.stmt]:
        """Find the statements outside functions that make the value of a global name."""
        if self._statements is None:
            self._statements = {}
            self._find_statements(self.tree.body, self._statements)
        return self._statements.get(name, [])

    def changes_after(self, name: str, node: ast.stmt) -> int:
        """Count the statements outside functions that change a global name after `node`."""
        if isinstance(node, ast.FunctionDef):  # see `_alone`
            return 0
        return sum(other.lineno > node.lineno for other in self.statements(name))

    def is_loop_variable(self, name: str) -> bool:
        """Return whether a loop outside functions gives a global name one value after another."""
        return any(
            name in _stored(part)
            for node in self.statements(name)
            if isinstance(node, ast.For)
            for part in ast.walk(node.target)
        )

    def added_to(self, name: str) -> list[ast.stmt]:
        """Find the statements that change a function or a class after it was made."""
        return [
            node
            for node in self.statements(name)
            if not isinstance(node, ast.Import | ast.ImportFrom) and not gives_value(node, name)
        ]

    def all_statements(self) -> Iterator[tuple[str, ast.stmt]]:
        """Return each statement outside functions that changes something, and the global name."""
        self.statements("")
        for name, nodes in (self._statements or {}).items():
            for node in nodes:
                yield name, node

    def changes_in_functions(self) -> list[tuple[str, ast.stmt, ast.stmt]]:
        """Find the statements in functions that change a value from outside of them.

        Returns
        -------
        list of (str, stmt, stmt)
            The global name, the statement, and the same as a function of the local variables that
            it uses.
        """
        if self._in_functions is None:
            self._in_functions = []
            defined = {node.name for node in self.tree.body if isinstance(node, _DEFINITIONS)}
            for function in self.tree.body:
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                found: dict[str, list[ast.stmt]] = {}
                self._find_statements(function.body, found)
                names = [name for name in found if name in defined or self.statements(name)]
                scope = Scopes(function).of(function) if names else None
                for name in names:
                    if scope is not None and scope.owner(name) is None:
                        self._in_functions += [(name, n, _alone(n, scope)) for n in found[name]]
        return self._in_functions

    def _find_statements(self, body: list[Any], found: dict[str, list[ast.stmt]]) -> None:
        for node in body:
            if isinstance(node, _DEFINITIONS):
                continue
            for name in _changed_by(node):
                found.setdefault(name, []).append(node)
            if isinstance(node, _BRANCHES):
                for inner in _INNER:
                    self._find_statements(getattr(node, inner, []), found)


def _alone(node: ast.stmt, scope: Scope) -> ast.stmt:
    """Write a statement of a function as a function of the local variables that it uses."""
    used = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    function: Any = ast.parse("def alone(): ...").body[0]
    function.args.args = [ast.arg(n) for n in dict.fromkeys(used) if scope.owner(n) is not None]
    declared = [n for n in dict.fromkeys(used) if n in scope.declared_global]
    function.body = [ast.Global(declared), node] if declared else [node]
    return cast("ast.stmt", function)


def _changed_by(node: ast.stmt) -> set[str]:
    """Return the names that a statement gives a value, or whose value it changes."""
    return {path[0] for path in changed_paths(node)}


def changed_paths(node: ast.stmt) -> set[tuple[str, ...]]:
    """Return what a statement gives a value or changes, from the name on.

    This is ``("a",)`` for ``a = 1``, ``("h", "a")`` for ``h.a = 1``, and ``("h", "a", "append()")``
    for ``h.a.append(1)``.
    """
    if isinstance(node, _BRANCHES):
        return set()  # what is in them is looked at
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name.partition(".")[0],) for alias in node.names}
    if isinstance(node, ast.Expr):
        value: Any = node.value
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            return {(*_path(value.func.value), f"{value.func.attr}()")}
        if isinstance(value, ast.Call) and _path(value.func)[0] in ("setattr", "delattr"):
            attribute = getattr(value.args[1], "value", "") if len(value.args) > 1 else ""
            return {(*_path(each), str(attribute)) for each in value.args[:1]}
        return set()
    targets: list[Any] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = node.targets
    elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        return {(node.target.id, "+=")}  # of a list, it changes the list itself
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    elif isinstance(node, ast.For | ast.With | ast.While):
        targets = [node]
    return {
        path
        for target in targets
        for part in ast.walk(target)
        for path in (changed_paths(part) if isinstance(part, _IN_LOOPS) else _stored_paths(part))
    }


def gives_value(node: ast.stmt, name: str) -> bool:
    """Return whether a statement gives a name its value, not only changes what it stands for."""
    return any(
        isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store)
        for part in ast.walk(node)
    )


def passing_names(node: ast.stmt, name: str) -> set[str]:
    """Return names that a loop sets on its way, but not to change the value of `name`.

    In ``for n in sizes: run(n); CALLS.clear()``, this is `n` for ``CALLS``. In
    ``for k in ks: SCALES.append(k); run()``, there is none for ``SCALES``.
    """
    if not isinstance(node, ast.For | ast.With | ast.While):
        return set()
    inner = [part for part in ast.walk(node) if isinstance(part, ast.stmt) and part is not node]
    changing = [part for part in inner if name in _changed_by(part)]
    if not changing:  # the loop itself sets it
        return set()
    used = {part.id for some in changing for part in ast.walk(some) if isinstance(part, ast.Name)}
    return set[str]().union(*map(_stored, ast.walk(node))) - used


def _stored(node: ast.AST) -> set[str]:
    return {path[0] for path in _stored_paths(node)}


def _stored_paths(node: ast.AST) -> set[tuple[str, ...]]:
    if not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return set()
    return {_path(node)} if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else set()


def _path(node: Any) -> tuple[str, ...]:
    """Write ``h.a["x"].y`` as ``("h", "a", "[]", "y")``; without a name, it starts with ``""``."""
    path: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        path.append(node.attr if isinstance(node, ast.Attribute) else "[]")
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else "", *reversed(path)


_files: dict[str, tuple[Any, SourceFile | None]] = {}


def source_file(name: str, variables: dict[str, Any] | None = None) -> SourceFile | None:
    """Return the file, or the cell of a notebook, of that name; None if it cannot be read."""
    is_current = True
    try:
        stat = os.stat(name)
        key: Any = stat.st_mtime_ns, stat.st_size
        is_current = stat.st_mtime < _START
    except (OSError, ValueError):
        key = "".join(linecache.getlines(name, variables))
    known_key, known = _files.get(name, (None, None))
    if known_key == key:
        return known
    try:
        text = key
        if not isinstance(text, str):
            with open(name, "rb") as file:
                text = _decoded(file.read())
        found = SourceFile(text, is_current) if text else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        found = None
    if len(_files) > 1000:  # cells of a long session
        _files.clear()
    _files[name] = key, found
    return found


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def import_of(node: Any, name: str) -> tuple[str, int, str] | None:
    """Return module, dots and name if a statement imports `name` by ``from ... import``."""
    for alias in getattr(node, "names", ()):
        if hasattr(node, "level") and (alias.asname or alias.name) == name:
            return node.module or "", node.level, alias.name
    return None


def imported_module(module: str, level: int, variables: dict[str, Any]) -> types.ModuleType | None:
    """Return a module that code with these global variables has imported."""
    if level:
        package = str(variables.get("__package__") or "")
        base = package.rsplit(".", level - 1)[0] if level > 1 else package
        module = f"{base}.{module}" if module else base
    return sys.modules.get(module)
