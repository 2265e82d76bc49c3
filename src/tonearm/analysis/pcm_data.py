"""Finds uncompressed samples in a file, so that they can be hashed where they lie, without a demuxer."""

from collections.abc import Iterator

from tonearm.analysis import kinds
from tonearm.analysis.chunks import chunks
from tonearm.analysis.container import Opened
from tonearm.analysis.file_window import Window

PIECE_BYTES = 1 << 18
SOUND_HEAD_BYTES = 8
"""Offset and block size, at the beginning of the sound chunk of AIFF (Apple, AIFF 1.3)."""


def pcm_data(opened: Opened) -> Window | None:
    """All samples of a WAV or AIFF file, as FFmpeg's packets have them together; ``None`` for every other file.

    Raises ``OSError``.
    """
    if opened.codec != "pcm":
        return None
    if opened.wav is not None:
        at, size = opened.wav.data_at, opened.wav.data_bytes
    elif opened.kind is kinds.AIFF:
        sounds = [(at, size) for name, at, size in chunks(opened.window, "big") if name == b"SSND"]
        if len(sounds) != 1:
            return None
        at, size = sounds[0]
        size = min(at + size, opened.window.size) - at - SOUND_HEAD_BYTES
        if opened.window.part(at, SOUND_HEAD_BYTES) != bytes(SOUND_HEAD_BYTES):
            return None
        at += SOUND_HEAD_BYTES
    else:
        return None
    return Window(opened.window, at, at + size) if size > 0 else None


def pieces(data: Window) -> Iterator[bytes]:
    """What a window holds, in order. Raises ``OSError``."""
    data.seek(0)
    while piece := data.read(PIECE_BYTES):
        yield piece
