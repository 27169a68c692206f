"""What a piece of source code says, written so that two pieces that do the same look the same.

Comments, positions, docstrings and type hints are left out. Local variables have numbers instead of
names. The text does not depend on the version of Python.
"""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from typing import Any

from .sources import const_text, without_docstring

__all__ = ["Form", "form_of", "text_of"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "type_ignores", "type_params"})
# that take fresh entropy unless they are given a seed
_GENERATORS = frozenset({"Random", "RandomState", "SeedSequence", "default_rng"})
_SEE_NAMES = frozenset({"locals", "vars", "eval", "exec", "dir"})  # of local variables


class Form:
    """The text of some code, and what it refers to.

    Attributes
    ----------
    text : str
        With a mark for each parameter, see `text_of`.
    names : dict of str to None
        Global names that it uses, in order.
    chains : dict of tuple to None
        Global names with the attributes that it uses of them, such as ``("np", "linalg", "norm")``.
    imports : dict of (str, int) to None
        Modules that are imported inside, and the number of dots in front of them.
    keywords : set of str
        Names in calls such as ``f(name=1)``. With ``f(**kwds)``, there is also ``"**"``.
    assigned : set of str
        Global names that it gives a value, so that the value says nothing about the code.
    unseeded : set of str
        Generators of random numbers that it makes without a seed, such as ``"default_rng"``.
    """

    def __init__(self) -> None:
        self.text = ""
        self.names: dict[str, None] = {}
        self.chains: dict[tuple[str, ...], None] = {}
        self.imports: dict[tuple[str, int], None] = {}
        self.keywords: set[str] = set()
        self.assigned: set[str] = set()
        self.unseeded: set[str] = set()


def form_of(node: ast.AST | list[Any], global_too: Iterable[str] = ()) -> Form:
    """Write out a function, a class, or statements.

    Parameters
    ----------
    node : ast.AST or list
    global_too : iterable of str
        Names that are not local, no matter how they are used.
    """
    writer = _Writer(node, frozenset(global_too))
    if isinstance(node, ast.ClassDef):
        text = writer.class_(node)
    elif isinstance(node, _FUNCTIONS):
        text = writer.function(node)
    else:
        text = writer.write(node)
    writer.form.text = text
    return writer.form


@functools.lru_cache(maxsize=10_000)
def text_of(form: Form, keywords: frozenset[str]) -> str:
    """Return the text of a form; names of parameters count only where a call gives them by name."""

    def name(match: re.Match[str]) -> str:
        return match[1] if match[1] in keywords or "**" in keywords else ""

    return re.sub("\0(.*?)\1", name, form.text)


class _Writer:
    def __init__(self, node: ast.AST | list[Any], global_too: frozenset[str]) -> None:
        self.form = Form()
        self._numbers: dict[str, int] = {}
        found = _Bound()
        found.look(node)
        self._local = found.names - found.not_local - global_too
        self._shows_names = bool(_SEE_NAMES & found.used)

    def _local_name(self, name: str) -> str:
        """Write a name that is bound here."""
        if name not in self._local or self._shows_names:
            return name
        return f"v{self._numbers.setdefault(name, len(self._numbers))}"

    def write(self, node: Any) -> str:
        kind = type(node)
        if kind is list:
            return f"[{', '.join(filter(None, map(self.write, node)))}]"
        if kind is ast.Name:
            if node.id in self._local:
                return self._local_name(node.id)
            if type(node.ctx) is ast.Load:
                self.form.names[node.id] = None
            return str(node.id)
        if kind is ast.Constant:
            return const_text(node.value)
        special = _SPECIAL.get(kind)
        if special is not None:
            return str(special(self, node))
        if not isinstance(node, ast.AST):
            return repr(node)
        return self._fields(node)

    def _fields(self, node: ast.AST, *names: str) -> str:
        parts = []
        for name in names or node._fields:
            value = getattr(node, name, None)
            if value is not None and value != [] and name not in _LEFT_OUT:
                parts.append(f"{name}={self.write(value)}")
        return f"{type(node).__name__}({', '.join(parts)})"

    def function(self, node: Any) -> str:
        """Write a function without its own name."""
        body = node.body
        if isinstance(body, list):
            body = without_docstring(body)
        decorators = self.write(getattr(node, "decorator_list", []))
        kind = "" if isinstance(node, ast.FunctionDef) else type(node).__name__
        return f"{kind}{decorators}{self._arguments(node.args)}{self.write(body)}"

    def _arguments(self, args: ast.arguments) -> str:
        groups = [
            "[" + ", ".join(map(self._parameter, some)) + "]"
            for some in (args.posonlyargs, args.args, args.kwonlyargs)
        ]
        stars = [arg and self._parameter(arg) for arg in (args.vararg, args.kwarg)]
        defaults = [self.write(value) for value in (*args.defaults, *args.kw_defaults)]
        return f"{''.join(groups)}*{stars[0]}**{stars[1]}({', '.join(defaults)})"

    def _parameter(self, arg: ast.arg) -> str:
        return f"{self._local_name(arg.arg)}\0{arg.arg}\1"

    def class_(self, node: ast.ClassDef) -> str:
        """Write a class without its own name."""
        head = [node.bases, node.keywords, node.decorator_list]
        return f"class{self.write(head)}{self._in_class(without_docstring(node.body))}"

    def _in_class(self, nodes: list[Any]) -> str:
        parts = []
        for node in nodes:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                parts.append(f"{node.name}={self.function(node)}")
            elif isinstance(node, ast.AnnAssign) and node.value is None:
                parts.append(f"field {self.write(node.target)}")  # of a dataclass
            else:
                parts.append(self.write(node))
        return f"[{', '.join(filter(None, parts))}]"

    def _inner_function(self, node: Any) -> str:
        name = "" if isinstance(node, ast.Lambda) else self._local_name(node.name)
        return f"{name}={self.function(node)}"

    def _inner_class(self, node: ast.ClassDef) -> str:
        return f"{self._local_name(node.name)}={self.class_(node)}"

    def _attribute(self, node: ast.Attribute) -> str:
        chain = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            chain.append(value.attr)
            value = value.value
        if isinstance(value, ast.Name) and value.id not in self._local:
            self.form.chains[(value.id, *reversed(chain))] = None
        return f"{self.write(node.value)}.{node.attr}"

    def _call(self, node: ast.Call) -> str:
        self.form.keywords.update(keyword.arg or "**" for keyword in node.keywords)
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        if name in _GENERATORS and not node.args and not node.keywords:
            self.form.unseeded.add(str(name))
        return self._fields(node)

    def _expression(self, node: ast.Expr) -> str:
        # A string between statements is a comment.
        return "" if isinstance(node.value, ast.Constant) else self._fields(node)

    def _annotated(self, node: ast.AnnAssign) -> str:
        if node.value is None:
            return ""
        return f"Assign(targets=[{self.write(node.target)}], value={self.write(node.value)})"

    def _import(self, node: ast.Import) -> str:
        parts = []
        for alias in node.names:
            self.form.imports[alias.name, 0] = None
            bound = alias.asname or alias.name.partition(".")[0]
            whole = alias.asname is not None or "." not in alias.name
            parts.append(f"{alias.name} {whole} {self._local_name(bound)}")
        return f"Import({', '.join(parts)})"

    def _import_from(self, node: ast.ImportFrom) -> str:
        self.form.imports[node.module or "", node.level] = None
        parts = []
        for alias in node.names:
            name = f"{node.module}.{alias.name}" if node.module else alias.name
            self.form.imports[name, node.level] = None
            parts.append(f"{alias.name} {self._local_name(alias.asname or alias.name)}")
        return f"From({node.level} {node.module}, {', '.join(parts)})"

    def _named(self, node: Any) -> str:
        """Write a node that binds a name which is not an `ast.Name`."""
        field_ = "rest" if isinstance(node, ast.MatchMapping) else "name"
        name = getattr(node, field_)
        others = [other for other in node._fields if other != field_]
        bound = "" if name is None else self._local_name(name)
        return f"{bound}={self._fields(node, *others)}" if others else f"Star {bound}"

    def _declaration(self, node: ast.Global | ast.Nonlocal) -> str:
        if isinstance(node, ast.Global):
            self.form.assigned.update(node.names)
        return f"{type(node).__name__}({sorted(map(self._local_name, node.names))})"

    def _formatted(self, node: ast.JoinedStr) -> str:
        return f"JoinedStr[{', '.join(self._pieces(node.values))}]"

    def _pieces(self, values: list[ast.expr]) -> Iterator[str]:
        # Versions of Python cut the text of an f-string at different places.
        text = ""
        for value in values:
            if isinstance(value, ast.Constant):
                text += str(value.value)
            else:
                yield from [repr(text)] * bool(text)
                yield self.write(value)
                text = ""
        yield from [repr(text)] * bool(text)


_SPECIAL: dict[type, Any] = {
    ast.FunctionDef: _Writer._inner_function,
    ast.AsyncFunctionDef: _Writer._inner_function,
    ast.Lambda: _Writer._inner_function,
    ast.ClassDef: _Writer._inner_class,
    ast.Attribute: _Writer._attribute,
    ast.Call: _Writer._call,
    ast.Expr: _Writer._expression,
    ast.Pass: lambda *_: "",
    ast.AnnAssign: _Writer._annotated,
    ast.Import: _Writer._import,
    ast.ImportFrom: _Writer._import_from,
    ast.ExceptHandler: _Writer._named,
    ast.MatchAs: _Writer._named,
    ast.MatchStar: _Writer._named,
    ast.MatchMapping: _Writer._named,
    ast.Global: _Writer._declaration,
    ast.Nonlocal: _Writer._declaration,
    ast.JoinedStr: _Writer._formatted,
}


class _Bound:
    """Find the names that are bound in functions."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.not_local: set[str] = set()  # declared global, or of the body of a class
        self.used: set[str] = set()

    def look(self, node: Any, inside: bool = False, of_class: bool = False) -> None:
        """Look at a node; `inside` a function, or right in the body `of_class`."""
        if isinstance(node, list):
            for each in node:
                self.look(each, inside, of_class)
            return
        kind: Any = type(node)
        if kind is ast.Name:
            if type(node.ctx) is ast.Load:
                self.used.add(node.id)
            else:
                self._bind(node.id, inside, of_class)
            return
        if kind is ast.Constant or not issubclass(kind, ast.AST):
            return
        if kind in (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef):
            self._bind(node.name, inside, of_class)
        elif kind is ast.arg:
            self._bind(node.arg, True, False)
            return
        elif kind is ast.alias:
            self._bind(node.asname or node.name.partition(".")[0], inside, of_class)
        elif kind in (ast.ExceptHandler, ast.MatchAs, ast.MatchStar):
            self._bind(node.name, inside, of_class)
        elif kind is ast.MatchMapping:
            self._bind(node.rest, inside, of_class)
        elif kind is ast.Global:
            self.not_local.update(node.names)
        if isinstance(node, (*_FUNCTIONS, *_COMPREHENSIONS)):
            inside, of_class = True, False
        elif kind is ast.ClassDef:
            of_class = True
        for name in node._fields:
            if name not in ("annotation", "returns"):
                self.look(getattr(node, name, None), inside, of_class)

    def _bind(self, name: str | None, inside: bool, of_class: bool) -> None:
        if name is not None and inside and not of_class:
            self.names.add(name)
        elif name is not None:
            self.not_local.add(name)


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
