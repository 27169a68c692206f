r"""Records: payloads in a file, framed so that torn and damaged ones are found and skipped.

::

    record   4 bytes b"\xb6PS\n", then the length of the payload (uint64) and its CRC-32 (uint32),
             both little-endian, then the payload

Zeros after the last record are space that was allocated before it was needed.
"""

from __future__ import annotations

import struct
from zlib import crc32

__all__ = ["HEAD", "MAGIC", "is_record", "read_records", "record"]

MAGIC = b"\xb6PS\n"
HEAD = struct.Struct("<4sQI")


def record(payload: bytes) -> bytes:
    """Frame a payload."""
    # (`journal.Journal.append` repeats this line to save a call per row.)
    return HEAD.pack(MAGIC, len(payload), crc32(payload)) + payload


def is_record(magic: bytes, length: int, crc: int, payload: bytes) -> bool:
    """Check a payload against its head."""
    # A head that was cut short reads as length 0 with the right checksum.
    return magic == MAGIC and 0 < length == len(payload) and crc32(payload) == crc


def read_records(data: bytes) -> tuple[list[bytes], int]:
    """Find all complete records.

    Parameters
    ----------
    data : bytes

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
        if is_record(magic, length, crc, payload):
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
