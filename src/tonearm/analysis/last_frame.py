"""Tells whether the last frame of a stream without a container is cut, as such a stream declares no length."""

from collections.abc import Callable, Mapping

from tonearm.analysis import bare_frames, kinds
from tonearm.analysis.bare_frames import FRAMES_IN_A_ROW, HEADER_BYTES
from tonearm.analysis.file_window import Window
from tonearm.analysis.mpeg import parse_header

TAIL_BYTES = 1 << 15
"""Holds the longest frame (8,191 bytes) and several more."""


def last_frame_cut(window: Window, kind: kinds.ContainerFormat) -> bool:
    """Whether the file ends inside a frame that follows others; ``False`` in containers. Raises ``OSError``."""
    size_of = FRAME_BYTES.get(kind)
    if size_of is None:
        return False
    tail = window.part(max(0, window.size - TAIL_BYTES), TAIL_BYTES)
    at = 0
    while at + HEADER_BYTES <= len(tail):
        place, frames = at, 0
        while (size := size_of(tail[place : place + HEADER_BYTES])) is not None and place + size <= len(tail):
            place, frames = place + size, frames + 1
        if frames >= FRAMES_IN_A_ROW:
            if _begins_alike(tail[at:], tail[place:], size):
                return True
            at = place
        at += 1
    return False


def _begins_alike(first: bytes, rest: bytes, size: int | None) -> bool:
    """Whether a frame begins in what is left behind whole ones: its header, or the first bytes of one."""
    if len(rest) >= HEADER_BYTES:
        return size is not None
    return bool(rest) and first.startswith(rest[:2])


def _mpeg(head: bytes) -> int | None:
    header = parse_header(head)
    return header.frame_bytes if header else None


FRAME_BYTES: Mapping[kinds.ContainerFormat, Callable[[bytes], int | None]] = {
    kinds.MP3: _mpeg,
    **bare_frames.FRAME_BYTES,
}
