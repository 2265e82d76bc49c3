"""Presents AIFF files to FFmpeg under sizes that are right: programs that write to a pipe can't fill them in.

FFmpeg reads no further than the size of the whole file says, and so finds no sound where that is too small. Source:
Apple, Audio Interchange File Format 1.3.
"""

import struct

from tonearm.analysis.chunks import chunks, is_name
from tonearm.analysis.file_window import MendedFile, Window

MAX_HEAD_BYTES = 1 << 26
SOUND_HEAD_BYTES = 8
"""Offset and block size, at the beginning of the sound chunk."""
PLACEHOLDER_BYTES = (0x7F000000, 1 << 31)
NEAR_BYTES = 1 << 20
"""A size so near to one of these that does not fit is what a program (such as SoX) wrote that did not know the size."""
MOST_BYTES = (1 << 32) - NEAR_BYTES
"""As is any larger one: the sizes of chunks have 32 bits."""


def presented_aiff(window: Window) -> Window:
    """The file as FFmpeg is to read it: with other sizes where its own end before the sound. Raises ``OSError``."""
    for name, at, size in chunks(window, "big"):
        if name == b"SSND":
            whole = 8 + int.from_bytes(window.part(4, 4), "big")
            is_unknown = size <= SOUND_HEAD_BYTES and not _is_empty(window, at + size, whole)
            if is_unknown:
                size = min(window.size - at, 0xFFFFFFFF)
            if (whole >= min(at + size, window.size) and not is_unknown) or at > MAX_HEAD_BYTES:
                return window
            head = window.part(0, at - 4)
            head = head[:4] + struct.pack(">I", min(window.size - 8, 0xFFFFFFFF)) + head[8:]
            return MendedFile(head + struct.pack(">I", size), window, at, window.size)
    return window


def _is_empty(window: Window, end: int, whole: int) -> bool:
    """Whether there is no sound: the file is as large as it says, and a chunk follows that fits."""
    if whole != window.size:
        return False
    head = window.part(end + end % 2, 8)
    return is_name(head[:4]) and end + end % 2 + 8 + int.from_bytes(head[4:], "big") <= window.size


def aiff_samples(window: Window) -> int | None:
    """The samples of each channel by the COMM chunk; ``None`` for 0 and for what a program writes to a pipe."""
    for name, at, _ in chunks(window, "big"):
        if name == b"COMM":
            channels, samples, bits = struct.unpack(">HIH", window.part(at, 8).ljust(8, b"\0"))
            size = samples * channels * -(-bits // 8)
            return None if size > window.size and _is_placeholder(size) else samples or None
    return None


def _is_placeholder(size: int) -> bool:
    return size >= MOST_BYTES or any(abs(size - limit) <= NEAR_BYTES for limit in PLACEHOLDER_BYTES)
