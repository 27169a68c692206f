"""What goes into the folder of a pset: filled templates, jobscripts, the pset itself."""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from psweep_core.plumbing import BOOK, Code, dumps

from .directives import check_jobscript
from .errors import TemplateError
from .jobs import RESULT_FILES
from .machine import JOBSCRIPT, Machine
from .templates import Template

__all__ = ["PSET_FILE", "PsetFiles", "read_templates"]

PSET_FILE = "pset.pk"
_RESERVED = re.compile(r"\.(submitted|job|jobscript)_")


@dataclass(frozen=True)
class _File:
    """One file that each pset gets."""

    name: str  # with its folders, below the pset's
    mode: int
    template: Template | None
    data: bytes  # its content if it is not a template
    is_jobscript: bool = False


class PsetFiles:
    """Writes the folder of each pset.

    Parameters
    ----------
    folders : sequence of str
        Folders in the pset's, parents first.
    files : sequence of _File
        As `read_templates` returns them.
    write_pset : bool
        Also write the pset itself, to ``pset.pk``.
    """

    def __init__(self, folders: Sequence[str], files: Sequence[_File], write_pset: bool) -> None:
        self._folders = folders
        self._files = files
        self._write_pset = write_pset
        umask = os.umask(0)
        os.umask(umask)
        self._umask = umask

    @property
    def templates(self) -> list[Template]:
        """The files that are text, so they may have placeholders."""
        return [file.template for file in self._files if file.template is not None]

    def code(self) -> Code:
        """Return hashes of the templates; of jobscripts without comments such as ``#SBATCH``."""
        parts = {}
        for file in self._files:
            data = file.data
            if file.is_jobscript:
                lines = data.splitlines(keepends=True)
                data = b"".join(line for line in lines if not line.startswith(b"#"))
            parts[file.name] = hashlib.sha1(data, usedforsecurity=False).hexdigest()[:8]
        # Machines may differ from call to call.
        shared = [
            f"{file.name} {parts[file.name]}" for file in self._files if not file.is_jobscript
        ]
        digest = hashlib.sha1("\n".join(shared).encode(), usedforsecurity=False).hexdigest()
        return Code(None, None, digest, parts)

    def check(self, params: Sequence[Mapping[Any, Any]], book: Sequence[str] = tuple(BOOK)) -> None:
        """Refuse placeholders that a pset does not fill; hint at params that look misspelt.

        Parameters
        ----------
        params : list of dict
        book : list of str
            What each pset has besides its own entries.

        Raises
        ------
        TemplateError
            Before anything is written.
        """
        kinds: dict[tuple[Any, ...], int] = {}
        for position, pset in enumerate(params):
            kinds.setdefault(tuple(pset), position)
        for names, position in kinds.items():
            given = [name for name in names if isinstance(name, str)]
            for template in self.templates:
                template.check([*given, *book], f"params[{position}]")
        self._check_comments(params)
        self._hint(list(dict.fromkeys(name for names in kinds for name in names)))

    def _check_comments(self, params: Sequence[Mapping[Any, Any]]) -> None:
        """Refuse values that would end a comment in a jobscript, and be run."""
        for file in self._files:
            if file.template is None or not file.is_jobscript:
                continue
            for name, line in file.template.commented.items():
                for position, pset in enumerate(params):
                    if name in pset and "\n" in str(pset[name]):
                        message = (
                            f"{file.template.where}, line {line}: params[{position}] has a line "
                            f"break in {name!r} = {pset[name]!r}, so its rest would be no comment "
                            "but a command; take the placeholder out of that line"
                        )
                        raise TemplateError(message)

    def _hint(self, names: Iterable[Any]) -> None:
        used = {name: template.where for template in self.templates for name in template.names}
        for name in names:
            if isinstance(name, str) and name not in used:
                close = get_close_matches(name, used, n=1, cutoff=0.8)
                if close and not _numbered(name, close[0]):
                    warnings.warn(
                        f"no template has the parameter {name!r}; is it the "
                        f"{close[0]!r} of {used[close[0]]}, misspelt?",
                        UserWarning,
                        stacklevel=4,
                    )

    def check_values(self, psets: Iterable[Mapping[str, Any]]) -> None:
        """Fill all templates without writing anything; refuse what cannot be filled or written.

        Parameters
        ----------
        psets : iterable of dict
            The params, with some bookkeeping.

        Raises
        ------
        TemplateError
            Such as for an expression that fails, or text that UTF-8 does not have.
        """
        for position, pset in enumerate(psets):
            for template in self.templates:
                try:
                    _encoded(template.fill(pset))
                except TemplateError as error:
                    message = f"{error} (params[{position}])"
                    raise TemplateError(message) from error
                except UnicodeEncodeError:
                    message = _not_encodable(template, pset, position)
                    raise TemplateError(message) from None

    def write(self, folder: str, pset: Mapping[Any, Any]) -> dict[str, str]:
        """Make the folder of a pset, with all files in it; the folder above is there.

        Returns
        -------
        dict of str, str
            The files that were templates, and their text.
        """
        texts = {}
        os.mkdir(folder)
        for name in self._folders:
            os.mkdir(f"{folder}/{name}")
        for file in self._files:
            data = file.data
            if file.template is not None:
                texts[file.name] = text = file.template.fill(pset)
                data = _encoded(text)
            self._write_file(f"{folder}/{file.name}", data, file.mode)
        if self._write_pset:
            self._write_file(f"{folder}/{PSET_FILE}", dumps(dict(pset)), None)
        return texts

    def _write_file(self, path: str, data: bytes, mode: int | None) -> None:
        # Without Python's file objects, which take longer than the file
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        fd = os.open(path, flags, 0o666 if mode is None else mode)
        try:
            written = os.write(fd, data)
            while written < len(data):
                written += os.write(fd, data[written:])
        finally:
            os.close(fd)
        if mode is not None and mode & self._umask:
            os.chmod(path, mode)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names of files may have other bytes


def _not_encodable(template: Template, pset: Mapping[Any, Any], position: int) -> str:
    """Message: UTF-8 does not have what a pset fills into a template."""
    what = "a text"
    for name in template.names:
        try:
            _encoded(str(pset[name]))
        except UnicodeEncodeError:
            what = f"{name!r} = {pset[name]!r}"
    return (
        f"{template.where}: params[{position}] has {what} with half of a surrogate pair, which "
        "no file can hold; remove it, as by text.encode(errors='ignore').decode()"
    )


def _numbered(name: str, other: str) -> bool:
    """Recognise names that form a series, such as x1 and x2, or T_min and T_max."""
    return len(name) == len(other) and sum(a != b for a, b in zip(name, other, strict=True)) < 2


def read_templates(
    calc_templ_dir: Path | None,
    machine_templ_dir: Path,
    machines: Sequence[Machine],
    make: Callable[[str, str], Template],
) -> tuple[list[str], list[_File]]:
    """Read all templates: the folders and the files that each pset gets.

    Parameters
    ----------
    calc_templ_dir : Path or None
        None: there are only jobscripts.
    machine_templ_dir : Path
    machines : sequence of Machine
    make : callable
        Makes a template of its text and its name.

    Raises
    ------
    TemplateError
        One is not a template, or has the name of a file that psweep makes.
    """
    if calc_templ_dir is not None and not calc_templ_dir.is_dir():
        message = (
            f"there is no folder calc_templ_dir={str(calc_templ_dir)!r}; make it, put the files "
            "in that each job needs, or pass calc_templ_dir=None if it needs none"
        )
        raise TemplateError(message)
    folders, files = [], []
    for path in _walk(calc_templ_dir) if calc_templ_dir else ():
        name = str(path.relative_to(calc_templ_dir or path))
        _check_name(name, path, machines)
        if path.is_dir():
            folders.append(name)
        else:
            files.append(_read(path, name, make))
    for machine in machines:
        path = machine_templ_dir / machine.name / JOBSCRIPT
        file = _read(path, f"{JOBSCRIPT}_{machine.name}", make)
        check_jobscript(path, file.data, machine)
        files.append(replace(file, is_jobscript=True))
    return folders, files


def _walk(top: Path) -> Iterable[Path]:
    for path in sorted(top.iterdir()):
        if path.name != "__pycache__":
            yield path
            if path.is_dir():
                yield from _walk(path)


def _check_name(name: str, path: Path, machines: Sequence[Machine]) -> None:
    made = {PSET_FILE: "the pset", **dict.fromkeys(RESULT_FILES, "what the job writes")}
    made |= {f"{JOBSCRIPT}_{m.name}": f"the jobscript of {m.name}" for m in machines}
    made |= {f"{JOBSCRIPT}_{m.name}.log": f"the output on {m.name}" for m in machines}
    top = name.split(os.sep, maxsplit=1)[0]
    what = made.get(top) or ("psweep's notes" if _RESERVED.match(top) else None)
    if what:
        message = f"the template {path} has the name of a file for {what}; rename it"
        raise TemplateError(message)


def _read(path: Path, name: str, make: Callable[[str, str], Template]) -> _File:
    data = path.read_bytes()
    mode = path.stat().st_mode & 0o777
    try:
        text = None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    return _File(name, mode, None if text is None else make(text, str(path)), data)
