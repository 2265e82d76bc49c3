"""Recognises AAC without a container: frames in a row, each with a header of its own (ISO/IEC 14496-3, 1.A.2, ADTS)."""

FRAMES_IN_A_ROW = 3
HEADER_BYTES = 7


def adts_frames(data: bytes) -> bool:
    """Whether some data begin with frames, as many as ``FRAMES_IN_A_ROW`` or all up to their end."""
    at = seen = 0
    while seen < FRAMES_IN_A_ROW and at + HEADER_BYTES <= len(data):
        head = data[at : at + HEADER_BYTES]
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        if head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12 or size < HEADER_BYTES:
            return False
        seen, at = seen + 1, at + size
    return seen > 1
