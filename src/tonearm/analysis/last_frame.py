"""Tells whether the last frame of a stream without a container is cut, as such a stream declares no length."""

from collections.abc import Callable, Mapping

from tonearm.analysis import kinds
from tonearm.analysis.adts import adts_frame_bytes
from tonearm.analysis.file_window import Window
from tonearm.analysis.mpeg import parse_header

TAIL_BYTES = 1 << 15
"""Holds the longest frame (8,191 bytes) and several more."""
FRAMES_IN_A_ROW = 3
HEADER_BYTES = 7

AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)


def last_frame_cut(window: Window, kind: kinds.Kind) -> bool:
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


def _ac3(head: bytes) -> int | None:
    """The size of a frame of AC-3 (ETSI TS 102 366, 4.4.1.4): in units of 16 bits, by rate and sample rate."""
    if len(head) < HEADER_BYTES or head[:2] != b"\x0b\x77":
        return None
    rate, code = head[4] >> 6, head[4] & 0x3F
    if rate == 3 or code >> 1 >= len(AC3_KBPS):
        return None
    kbps = AC3_KBPS[code >> 1]
    return (4 * kbps, 2 * (kbps * 320 // 147 + (code & 1)), 6 * kbps)[rate]


def _eac3(head: bytes) -> int | None:
    """The size of a frame of Enhanced AC-3 (ETSI TS 102 366, E.1.3.1.3)."""
    if len(head) < HEADER_BYTES or head[:2] != b"\x0b\x77":
        return None
    return 2 * (((head[2] & 7) << 8 | head[3]) + 1)


FRAME_BYTES: Mapping[kinds.Kind, Callable[[bytes], int | None]] = {
    kinds.MP3: _mpeg,
    kinds.AAC: adts_frame_bytes,
    kinds.AC3: _ac3,
    kinds.EAC3: _eac3,
}
