"""The frames of AAC without a container, each with a header of its own (ISO/IEC 14496-3, 1.A.2, ADTS)."""

HEADER_BYTES = 7


def adts_frame_bytes(head: bytes) -> int | None:
    """The size of a frame, by its first seven bytes; ``None`` if they are no header."""
    if len(head) < HEADER_BYTES or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return None
    size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return size if size >= HEADER_BYTES else None
