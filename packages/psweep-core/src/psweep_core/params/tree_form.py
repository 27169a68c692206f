"""What a piece of source code says, written so that two pieces that do the same look the same.

Comments, positions, docstrings and type hints are left out. Local variables have numbers instead of
names. The text does not depend on the version of Python.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import re
from collections.abc import Iterator
from typing import Any

from .scopes import COMPREHENSIONS, FUNCTIONS, Scope, Scopes
from .sources import const_text, f_string_text, without_docstring

__all__ = ["Form", "Method", "form_of", "text_of"]

_LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "type_ignores", "type_params"})
# that take fresh entropy unless they are given a seed
_GENERATORS = frozenset({"Random", "RandomState", "SeedSequence", "default_rng"})
_IMPORTERS = frozenset({"import_module", "__import__"})
_SEE_NAMES = frozenset({"locals", "vars", "eval", "exec", "dir"})  # of local variables
# type hints in a dataclass that make no field, or one of another kind
_NO_FIELDS = frozenset({"ClassVar", "InitVar", "KW_ONLY"})
# decorators of methods that put them nowhere else
_NOT_LISTING = {"abstractmethod", "cached_property", "classmethod", "property", "staticmethod"}
# that change what they are called on
_CHANGE = frozenset({
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend", "extendleft",
    "fill", "insert", "intersection_update", "pop", "popitem", "popleft", "remove", "reverse",
    "rotate", "setdefault", "sort", "subtract", "symmetric_difference_update", "update",
})  # fmt: skip


class Method:
    """What a method of a class does to objects.

    Attributes
    ----------
    uses : set of str
        Attributes, of whatever.
    changes : set of str
        Attributes of ``self``; ``"[]"`` are items of it.
    """

    def __init__(self) -> None:
        self.uses: set[str] = set()
        self.changes: set[str] = set()


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
        Modules that are imported inside, also by `importlib.import_module`, and the number of dots
        in front of them.
    keywords : set of str
        Names in calls such as ``f(name=1)``. With ``f(**kwds)``, there is also ``"**"``.
    assigned : set of str
        Global names that it gives a value, so that the value says nothing about the code.
    unseeded : set of str
        Generators of random numbers that it makes without a seed, such as ``"default_rng"``.
    whole : set of str
        Global names that it uses otherwise than for one of their attributes.
    changed : dict of tuple to None
        Names from outside whose value it changes, and such names with an attribute that it
        changes: ``("cache",)`` for ``cache[1] = 2``, ``("model", "n")`` for ``model.n += 1``.
    uses : set of str
        Attributes that it uses; of a class, outside of its methods.
    methods : dict of str to Method
        Those of a class; of a function, what it does if it is one.
    """

    def __init__(self) -> None:
        self.text = ""
        self.names: dict[str, None] = {}
        self.chains: dict[tuple[str, ...], None] = {}
        self.imports: dict[tuple[str, int], None] = {}
        self.keywords: set[str] = set()
        self.assigned: set[str] = set()
        self.unseeded: set[str] = set()
        self.whole: set[str] = set()
        self.changed: dict[tuple[str, ...], None] = {}
        self.uses: set[str] = set()
        self.methods: dict[str, Method] = {}


def form_of(node: ast.AST | list[Any]) -> Form:
    """Write out a function, a class, or statements."""
    writer = _Writer(node)
    if isinstance(node, ast.ClassDef):
        text = writer.class_(node)
    elif isinstance(node, FUNCTIONS):
        text = writer.method(node)
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


def _with_sorted_methods(nodes: list[Any]) -> list[Any]:
    """Sort the methods of a class that may be moved; they come after all else in it.

    That is not so for those that the class itself uses, as in ``@x.setter`` or ``f = cached(g)``,
    for two of one name, and for what an unknown decorator may list.
    """
    names = [getattr(node, "name", None) for node in nodes]
    used: set[str] = set()
    for node in nodes:
        parts: list[Any] = [node]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            args = node.args
            parts = [*node.decorator_list, *args.defaults, *filter(None, args.kw_defaults)]
        used.update(each.id for part in parts for each in ast.walk(part) if type(each) is ast.Name)
    methods = [
        node
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and all(getattr(one, "id", None) in _NOT_LISTING for one in node.decorator_list)
        and node.name not in used
        and names.count(node.name) == 1
    ]
    others = [node for node in nodes if node not in methods]
    return [*others, *sorted(methods, key=lambda node: str(node.name))]


class _Writer:
    def __init__(self, node: ast.AST | list[Any]) -> None:
        self.form = Form()
        self._scopes = Scopes(node)
        self._scope = self._scopes.top
        self._numbers: dict[tuple[Scope, str], int] = {}
        self._shows_names = bool(_SEE_NAMES & self._scopes.used)
        self._uses = self.form.uses
        self._selves: dict[tuple[Scope, str], Method] = {}

    def _local_name(self, name: str) -> str:
        """Write a name as it is in the current scope."""
        owner = self._scope.owner(name)
        if owner is None or owner.kind is ast.ClassDef or self._shows_names:
            return name
        return f"v{self._numbers.setdefault((owner, name), len(self._numbers))}"

    @contextlib.contextmanager
    def _inside(self, node: ast.AST) -> Iterator[None]:
        outer, self._scope = self._scope, self._scopes.of(node)
        yield
        self._scope = outer

    def _is_ours(self, name: str) -> bool:
        owner = self._scope.owner(name)
        return owner is not None and owner.kind is not ast.ClassDef

    def _name(self, node: ast.Name, *, whole: bool = True) -> str:
        if not self._is_ours(node.id):
            if type(node.ctx) is ast.Load:
                self.form.names[node.id] = None
                if whole:
                    self.form.whole.add(node.id)
            else:
                self._changes(node)
        return self._local_name(node.id)

    def _changes(self, node: ast.AST) -> None:
        """Note that the code changes what is there."""
        attribute = None
        while isinstance(node, ast.Attribute | ast.Subscript):
            attribute = node.attr if isinstance(node, ast.Attribute) else None
            node = node.value
        if not isinstance(node, ast.Name):
            return
        owner = self._scope.owner(node.id)
        if owner is None:
            place = (node.id,) if attribute is None else (node.id, attribute)
            self.form.changed[place] = None
        elif (owner, node.id) in self._selves:
            self._selves[owner, node.id].changes.add(attribute or "[]")

    def write(self, node: Any) -> str:
        kind = type(node)
        if kind is list:
            return f"[{', '.join(filter(None, map(self.write, node)))}]"
        if kind is ast.Name:
            return self._name(node)
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
        args = node.args
        decorators = self.write(getattr(node, "decorator_list", []))
        defaults = [self.write(value) for value in (*args.defaults, *args.kw_defaults)]
        kind = "" if isinstance(node, ast.FunctionDef) else type(node).__name__
        with self._inside(node):
            parameters = f"{self._parameters(args)}({', '.join(defaults)})"
            return f"{kind}{decorators}{parameters}{self.write(body)}"

    def _parameters(self, args: ast.arguments) -> str:
        groups = [
            "[" + ", ".join(map(self._parameter, some)) + "]"
            for some in (args.posonlyargs, args.args, args.kwonlyargs)
        ]
        stars = [arg and self._parameter(arg) for arg in (args.vararg, args.kwarg)]
        return f"{''.join(groups)}*{stars[0]}**{stars[1]}"

    def _parameter(self, arg: ast.arg) -> str:
        return f"{self._local_name(arg.arg)}\0{arg.arg}\1"

    def class_(self, node: ast.ClassDef) -> str:
        """Write a class without its own name."""
        head = [node.bases, node.keywords, node.decorator_list]
        start = f"class{self.write(head)}"
        with self._inside(node):
            body = without_docstring(node.body)
            return f"{start}{self._in_class(body, bool(node.decorator_list))}"

    def _comprehension(self, node: Any) -> str:
        first = node.generators[0]
        start = f"{type(node).__name__} {self.write(first.iter)}"  # of the scope around it
        with self._inside(node):
            parts = [self.write([getattr(node, name, None)]) for name in ("elt", "key", "value")]
            own = self._fields(first, "target", "ifs", "is_async")
            return f"{start} {own}{self.write(node.generators[1:])}{parts}"

    def _in_class(self, nodes: list[Any], may_have_fields: bool) -> str:  # of a dataclass
        parts = []
        for node in _with_sorted_methods(nodes):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                parts.append(f"{node.name}={self.method(node)}")
            elif isinstance(node, ast.AnnAssign) and (node.value is None or may_have_fields):
                hint = {*re.findall(r"\w+", ast.unparse(node.annotation))}
                kinds = "".join(sorted(_NO_FIELDS & hint)) if may_have_fields else ""
                parts.append(f"field {kinds}{self.write(node if node.value else node.target)}")
            else:
                parts.append(self.write(node))
        return f"[{', '.join(filter(None, parts))}]"

    def method(self, node: Any) -> str:
        """Write a method, or a function that may be one."""
        name = getattr(node, "name", "<lambda>")
        method = self.form.methods.setdefault(name, Method())
        if self._scope is self._scopes.top:
            method.uses = self.form.uses
        parameters = [*node.args.posonlyargs, *node.args.args]
        if parameters:
            self._selves[self._scopes.of(node), parameters[0].arg] = method
        outer, self._uses = self._uses, method.uses
        text = self.function(node)
        self._uses = outer
        return text

    def _inner_function(self, node: Any) -> str:
        name = "" if isinstance(node, ast.Lambda) else self._local_name(node.name)
        return f"{name}={self.function(node)}"

    def _inner_class(self, node: ast.ClassDef) -> str:
        return f"{self._local_name(node.name)}={self.class_(node)}"

    def _attribute(self, node: ast.Attribute, is_last: bool = True) -> str:
        chain = [node.attr]
        value = node.value
        while isinstance(value, ast.Attribute):
            chain.append(value.attr)
            value = value.value
        if is_last and isinstance(value, ast.Name) and not self._is_ours(value.id):
            self.form.chains[(value.id, *reversed(chain))] = None
        self._uses.add(node.attr)
        if type(node.ctx) is not ast.Load:
            self._changes(node)
        inner = node.value
        if type(inner) is ast.Attribute:
            text = self._attribute(inner, is_last=False)
        else:
            text = self._name(inner, whole=False) if type(inner) is ast.Name else self.write(inner)
        return f"{text}.{node.attr}"

    def _subscript(self, node: ast.Subscript) -> str:
        if type(node.ctx) is not ast.Load:
            self._changes(node)
        return self._fields(node)

    def _call(self, node: ast.Call) -> str:
        self.form.keywords.update(keyword.arg or "**" for keyword in node.keywords)
        name = getattr(node.func, "attr", getattr(node.func, "id", None))
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        is_none = [isinstance(one, ast.Constant) and one.value is None for one in given]
        if name in _GENERATORS and all(is_none):
            self.form.unseeded.add(str(name))
        if name in _IMPORTERS and node.args:
            module = getattr(node.args[0], "value", None)
            if isinstance(module, str):  # with dots in front, the package is its own, most often
                self.form.imports[module.lstrip("."), len(module) - len(module.lstrip("."))] = None
        if isinstance(node.func, ast.Attribute) and name in _CHANGE:
            self._changes(node.func.value)
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
        return f_string_text(node, self.write)


_SPECIAL: dict[type, Any] = {
    ast.FunctionDef: _Writer._inner_function,
    ast.AsyncFunctionDef: _Writer._inner_function,
    ast.Lambda: _Writer._inner_function,
    ast.ClassDef: _Writer._inner_class,
    ast.Attribute: _Writer._attribute,
    ast.Subscript: _Writer._subscript,
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
    **dict.fromkeys(COMPREHENSIONS, _Writer._comprehension),
}
