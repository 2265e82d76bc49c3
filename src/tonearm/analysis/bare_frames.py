"""Finds AAC, AC-3 and Enhanced AC-3 without a container: frames in a row, of which the first may be cut off."""

from collections.abc import Callable

from tonearm.analysis.ac3 import SYNC, ac3_frame_bytes, eac3_frame_bytes
from tonearm.analysis.adts import adts_frame_bytes
from tonearm.analysis.kinds import AAC, AC3, EAC3, ContainerFormat, ac3_kind

FRAMES_IN_A_ROW = 3
SEARCH_BYTES = 1 << 16
"""The first whole frame is searched for in this many bytes, as a recording may begin in the middle of one."""
HEADER_BYTES = 7


def aac_begins(data: bytes) -> bool:
    """Whether some data begin with frames of AAC."""
    return _frames_follow(data, 0, adts_frame_bytes)


def ac3_begins(data: bytes) -> bool:
    """Whether some data begin with frames of AC-3 or Enhanced AC-3."""
    kind = ac3_kind(data[:HEADER_BYTES]) if data.startswith(SYNC) else None
    return kind is not None and _frames_follow(data, 0, FRAME_BYTES[kind])


def first_bare_frame(data: bytes) -> tuple[ContainerFormat, int] | None:
    """The kind and the offset of the first frames in a row; ``None`` if there are none."""
    for sync in (b"\xff", SYNC):
        at = data.find(sync, 0, SEARCH_BYTES)
        while at >= 0:
            kind = AAC if sync != SYNC else ac3_kind(data[at : at + HEADER_BYTES])
            if kind is not None and _frames_follow(data, at, FRAME_BYTES[kind]):
                return kind, at
            at = data.find(sync, at + 1, SEARCH_BYTES)
    return None


def _frames_follow(data: bytes, at: int, size_of: Callable[[bytes], int | None]) -> bool:
    """Whether frames follow one another, as many as ``FRAMES_IN_A_ROW`` or all up to the end of the data."""
    seen = 0
    while seen < FRAMES_IN_A_ROW and at + HEADER_BYTES <= len(data):
        size = size_of(data[at : at + HEADER_BYTES])
        if size is None:
            return False
        seen, at = seen + 1, at + size
    return seen > 1


FRAME_BYTES = {AAC: adts_frame_bytes, AC3: ac3_frame_bytes, EAC3: eac3_frame_bytes}
