"""Templates: text with placeholders that psets fill.

``dollar``: ``$name`` or ``${name}`` as in Python's `string.Template`, ``$$`` for a dollar sign, and
``${name@Q}`` for the value quoted as one word for the shell, a notation of bash. ``jinja``:
``{{ name }}`` and all other features of Jinja, with the filter ``quote`` for the shell, as in
Ansible.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import itertools
import re
import shlex
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from psweep import NotInstalledError
from psweep_core.plumbing import SEED

from .errors import TemplateError

__all__ = ["DollarTemplate", "JinjaTemplate", "Template", "template_class"]


@contextlib.contextmanager
def _nothing_left_out() -> Iterator[None]:
    """Let NumPy and pandas write all elements of whatever is turned into text."""
    limits = ("max_rows", "max_columns", "max_colwidth", "max_seq_items")
    options: list[Any] = [option for limit in limits for option in (f"display.{limit}", None)]
    with np.printoptions(threshold=sys.maxsize), pd.option_context(*options):
        yield


class Template(ABC):
    """One template.

    Attributes
    ----------
    names : dict of str, int
        Its placeholders, and the first line of each, from 1.
    commented : dict of str, int
        Those in a line that starts with ``#``, and the first such line of each.
    where : str
        Its file, for errors.
    """

    names: dict[str, int]
    commented: dict[str, int]
    where: str

    def fill(self, values: Mapping[str, Any]) -> str:
        """Put values in place of the placeholders."""
        text = self._filled(values)
        if ".." in text:
            self._check_nothing_is_left_out(text, values)
        return text

    @abstractmethod
    def _filled(self, values: Mapping[str, Any]) -> str: ...

    def _check_nothing_is_left_out(self, text: str, values: Mapping[str, Any]) -> None:
        """Refuse long arrays, which NumPy and pandas write as ``[0 1 2 ... 7 8 9]``."""
        texts = {name: str(values[name]) for name in self.names if name in values}
        texts = {name: text for name, text in texts.items() if ".." in text}  # of a Series, two
        if not texts:
            return
        with _nothing_left_out():
            long = [name for name in texts if str(values[name]) != texts[name]]
            if not long or self._filled(values) == text:
                return
        name = long[0]
        message = (
            f"{self.where}, line {self.names[name]}: {name!r} is a {type(values[name]).__name__} "
            "too long for its text, which leaves out elements (...); make it a list, such as by "
            "tolist(), or let the job read it from pset.pk: prep_batch(write_pset=True)"
        )
        raise TemplateError(message)

    def check(self, names: Iterable[str], whose: str) -> None:
        """Refuse placeholders that are not among the names of a pset.

        Parameters
        ----------
        names : iterable of str
        whose : str
            Whose names they are, for the error.
        """
        known = list(names)
        for name, line in self.names.items():
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
                hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(known)}"
                hint = "pass seed= to prep_batch" if name == SEED else hint
                message = (
                    f"{self.where}, line {line}: nothing fills the placeholder "
                    f"{self._written(name)}: {whose} has no {name!r}; {hint} {self._literally}"
                )
                raise TemplateError(message)

    _literally = ""

    def _quote(self, value: Any) -> str:
        text = str(value)
        if "\0" in text:
            message = (
                f"{self.where}: {text!r} has a NUL character, which no shell can hold; remove it"
            )
            raise TemplateError(message)
        return shlex.quote(text)

    @staticmethod
    @abstractmethod
    def _written(name: str) -> str:
        """Show a placeholder as it is written in the template."""


class DollarTemplate(Template):
    """A template with ``$name``; see the top of this module."""

    _literally = "(for a dollar sign, write $$)"
    _pattern = re.compile(
        r"\$(?:(?P<escaped>\$)|(?P<plain>[_a-z][_a-z0-9]*)"
        r"|\{(?P<braced>[_a-z][_a-z0-9]*)(?P<quoted>@Q)?\}|(?P<invalid>))",
        re.ASCII | re.IGNORECASE,
    )

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        self.names = {}
        self.commented = {}
        # text, (name, quoted), text, ..., text: to be joined for each of thousands of psets
        self._texts = [""]
        self._slots: list[tuple[str, bool]] = []
        end = 0
        for match in self._pattern.finditer(text):
            self._texts[-1] += text[end : match.start()]
            end = match.end()
            if match["escaped"]:
                self._texts[-1] += "$"
                continue
            line = text.count("\n", 0, match.start()) + 1
            name = match["plain"] or match["braced"]
            if not name:
                rest = text[match.start() :].split("\n", maxsplit=1)[0][:20]
                message = (
                    f"{where}, line {line}: {rest!r} is not a placeholder; write $name or "
                    "${name}, or $$ for a dollar sign"
                )
                raise TemplateError(message)
            self.names.setdefault(name, line)
            if text.startswith("#", text.rfind("\n", 0, match.start()) + 1):
                self.commented.setdefault(name, line)
            self._slots.append((name, match["quoted"] is not None))
            self._texts.append("")
        self._texts[-1] += text[end:]

    def _filled(self, values: Mapping[str, Any]) -> str:
        if not self._slots:
            return self._texts[0]
        filled = [
            self._quote(values[name]) if quoted else str(values[name])
            for name, quoted in self._slots
        ]
        between = itertools.chain.from_iterable(zip(filled, self._texts[1:], strict=True))
        return self._texts[0] + "".join(between)

    @staticmethod
    def _written(name: str) -> str:
        return f"${name}"


class JinjaTemplate(Template):
    """A template with ``{{ name }}``; see the top of this module."""

    def __init__(self, text: str, where: str) -> None:
        self.where = where
        try:
            import jinja2
        except ModuleNotFoundError as error:
            if error.name != "jinja2":
                raise
            message = "template_mode='jinja' needs Jinja: pip install 'psweep-batch[jinja]'"
            raise NotInstalledError(message, name="jinja2") from None
        from jinja2 import meta, nodes

        env = jinja2.Environment(
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            newline_sequence="\r\n" if "\r\n" in text else "\n",
            autoescape=False,  # noqa: S701 (no HTML)
        )
        env.filters["quote"] = self._quote
        try:
            tree = env.parse(text)
            self._template = env.from_string(text)
        except jinja2.TemplateSyntaxError as error:
            message = f"{where}, line {error.lineno}: {error.message}"
            raise TemplateError(message) from error
        self._errors = (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError)
        # `{% if name is defined %}` says that a pset need not have it
        optional = {
            test.node.name
            for test in tree.find_all(nodes.Test)
            if test.name in ("defined", "undefined") and isinstance(test.node, nodes.Name)
        }
        free = meta.find_undeclared_variables(tree) - optional - env.globals.keys()
        lines: dict[str, int] = {}
        self.commented = {}
        source = text.splitlines()
        for node in tree.find_all(nodes.Name):
            lines.setdefault(node.name, node.lineno)
            if source[node.lineno - 1].startswith("#"):
                self.commented.setdefault(node.name, node.lineno)
        self._line_of_self = lines.get("self", 0)
        self.names = {name: lines[name] for name in sorted(free, key=lambda name: lines[name])}

    def check(self, names: Iterable[str], whose: str) -> None:
        """Also refuse the parameter ``self``, which is the template itself in Jinja."""
        known = list(names)
        if self._line_of_self and "self" in known:
            message = (
                f"{self.where}, line {self._line_of_self}: in Jinja, self is the template, so the "
                f"parameter 'self' that {whose} has cannot be filled in; rename it"
            )
            raise TemplateError(message)
        super().check(known, whose)

    def _filled(self, values: Mapping[str, Any]) -> str:
        try:
            # (a template can only name keys that are text)
            return self._template.render({k: v for k, v in values.items() if isinstance(k, str)})
        except self._errors as error:
            message = f"{self.where} cannot be filled: {type(error).__name__}: {error}"
            raise TemplateError(message) from error

    @staticmethod
    def _written(name: str) -> str:
        return f"{{{{ {name} }}}}"


_CLASSES: dict[str, Callable[[str, str], Template]] = {
    "dollar": DollarTemplate,
    "jinja": JinjaTemplate,
}


_EXPRESSION = re.compile(r"(?=(\{\{((?:[^{}]|\{[^{}]*\}){1,1000}?)\}\}))")
_STATEMENT = re.compile(
    r"\{%[-+]?\s*\w+[^{}\n]*%\}"
    r"|\{%[-+]?\s*(?:if|for|set|block|macro|include|import|from|call|filter|raw)\s[^%]*%\}"
    r"|\{#[-+]?\s[^{}]*?\s[-+]?#\}"  # a comment; ${#name} of the shell has no space
)


def _find_jinja(text: str) -> re.Match[str] | None:
    """Find the first thing that looks like Jinja."""
    found = [match for match in [_STATEMENT.search(text)] if match]
    found += itertools.islice((m for m in _EXPRESSION.finditer(text) if _is_expression(m[2])), 1)
    return min(found, key=lambda match: match.start(), default=None)


def _is_expression(text: str) -> bool:
    """Return whether the text in double braces is an expression with a name, as in Jinja.

    None are ``{{1: 2}}`` and ``{{x:.3f}}`` of Python, ``{{0}}`` and ``{{a, b}}`` of C, nor titles
    in BibTeX.
    """
    text = " ".join(re.sub(r"^[-+]|-$", "", text).split())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.replace("~", "+"), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # filters, and tests in words, which are not Python
        return re.match(r"[^\W\d]\w* *(\||is )", text) is not None
    if isinstance(tree, ast.Tuple | ast.Set | ast.Dict):
        return False
    return any(isinstance(node, ast.Name) for node in ast.walk(tree))


def _dollar_template(text: str, where: str) -> Template:
    """Read a template with ``$name``, of unknown kind: refuse what looks like Jinja."""
    found = _find_jinja(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        message = (
            f"{where}, line {line}: {found[0] or found[1]!r} looks like Jinja; call "
            "prep_batch(template_mode='jinja') to have it filled in, or template_mode='dollar' "
            "to keep it as it is (then $name is a placeholder)"
        )
        raise TemplateError(message)
    return DollarTemplate(text, where)


def template_class(mode: Any) -> Callable[[str, str], Template]:
    """Choose the kind of templates by ``template_mode``."""
    if mode is None:
        return _dollar_template
    if mode not in _CLASSES:
        message = f"template_mode must be one of {', '.join(map(repr, _CLASSES))}, not {mode!r}"
        raise TemplateError(message)
    return _CLASSES[mode]
