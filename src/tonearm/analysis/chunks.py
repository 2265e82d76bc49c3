"""Reads the chunks of RIFF (WAV), FORM (AIFF), CAF and DSDIFF files."""

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
        at += 8 + size
        if size % 2 and not _name_follows(window, at):
            at += 1


def _name_follows(window: Window, at: int) -> bool:
    """Whether the next chunk begins right behind one of an odd size, without the byte that belongs between them."""
    without, padded = window.part(at, 4), window.part(at + 1, 4)
    return is_name(without) and not (is_name(padded) and not without[:1].isalnum())


def is_name(four: bytes) -> bool:
    """Whether four bytes can be the name of a chunk."""
    return len(four) == 4 and all(0x20 <= byte < 0x7F for byte in four)


def id3_chunk(window: Window, order: Literal["little", "big"]) -> Window | None:
    """Return a window of the chunk that holds an ID3v2 tag, ``None`` without one."""
    for name, at, size in chunks(window, order):
        if name.lower() == b"id3 ":
            return Window(window, at, min(at + size, window.size))
    return None


def riff_order(window: Window) -> Literal["little", "big"]:
    """The order of the bytes of numbers in a WAV file: RIFX has them the other way round."""
    return "big" if window.part(0, 4) == b"RIFX" else "little"


def riff_texts(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield the entries of a WAV file's LIST INFO chunk, such as INAM and IART."""
    order = riff_order(window)
    for name, at, size in chunks(window, order):
        if name == b"LIST" and window.part(at, 4) == b"INFO":
            for key, inner_at, inner_size in chunks(window, order, at + 4, at + size):
                yield key.decode("latin-1"), window.part(inner_at, min(inner_size, MAX_TEXT_BYTES))


def aiff_texts(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield the text chunks of an AIFF file: NAME, AUTH, ANNO and copyright."""
    for name, at, size in chunks(window, "big"):
        if name in (b"NAME", b"AUTH", b"ANNO", b"(c) "):
            yield name.decode("latin-1").strip(), window.part(at, min(size, MAX_TEXT_BYTES))


def wide_chunks(window: Window, start: int, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Like ``chunks``, of DSDIFF: sizes of eight bytes."""
    at = start
    for _ in range(MAX_CHUNKS):
        head = window.part(at, 12)
        if len(head) < 12 or (end is not None and at >= end):
            return
        size = int.from_bytes(head[4:], "big")
        yield head[:4], at + 12, size
        at += 12 + size + size % 2


def dff_texts(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield artist and title of a DSDIFF file, which are counted texts in its DIIN chunk."""
    for name, at, size in wide_chunks(window, 16):
        if name == b"DIIN":
            for key, inner_at, inner_size in wide_chunks(window, at, at + size):
                if key in (b"DIAR", b"DITI"):
                    count = int.from_bytes(window.part(inner_at, 4), "big")
                    text = window.part(inner_at + 4, min(count, max(0, inner_size - 4), MAX_TEXT_BYTES))
                    yield key.decode("latin-1"), text


def caf_texts(window: Window) -> Iterator[tuple[str, bytes]]:
    """Yield the entries of a CAF file's information chunk: names and values, each with a NUL behind it."""
    for name, at, size in caf_chunks(window):
        if name == b"info":
            words = window.part(at + 4, min(max(0, size - 4), MAX_TEXT_BYTES)).split(b"\0")
            for key, value in zip(words[::2], words[1::2], strict=False):
                yield key.decode("utf-8", "replace"), value


def caf_chunks(window: Window) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, offset and size of the contents of each chunk of a CAF file; the data may reach to the end (-1)."""
    at = 8
    for _ in range(MAX_CHUNKS):
        head = window.part(at, 12)
        size = int.from_bytes(head[4:], "big", signed=True)
        if len(head) < 12:
            return
        yield head[:4], at + 12, size
        if size < 0:
            return
        at += 12 + size
