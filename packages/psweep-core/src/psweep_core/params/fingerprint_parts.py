"""What a fingerprint is made of: parts of code and of values, each of which has a name."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any, NamedTuple

from .tree_form import Form, text_of

__all__ = ["Fingerprint", "Parts"]

_MAX_PARTS = 2000


class Fingerprint(NamedTuple):
    """What a function does.

    Attributes
    ----------
    digest : str
        SHA-1, 40 hex digits.
    parts : dict of str to str
        The same for each part alone, 8 hex digits, to show what has changed.
    unseeded : tuple of str
        Generators of random numbers that it makes without a seed, such as ``"default_rng"``.
        Empty if it uses ``_seed``, too.
    """

    digest: str
    parts: dict[str, str]
    unseeded: tuple[str, ...] = ()


class _Part(NamedTuple):
    name: str  # in the code that uses it
    label: str  # for people
    form: Form | None
    text: str
    is_run: bool  # whenever func is called, not once at the top of a file


class Parts:
    """The parts that were found so far."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._seen: dict[Any, tuple[int, Any]] = {}

    def __len__(self) -> int:
        return len(self._parts)

    def result(self) -> Fingerprint:
        """Make the fingerprint."""
        keywords = frozenset().union(*(part.form.keywords for part in self._parts if part.form))
        pieces = []
        digests: dict[str, str] = {}
        for part in self._parts:
            text = part.text if part.form is None else text_of(part.form, keywords)
            pieces += [part.name, text]
            digests[part.label] = _short_digest(digests.get(part.label, "") + text)
        total = hashlib.sha1(_encoded("\0".join([*pieces, ""])), usedforsecurity=False)
        forms = [part.form for part in self._parts if part.form is not None and part.is_run]
        uses_seed = any(re.search(r"\b_seed\b", form.text) for form in forms)
        unseeded = set[str]().union(*(form.unseeded for form in forms if not uses_seed))
        return Fingerprint(total.hexdigest(), digests, tuple(sorted(unseeded)))

    def uses_subclasses(self) -> bool:
        """Return whether some code looks for the subclasses of a class."""
        return any(part.form and ".__subclasses__" in part.form.text for part in self._parts)

    def add(
        self, name: str, label: str, text: str = "", form: Form | None = None, is_run: bool = True
    ) -> None:
        """Add a part: a text, or the form of some code."""
        self._parts.append(_Part(name, label, form, text, is_run))

    def has(self, key: Any) -> bool:
        """Return whether something was there already."""
        return key in self._seen

    def is_new(self, key: Any, name: str, keep: Any = None) -> bool:
        """Return whether something comes for the first time; if not, only refer to it."""
        number, _ = self._seen.get(key, (None, None))
        if number is not None or len(self._parts) > _MAX_PARTS:
            self.add(name, name, f"see {number}")
            return False
        self._seen[key] = len(self._parts), keep
        return True


# Each run in a process looks at the same parts again, most often.
@functools.lru_cache(maxsize=10_000)
def _short_digest(text: str) -> str:
    return hashlib.sha1(_encoded(text), usedforsecurity=False).hexdigest()[:8]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
