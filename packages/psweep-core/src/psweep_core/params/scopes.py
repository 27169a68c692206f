"""Which function, comprehension or class a name in source code belongs to, as Python has it."""

from __future__ import annotations

import ast
from typing import Any

__all__ = ["COMPREHENSIONS", "FUNCTIONS", "Scope", "Scopes"]

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_CAPTURES = {ast.ExceptHandler: "name", ast.MatchAs: "name", ast.MatchStar: "name",
             ast.MatchMapping: "rest"}  # fmt: skip
_DEFINITIONS = frozenset({*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef})


class Scope:
    """What binds names.

    Parameters
    ----------
    parent : Scope or None
        The one around it. None: the top of a file, or whatever is around the code.
    kind : type
        Of the node.
    """

    __slots__ = ("declared_global", "declared_nonlocal", "kind", "names", "parent")

    def __init__(self, parent: Scope | None, kind: type) -> None:
        self.parent = parent
        self.kind = kind
        self.names: set[str] = set()
        self.declared_global: set[str] = set()
        self.declared_nonlocal: set[str] = set()

    def owner(self, name: str) -> Scope | None:
        """Return the scope that binds a name which is used here; None if it is none of these."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.declared_global:
                return None
            is_visible = scope is self or scope.kind is not ast.ClassDef
            if name in scope.names and is_visible and name not in scope.declared_nonlocal:
                return scope
            scope = scope.parent
        return None


class Scopes:
    """The scopes in some code.

    Attributes
    ----------
    top : Scope
        Around the code; it binds no names.
    used : set of str
        All names that are read.
    """

    def __init__(self, node: ast.AST | list[Any]) -> None:
        self.top = Scope(None, ast.Module)
        self.used: set[str] = set()
        self._of_node: dict[int, Scope] = {}
        self._look(node, self.top)

    def of(self, node: ast.AST) -> Scope:
        """Return the scope that a function, a comprehension or a class makes."""
        return self._of_node[id(node)]

    def _look(self, node: Any, scope: Scope) -> None:
        if isinstance(node, list):
            for each in node:
                self._look(each, scope)
            return
        kind: Any = type(node)
        if kind is ast.Name:
            if type(node.ctx) is ast.Load:
                self.used.add(node.id)
            else:
                self._bind(node.id, scope)
        elif kind is ast.Constant or not issubclass(kind, ast.AST):
            return
        elif kind in _DEFINITIONS:
            self._define(node, scope)
        elif kind is ast.NamedExpr:
            outer = scope
            while outer.kind in COMPREHENSIONS and outer.parent is not None:
                outer = outer.parent
            self._look(node.target, outer)
            self._look(node.value, scope)
        else:
            if kind is ast.alias:
                self._bind(node.asname or node.name.partition(".")[0], scope)
            elif kind in _CAPTURES:
                self._bind(getattr(node, _CAPTURES[kind]), scope)
            elif kind is ast.Global:
                scope.declared_global.update(node.names)
            elif kind is ast.Nonlocal:
                scope.declared_nonlocal.update(node.names)
            for name in node._fields:
                if name != "annotation":
                    self._look(getattr(node, name, None), scope)

    def _define(self, node: Any, scope: Scope) -> None:
        inner = self._of_node[id(node)] = Scope(scope, type(node))
        for parameter in getattr(node, "type_params", ()):
            self._bind(parameter.name, inner)
        if isinstance(node, COMPREHENSIONS):
            first = node.generators[0]
            self._look(first.iter, scope)
            for name in node._fields:
                if name != "generators":
                    self._look(getattr(node, name), inner)
            self._look([first.target, first.ifs, node.generators[1:]], inner)
            return
        if not isinstance(node, ast.Lambda):
            self._bind(node.name, scope)
            self._look(node.decorator_list, scope)
        if isinstance(node, ast.ClassDef):
            self._look([node.bases, node.keywords], scope)
        else:
            args = node.args
            self._look([args.defaults, args.kw_defaults], scope)
            stars = [arg for arg in (args.vararg, args.kwarg) if arg is not None]
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *stars):
                self._bind(arg.arg, inner)
        self._look(node.body, inner)

    def _bind(self, name: str | None, scope: Scope) -> None:
        # What is bound around the code is not of the code.
        if name is not None and scope is not self.top:
            scope.names.add(name)
