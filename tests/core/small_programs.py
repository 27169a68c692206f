"""Fingerprints of a small program and of an edit of it."""

from __future__ import annotations

from psweep_core.params.fingerprint import fingerprint


def digests(load, files, old, new):
    files = {"model.py": files} if isinstance(files, str) else files
    edited = {name: text.replace(old, new) for name, text in files.items()}
    assert edited != files
    return [fingerprint(load(some)).digest for some in (files, edited)]
