"""What the code of a function says, the same under every version of Python.

The byte code of a function differs between versions. Its syntax tree does not, apart from details
that are left out here, with comments, positions and docstrings. The tree is found in the source
file, or in the cell of a notebook, and is compared with the byte code, because the file may have
changed meanwhile. A function keeps the digest of its tree as an attribute, which comes along where
it is pickled by value, since another process does not have the source.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import functools
import hashlib
import itertools
import linecache
import types
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "CODE_MARK",
    "code_digest",
    "compiled",
    "const_text",
    "f_string_text",
    "global_names",
    "shape",
    "shape_digest",
    "without_docstring",
]

CODE_MARK = "__psweep_code__"
_Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_NO_MEANING = frozenset({"ctx", "kind", "type_comment", "type_ignores", "lineno", "col_offset"})


def code_digest(func: types.FunctionType) -> str:
    """Return a hash of what a function's code says, without what it refers to.

    Raises
    ------
    TypeError
        The source of the function cannot be found.
    """
    code = func.__code__
    of_code = shape_digest(code)
    known, known_code = func.__dict__.get(CODE_MARK) or (None, None)
    # functools.wraps copies the attribute to functions with other code.
    if known_code == of_code:
        return str(known)
    text = "".join(linecache.getlines(code.co_filename, func.__globals__))
    if not text:
        linecache.checkcache(code.co_filename)  # a file of that name may be new
        text = "".join(linecache.getlines(code.co_filename, func.__globals__))
    found = {_digest(form) for form in _forms(code, text)}
    if len(found) != 1:
        message = (
            f"the source of the function {code.co_name!r}, which cannot be imported, "
            + ("is not in" if text else "cannot be read from")
            + f" {code.co_filename}; define it with def at the top of a module, or in a file"
        )
        raise TypeError(message)
    digest = found.pop()
    with contextlib.suppress(Exception):
        func.__dict__[CODE_MARK] = (digest, of_code)
    return digest


def shape_digest(code: types.CodeType) -> str:
    """Return a hash of the byte code, for one version of Python."""
    return _digest(shape(code))


def global_names(code: types.CodeType) -> set[str]:
    """Return the global names that a function uses, also those of functions inside it."""
    names = {
        step.argval
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    }
    for const in code.co_consts:
        if isinstance(const, types.CodeType) and const.co_name != "__annotate__":
            names |= global_names(const)
    return names


def _forms(code: types.CodeType, text: str) -> Iterator[str]:
    """Find the functions in a text that are compiled to `code`."""
    try:
        nodes = compiled(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    wanted = shape(code)
    for name, line, tree, other in nodes:
        if (name, line) == (code.co_name, code.co_firstlineno) and shape(other) == wanted:
            yield _form_of_function(tree)


@functools.lru_cache(maxsize=64)
def compiled(text: str) -> list[tuple[str, int, _Node, types.CodeType]]:
    """Compile a text; return each function in it: name, first line, tree, and code."""
    tree = ast.parse(text)
    codes = _codes(_compile(tree))
    by_line: dict[int, tuple[str, int, _Node]] = {}
    fresh = text.count("\n") + 2
    for found in ast.walk(tree):
        if not isinstance(found, _Node):
            continue
        node: Any = found
        is_lambda = isinstance(node, ast.Lambda)
        first = node if is_lambda else [*node.decorator_list, node][0]
        line = key = first.lineno
        if line in by_line:
            # Functions that begin on one line differ by an extra line in a second version.
            key = first.lineno = first.end_lineno = fresh
            first.col_offset = first.end_col_offset = 0
            fresh += 1
        by_line[key] = ("<lambda>" if is_lambda else node.name, line, node)
    moved = _codes(_compile(tree))
    if len(moved) != len(codes):  # Python 3.10 compiles equal functions of one line only once
        codes = moved
    return [
        (*by_line[other.co_firstlineno], code)
        for code, other in zip(codes, moved, strict=True)
        if by_line.get(other.co_firstlineno, ("",))[0] == code.co_name
    ]


def _compile(tree: ast.Module) -> types.CodeType:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as in notebooks
    code: types.CodeType = compile(tree, "<psweep>", "exec", flags=flags, dont_inherit=True)
    return code


def _codes(code: types.CodeType) -> list[types.CodeType]:
    """List all code objects in a code object, in an order that does not depend on lines."""
    inner = [_codes(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    return [code, *itertools.chain(*inner)]


def shape(code: types.CodeType) -> str:
    """Write out what makes two codes of one version of Python the same."""
    consts = [shape(c) if isinstance(c, types.CodeType) else const_text(c) for c in code.co_consts]
    parts = (code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars,
             code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags,
             consts)  # fmt: skip
    return repr(parts)


def const_text(value: Any) -> str:
    """Write out a constant with its type."""
    if isinstance(value, frozenset):  # in no order
        return f"frozenset {sorted(map(const_text, value))}"
    if isinstance(value, tuple):
        return f"({', '.join(map(const_text, value))})"
    try:
        return f"{type(value).__name__} {value!r}"
    except ValueError:  # an int of more digits than Python writes
        return f"int {value:#x}"


def _digest(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def _form_of_function(node: _Node) -> str:
    """Write out a function; not its defaults, decorators and annotations, whose values count."""
    args = node.args
    names = [[arg.arg for arg in some] for some in (args.posonlyargs, args.args, args.kwonlyargs)]
    stars = [arg and arg.arg for arg in (args.vararg, args.kwarg)]
    body: Any = node.body if isinstance(node, ast.Lambda) else without_docstring(node.body)
    return f"{type(node).__name__} {names} {stars} {_form(body)}"


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """Leave out a docstring at the start of a body."""
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body


def _form(node: Any) -> str:
    if isinstance(node, list):
        return f"[{', '.join(map(_form, node))}]"
    if isinstance(node, ast.Constant):
        return const_text(node.value)
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.JoinedStr):
        return f_string_text(node, _form)
    parts = []
    for name in node._fields:
        value: Any = getattr(node, name, None)
        if name == "body" and isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        ):
            value = without_docstring(value)
        if name not in _NO_MEANING and value is not None and value != []:
            parts.append(f"{name}={_form(value)}")
    return f"{type(node).__name__}({', '.join(parts)})"


def f_string_text(node: ast.JoinedStr, write: Callable[[ast.expr], str]) -> str:
    """Write out an f-string; `write` is for the expressions in it.

    Versions of Python cut its text at different places.
    """
    pieces = []
    text = ""
    for value in node.values:
        if isinstance(value, ast.Constant):
            text += str(value.value)
        else:
            pieces += [repr(text)] * bool(text)
            pieces.append(write(value))
            text = ""
    pieces += [repr(text)] * bool(text)
    return f"JoinedStr[{', '.join(pieces)}]"
