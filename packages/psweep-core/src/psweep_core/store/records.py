r"""Records: payloads in a file, framed so that torn and damaged ones are found and skipped.

::

    record   4 bytes b"\xb6PS\n", then the length of the payload (uint64) and its CRC-32 (uint32),
             both little-endian, then the payload

The CRC-32 starts from a salt that belongs to the file. After a power cut, some file systems return
blocks that a removed file has left: without the salt, its records would count as those of this one.

Zeros after the last record are space that was allocated before it was needed.
"""

from __future__ import annotations

import struct
from zlib import crc32

__all__ = ["HEAD", "MAGIC", "is_record", "read_records", "record", "salt_of"]

MAGIC = b"\xb6PS\n"
HEAD = struct.Struct("<4sQI")


def salt_of(run_id: str) -> int:
    """Return the salt of the records of a run."""
    return crc32(run_id.encode(errors="replace"))


def record(payload: bytes, salt: int = 0) -> bytes:
    """Frame a payload."""
    # (`journal.Journal.append` repeats this line to save a call per row.)
    return HEAD.pack(MAGIC, len(payload), crc32(payload, salt)) + payload


def is_record(magic: bytes, length: int, crc: int, payload: bytes, salt: int = 0) -> bool:
    """Check a payload against its head."""
    # A head that was cut short reads as length 0 with the right checksum.
    return magic == MAGIC and 0 < length == len(payload) and crc32(payload, salt) == crc


def read_records(data: bytes, salt: int = 0) -> tuple[list[bytes], int]:
    """Find all complete records.

    Parameters
    ----------
    data : bytes
    salt : int, default 0
        Records with another one count as damaged.

    Returns
    -------
    list of bytes
        Their payloads.
    int
        The number of damaged bytes between them. Damage after the last record does not count: it
        is allocated space, or a record that was cut short when its writer was killed.
    """
    payloads = []
    n_damaged = end = 0
    position = data.find(MAGIC)
    last = len(data) - HEAD.size
    while 0 <= position <= last:
        magic, length, crc = HEAD.unpack_from(data, position)
        start = position + HEAD.size
        payload = data[start : start + length]
        if is_record(magic, length, crc, payload, salt):
            payloads.append(payload)
            n_damaged += position - end
            position = end = start + length  # where the next one should be
        else:
            position = data.find(MAGIC, position + 1)
    if not payloads:
        # The first record itself was cut short, or this never was a file of records.
        begun = data.rstrip(b"\0")
        n_damaged = 0 if begun[:4] == MAGIC[: len(begun)] else len(begun)
    return payloads, n_damaged
