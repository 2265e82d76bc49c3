"""Recognises frames of FLAC (RFC 9639, 9.1) where the beginning of the file is missing."""

SEARCH_BYTES = 1 << 16
WANTED = 2
"""Number of frames that must be found."""


def flac_frames(data: bytes) -> bool:
    """Whether headers of frames, each with the checksum that it should have, are near the beginning of some data."""
    found = 0
    for sync in (b"\xff\xf8", b"\xff\xf9"):
        at = data.find(sync, 0, SEARCH_BYTES)
        while at >= 0 and found < WANTED:
            found += _is_header(data[at : at + 16])
            at = data.find(sync, at + 1, SEARCH_BYTES)
    return found >= WANTED


def _is_header(head: bytes) -> bool:
    """Whether a header is valid: block size, rate, channels and depth are not reserved, and its checksum is right."""
    if len(head) < 16 or head[2] >> 4 == 0 or head[2] & 15 == 15 or head[3] >> 4 > 10 or head[3] & 1:
        return False
    coded = next(
        (
            size
            for size, limit in enumerate((0x80, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE, 0xFF))
            if head[4] < limit
        ),
        7,
    )
    number = max(1, coded)
    if coded == 1 or any(byte >> 6 != 2 for byte in head[5 : 4 + number]):
        return False
    end = 4 + number + {6: 1, 7: 2}.get(head[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    return end < len(head) and _checksum(head[:end]) == head[end]


def _checksum(data: bytes) -> int:
    """The checksum of a header: 8 bits, polynomial x⁸ + x² + x + 1."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07) & 0xFF if value & 0x80 else value << 1
    return value
