"""Presents AIFF files to FFmpeg under sizes that are right: programs that write to a pipe can't fill them in.

FFmpeg reads no further than the size of the whole file says, and so finds no sound where that is too small. Source:
Apple, Audio Interchange File Format 1.3.
"""

import struct

from tonearm.analysis.chunks import chunks
from tonearm.analysis.file_window import MendedFile, Window

MAX_HEAD_BYTES = 1 << 26
SOUND_HEAD_BYTES = 8
"""Offset and block size, at the beginning of the sound chunk."""
PLACEHOLDER_BYTES = 0x7F000000
"""So much sound, or more, is what a program (such as SoX) declares that does not know the length."""


def presented_aiff(window: Window) -> Window:
    """The file as FFmpeg is to read it: with other sizes where its own end before the sound. Raises ``OSError``."""
    for name, at, size in chunks(window, "big"):
        if name == b"SSND":
            is_unknown = size <= SOUND_HEAD_BYTES
            if is_unknown:
                size = window.size - at
            whole = 8 + int.from_bytes(window.part(4, 4), "big")
            if (whole >= min(at + size, window.size) and not is_unknown) or at > MAX_HEAD_BYTES:
                return window
            head = window.part(0, at - 4)
            head = head[:4] + struct.pack(">I", min(window.size - 8, 0xFFFFFFFF)) + head[8:]
            return MendedFile(head + struct.pack(">I", size), window, at, window.size)
    return window


def aiff_samples(window: Window) -> int | None:
    """The samples of each channel by the COMM chunk; ``None`` for 0 and for what a program writes to a pipe."""
    for name, at, _ in chunks(window, "big"):
        if name == b"COMM":
            channels, samples, bits = struct.unpack(">HIH", window.part(at, 8).ljust(8, b"\0"))
            size = samples * channels * -(-bits // 8)
            return None if size > max(window.size, PLACEHOLDER_BYTES - (1 << 10)) else samples or None
    return None
