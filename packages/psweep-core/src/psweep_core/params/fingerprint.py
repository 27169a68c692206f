"""What a function does, as one hash: its code, and all that it uses of the user's project.

The search starts at the function, and goes through helpers, constants, defaults, closures, classes
and decorators, in whatever file of the project they are. Installed packages count by name.

Values that cannot change (numbers, text, tuples of these) count as they are. A list, a dict or an
array at the top of a file counts by the statements that make it, because func may change it while
it runs. Elsewhere, as in a closure, it counts by its value, unless the code changes it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import os
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from .changes import place_of
from .fingerprint_parts import Fingerprint
from .fingerprint_values import MISSING, Values
from .here_and_now import OF_MODULE, from_its_folder, is_of_process
from .late_modules import comes_with_calls
from .script_changes import ScriptChanges
from .source_files import (
    SourceFile,
    gives_value,
    import_of,
    imported_module,
    passing_names,
    source_file,
)
from .sources import const_text
from .tree_form import Form, form_of
from .value_text import ATOMS

__all__ = ["Fingerprint", "fingerprint"]

_TYPES = (type, functools.partial)


def fingerprint(func: Any) -> Fingerprint | None:
    """Return the fingerprint of a function, or of anything else that can be called.

    Parameters
    ----------
    func : callable

    Returns
    -------
    Fingerprint or None
        None if its source cannot be found. It is the same in each version of Python. It changes
        if the code does something else, and does not for comments, docstrings, type hints, format,
        moved lines, or other names of local variables.
    """
    search = _Search(func)
    try:
        search.value(func, "func")
        search.finish()
        search.subclasses()
    except (_NoSourceError, RecursionError, OSError):
        return None
    return search.parts.result() if search.found_code else None


class _NoSourceError(Exception):
    pass


class _Search(Values):
    def __init__(self, func: Any) -> None:
        super().__init__(func)
        self._sources: dict[str, SourceFile | None] = {}
        self.found_code = False
        self._classes: list[type] = []

    def value(self, value: Any, name: str, depth: int = 0) -> None:
        """Add a value, whatever it is."""
        kind = type(value)
        if kind in ATOMS:
            self._add(name, name, const_text(value))
        elif not self._is_new(id(value), name, value):
            return
        elif kind is types.FunctionType:
            self._function(value, name)
        elif issubclass(kind, type):
            self._class(value, name)
        elif kind is types.ModuleType:
            self._add(name, name, f"module {value.__name__}")
            self._module(value)
        elif kind is types.MethodType:
            self.value(value.__func__, name, depth)
            if issubclass(type(value.__self__), type):
                self.value(value.__self__, name, depth)
            else:
                called = getattr(value.__func__, "__name__", "")
                self._instance(value.__self__, f"{name}.__self__", depth, (called,))
        elif issubclass(kind, functools.partial):
            self.value(value.func, name, depth)
            for i, each in enumerate(value.args):
                self.value(each, f"{name}({i})", depth + 1)
            for key, each in sorted(value.keywords.items()):
                self.value(each, f"{name}({key}=)", depth + 1)
        elif issubclass(kind, staticmethod | classmethod):
            self.value(value.__func__, name, depth)
        elif kind in (list, tuple, set, frozenset, dict):
            self._container(value, name, depth)
        elif kind is np.ndarray or issubclass(kind, np.generic):
            self._array(value, name, depth)
        elif issubclass(kind, np.ufunc):  # has no __qualname__ in older NumPy
            self._add(name, name, f"{getattr(value, '__module__', 'numpy')}:{value.__name__}")
        elif callable(value) and self._is_named(value):
            self._installed(value, name)  # a builtin, most often
        else:
            self._instance(value, name, depth)

    def _source(self, file: str, variables: dict[str, Any] | None = None) -> SourceFile | None:
        if file not in self._sources:  # one look at the disk for each file
            self._sources[file] = source_file(file, variables)
        return self._sources[file]

    def _function(self, func: types.FunctionType, name: str) -> None:
        code = func.__code__
        if not self._project.has(code.co_filename):
            self._installed(func, name)
            return
        source = self._source(code.co_filename, func.__globals__)
        form = None if source is None else _form_of_code(source, code)
        if form is None or source is None:
            if not len(self.parts):
                raise _NoSourceError
            self._add(name, _label(func), f"without source: {func.__qualname__}")
            return
        self.found_code = True
        self._add(name, _label(func), form=form)
        cells = dict(zip(code.co_freevars, func.__closure__ or (), strict=False))
        self._changes.note(form, func.__globals__, cells)
        for used, cell in cells.items():
            with contextlib.suppress(ValueError):  # not set yet
                self._hold(id(cell), cell.cell_contents, used)
        self._names(form, func.__globals__, skip=cells)
        self._added_to(func, source, func.__globals__)
        defaults = func.__defaults__ or ()
        for i, default in enumerate(defaults):
            self._default(default, f"{name} default {i}")
        for key, default in sorted((func.__kwdefaults__ or {}).items()):
            self._default(default, f"{name} default {key}")

    def _default(self, value: Any, name: str) -> None:
        # The expression is in the code, but what it gave may differ, as of functions in a loop.
        if type(value) in ATOMS or type(value) is tuple or callable(value):
            self.value(value, name)

    def _names(self, form: Form, variables: dict[str, Any], skip: Iterable[str] = ()) -> None:
        """Follow the global names that some code uses."""
        skip = {*skip}
        for used in form.names:
            if used in form.assigned:
                self._statements(used, variables)
            elif used not in skip:
                self._global(used, variables, form.chains, used in form.whole)
        for module, level in form.imports:
            self._imported(module, level, variables)

    def _global(
        self,
        name: str,
        variables: dict[str, Any],
        chains: Iterable[tuple[str, ...]] = (),
        whole: bool = False,
    ) -> None:
        """Add a global name; of a module of the project, the chains that begin with it, or all."""
        if name in OF_MODULE:
            return
        value = variables.get(name, MISSING)
        if value is MISSING:
            if not hasattr(builtins, name):  # func may set it
                self._later.append((place_of(variables, name), MISSING, name, variables))
            return
        kind = type(value)
        if kind is types.FunctionType:
            self.value(value, name)
            return
        if kind in ATOMS:
            if is_of_process(name, variables, self._source_of):
                self._statements(name, variables)
                return
            if kind is str:
                value = from_its_folder(value, name, variables, self._source_of)
            self._later.append((place_of(variables, name), value, name, variables))
            return
        if kind is types.ModuleType:
            self._add(name, name, f"module {value.__name__}")
            if self._project.has_module(value):
                if whole:
                    self._module(value)
                self._of_module(value, [c[1:] for c in chains if c[0] == name and len(c) > 1])
            return
        by_value = issubclass(kind, _TYPES) or (kind in (tuple, frozenset) and _is_constant(value))
        source = self._source_of(variables)
        if source is not None and source.is_loop_variable(name):
            by_value = True
        if issubclass(kind, type):
            self._made_by_call(name, variables)
        if by_value or not self._statements(name, variables):
            self._hold(place_of(variables, name), value, name, variables)

    def _module(self, module: types.ModuleType) -> None:
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and self._project.has(file):
            self._file(file, module.__name__, vars(module).get("__package__") or "")

    def _of_module(self, module: types.ModuleType, chains: list[tuple[str, ...]]) -> None:
        for chain in chains:
            if self._is_new((id(module), *chain), ".".join(chain)):
                self._global(chain[0], vars(module), [chain], len(chain) == 1)

    def _statements(self, name: str, variables: dict[str, Any]) -> bool:
        """Add the statements that make the value of a global name, if there are any."""
        source = self._source_of(variables)
        found = [] if source is None else source.statements(name)
        if source is None or not found:
            return False
        if not self._is_new((variables["__file__"], name), name):
            return True
        self._add_statements(name, found, source, variables)
        self._by_functions(name, source, variables)
        self._search_later(variables.get(name), name)
        return True

    def _source_of(self, variables: dict[str, Any]) -> SourceFile | None:
        """Return the file of the project whose global variables these are."""
        file = variables.get("__file__")
        if not isinstance(file, str) or not self._project.has(file):
            return None
        return self._source(file)

    def _add_statements(
        self, name: str, nodes: list[ast.stmt], source: SourceFile, variables: dict[str, Any]
    ) -> None:
        for node in nodes:
            imported = import_of(node, name)
            if imported is not None:
                module = imported_module(*imported[:2], variables)
                if module is None:
                    self._add(name, name, f"from {imported}")
                else:
                    self._global(imported[2], vars(module))
                continue
            key = "statement", node
            form = source.forms.get(key)
            if form is None:
                form = source.forms[key] = form_of([node])
            label = f"{variables.get('__name__')}:{name}"
            self._add(name, label, form=form, is_run=False)
            for used in form.names:  # what it uses may change afterwards
                n_later = source.changes_after(used, node)
                if n_later and used != name:
                    self._add(name, label, f"before {n_later} of {used}")
            self._names(form, variables, skip={name} | passing_names(node, name))

    def _made_by_call(self, name: str, variables: dict[str, Any]) -> None:
        """Add what makes a class without a class statement, as ``Color = Enum("Color", "RED")``."""
        source = self._source_of(variables)
        for node in [] if source is None else source.statements(name):
            imported = import_of(node, name)
            if imported is not None:
                module = imported_module(*imported[:2], variables)
                if module is not None and self._project.has_module(module):
                    self._made_by_call(imported[2], vars(module))
            elif source is not None and gives_value(node, name):
                key = "made by call", variables["__file__"], name, node.lineno
                if self._is_new(key, name):
                    self._add_statements(name, [node], source, variables)

    def _added_to(self, value: Any, source: SourceFile, variables: dict[str, Any]) -> None:
        """Add what a file does to its function or class after it was made, as ``Model.k = 3``."""
        name = value.__name__
        if name == value.__qualname__:
            if source.statements(name):
                self._add_statements(name, source.added_to(name), source, variables)
            self._by_functions(name, source, variables)

    def _by_functions(self, name: str, source: SourceFile, variables: dict[str, Any]) -> None:
        """Add the statements in functions that change a global variable, as `main` may do."""
        nodes = [node for changed, _, node in source.changes_in_functions() if changed == name]
        self._add_statements(name, nodes, source, variables)
        self._by_script(variables, name)

    def _by_script(self, variables: dict[str, Any], name: str) -> None:
        """Add the statements of the script that change a global variable of another module."""
        script = self._script
        if script is not None and script.variables is not variables:
            for used, node in script.of(variables, name):
                self._add_statements(used, [node], script.source, script.variables)

    @functools.cached_property
    def _script(self) -> ScriptChanges | None:
        variables = getattr(sys.modules.get("__main__"), "__dict__", {})
        source = self._source_of(variables)
        return None if source is None else ScriptChanges(source, variables)

    def _imported(self, module: str, level: int, variables: dict[str, Any]) -> None:
        """Add a whole file of the project that a function imports: it may not be imported yet."""
        file = self._project.file_of(module, level, variables)
        if file is not None:
            self._file(file, module, module.rpartition(".")[0])

    def _file(self, file: str, module: str, package: str) -> None:
        source = self._source(file)
        if source is None or not self._is_new(("file", file), module):
            return
        form = source.forms.get("file")
        if form is None:
            form = source.forms["file"] = form_of(source.tree.body)
        self._add(module, os.path.basename(file), form=form)
        for other, its_level in form.imports:
            self._imported(other, its_level, {"__package__": package, "__file__": file})

    def _class(self, cls: type, name: str) -> None:
        module = sys.modules.get(cls.__module__)
        variables = vars(module) if module is not None else {}
        file = variables.get("__file__")
        if isinstance(file, str) and self._project.has(file):
            source = self._source(file)
            node = None if source is None else source.class_(cls.__qualname__)
            if source is not None and node is not None:
                self.found_code = True
                self._classes.append(cls)
                key = "class", cls.__qualname__
                form = source.forms.get(key)
                if form is None:
                    form = source.forms[key] = form_of(node)
                self._add(name, f"{cls.__module__}:{cls.__qualname__}", form=form)
                self._changes.note(form, variables, {})
                self._changes.note_class(cls, form)
                for attribute, member in [*vars(cls).items()]:
                    if not attribute.startswith("__"):
                        self._search_later(member, f"{name}.{attribute}")
                self._names(form, variables)
                self._added_to(cls, source, variables)
                return
        elif cls.__module__ in ("__main__", "builtins") and cls.__flags__ & _HEAP_TYPE:
            # of a notebook
            self._classes.append(cls)
            self._add(name, cls.__qualname__, "class")
            members: dict[str, Any] = {**vars(cls)}
            for attribute, member in sorted(members.items()):
                part = member.fget if type(member) is property else member
                is_code = callable(part) or type(part) in (staticmethod, classmethod)
                if is_code or (type(part) in ATOMS and not attribute.startswith("__")):
                    self.value(part, f"{name}.{attribute}")
                elif not attribute.startswith("__"):
                    self._search_later(part, f"{name}.{attribute}")
                code = part.__code__ if type(part) is types.FunctionType else None
                source = None if code is None else self._source(code.co_filename)
                known = None if source is None else source.forms.get(code)
                if known is not None:
                    self._changes.note_class(cls, known)
            return
        self._installed(cls, name)

    def subclasses(self) -> None:
        """Add the subclasses of all classes that were found, if some code looks for them."""
        while self._classes and self.parts.uses_subclasses():
            # The last one of a name: a cell of a notebook may have run twice.
            found: dict[tuple[str, str], type] = {}
            for base in self._classes:
                subclasses: list[type] = type.__subclasses__(base)
                for cls in subclasses:
                    if self._is_ours(cls) and not comes_with_calls(cls):
                        found[cls.__qualname__, cls.__module__] = cls
            self._classes = []
            for key in sorted(found):
                self.value(found[key], f"subclass {key[0]}")
            self.finish()

    def _installed(self, value: Any, name: str) -> None:
        """Add something by its name, and what it wraps."""
        where = f"{getattr(value, '__module__', None)}:{value.__qualname__}"
        self._add(name, name, where)
        cells = value.__closure__ if type(value) is types.FunctionType else None
        for cell in cells or ():
            with contextlib.suppress(ValueError):
                self.value(cell.cell_contents, f"{name} of")
        self._wrapped(value, name)


_HEAP_TYPE = 1 << 9


def _form_of_code(source: SourceFile, code: types.CodeType) -> Form | None:
    known: Form | None = source.forms.get(code)
    if known is None:
        node = source.function(code)
        if node is None:
            return None
        known = source.forms[code] = form_of(node)
    return known


def _label(func: types.FunctionType) -> str:
    return f"{func.__module__}:{func.__qualname__.replace('<locals>.', '')}"


def _is_constant(value: Any) -> bool:
    return all(
        type(each) in ATOMS or (type(each) in (tuple, frozenset) and _is_constant(each))
        for each in value
    )
