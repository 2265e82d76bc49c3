"""Reads the length that an ASF file declares, and whether its end is missing (Microsoft, Advanced Systems Format)."""

from uuid import UUID

from tonearm.analysis.file_window import Window

HEADER_BYTES = 1 << 16
FILE_PROPERTIES = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
DATA = UUID("75B22636-668E-11CF-A6D9-00AA0062CE6C").bytes_le
DATA_HEAD_BYTES = 50
PACKET_HEAD_BYTES = 3
"""The first bytes of a packet, which tell its error correction, are the same in all packets of a file."""


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _properties(window: Window) -> bytes:
    """The file properties object, empty where it is not found."""
    header = window.part(0, HEADER_BYTES)
    at = header.find(FILE_PROPERTIES)
    return b"" if at < 0 or len(header) < at + 104 else header[at : at + 104]


def asf_seconds(window: Window) -> float | None:
    """Return the play duration less the preroll (3.2); ``None`` for a broadcast or 0."""
    properties = _properties(window)
    if not properties or properties[88] & 1:
        return None
    seconds = _number(properties, 64, 8) / 1e7 - _number(properties, 80, 8) / 1e3
    return seconds if seconds > 0 else None


def asf_cut(window: Window) -> str:
    """Why the end of a file that declares no length is known to be missing; empty if it is not known to be.

    The data object tells its size (3.1 and 5.1), except in a broadcast or where the recorder never filled it in.
    Otherwise a cut shows inside a packet, as all packets have one size.
    """
    properties = _properties(window)
    at = _number(window.part(16, 8), 0, 8)
    head = window.part(at, DATA_HEAD_BYTES)
    if not properties or head[:16] != DATA:
        return ""
    is_broadcast = properties[88] & 1
    size, there = _number(head, 16, 8), window.size - at
    if not is_broadcast and DATA_HEAD_BYTES < size < 1 << 62:
        missing = size > there
        return f"{there:,} bytes of data instead of the {size:,} that its header declares" if missing else ""
    packet = _number(properties, 92, 4)
    if not packet or packet != _number(properties, 96, 4):
        return ""
    first = at + DATA_HEAD_BYTES
    last = first + (window.size - first) // packet * packet
    rest = window.part(last, PACKET_HEAD_BYTES)
    is_packet = rest and rest == window.part(first, len(rest))
    return "it ends inside a packet" if is_packet else ""  # otherwise an index or a tag follows the packets
