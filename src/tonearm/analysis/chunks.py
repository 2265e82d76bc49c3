"""Reads the chunks of RIFF (WAV) and FORM (AIFF) files."""

from collections.abc import Iterator
from typing import Literal

from tonearm.analysis.file_window import Window

MAX_CHUNKS = 1000
MAX_TEXT_BYTES = 1 << 16


def chunks(
    window: Window, order: Literal["little", "big"], start: int = 12, end: int | None = None
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, offset and size of the contents of each chunk; the sizes are as written
    and may be wrong."""
    at = start
    for _ in range(MAX_CHUNKS):
        head = window.part(at, 8)
        if len(head) < 8 or (end is not None and at >= end):
            return
        size = int.from_bytes(head[4:], order)
        yield head[:4], at + 8, size
        at += 8 + size + size % 2


def wav_form(window: Window) -> tuple[int, int] | None:
    """Return the channels and the sample rate that a WAV file's fmt chunk claims, ``None`` without one."""
    for name, at, _ in chunks(window, "little"):
        if name == b"fmt " and len(form := window.part(at + 2, 6)) == 6:
            return int.from_bytes(form[:2], "little"), int.from_bytes(form[2:], "little")
    return None


def id3_chunk(window: Window, order: Literal["little", "big"]) -> Window | None:
    """Return a window of the chunk that holds an ID3v2 tag, ``None`` without one."""
    for name, at, size in chunks(window, order):
        if name.lower() == b"id3 ":
            return Window(window, at, min(at + size, window.size))
    return None


def riff_texts(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield the entries of a WAV file's LIST INFO chunk, such as INAM and IART."""
    for name, at, size in chunks(window, "little"):
        if name == b"LIST" and window.part(at, 4) == b"INFO":
            for key, inner_at, inner_size in chunks(window, "little", at + 4, at + size):
                yield key.decode("latin-1"), window.part(inner_at, min(inner_size, MAX_TEXT_BYTES))


def aiff_texts(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield the text chunks of an AIFF file: NAME, AUTH, ANNO and copyright."""
    for name, at, size in chunks(window, "big"):
        if name in (b"NAME", b"AUTH", b"ANNO", b"(c) "):
            yield name.decode("latin-1").strip(), window.part(at, min(size, MAX_TEXT_BYTES))
