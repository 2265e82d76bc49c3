"""Reads the boxes of MP4 and QuickTime files (ISO/IEC 14496-12, 4.2), and how long the edit list of a track plays."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tonearm.analysis.file_window import Window

MAX_BOXES = 20_000
MAX_EDITS = 1000
NOTHING = 0xFFFFFFFF
"""Where an edit begins that plays nothing."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its four letters, and where its contents begin and end."""

    name: bytes
    start: int
    end: int


def boxes(file: Window, start: int, end: int) -> Iterator[Box]:
    """The boxes between two offsets, until one does not fit; the last may reach to the end."""
    at = start
    for _ in range(MAX_BOXES):
        head = file.part(at, min(16, end - at))
        if len(head) < 8:
            return
        size, head_bytes = int.from_bytes(head[:4], "big"), 8
        if size == 1 and len(head) == 16:
            size, head_bytes = int.from_bytes(head[8:], "big"), 16
        elif size == 0:
            size = end - at
        if size < head_bytes:
            return
        yield Box(head[4:8], at + head_bytes, min(at + size, end))
        at += size


def cut_in_fragment(file: Window) -> bool:
    """Whether a file in fragments, whose header does not tell how many there are, ends inside a box."""
    fragmented, at, size = False, 0, 0
    for box in boxes(file, 0, sys.maxsize):
        fragmented = fragmented or box.name == b"moof"
        at, size = box.start, box.end - box.start
    return fragmented and file.size < at + size


def edited_seconds(file: Window, track: int) -> tuple[float, float] | None:
    """How long the edit list of a track plays what there is, and how long that is; ``None`` without a list.

    An edit may be said to be longer than the audio behind its start. Edits in the long form, for days of audio, are
    left to FFmpeg. Raises ``OSError``.
    """
    moov = _inside(file, Box(b"", 0, file.size), b"moov")
    scale = _scale_and_length(file, _inside(file, moov, b"mvhd"))[0]
    for trak in boxes(file, moov.start, moov.end) if moov else ():
        if trak.name == b"trak" and _track_number(file, trak) == track:
            media = _scale_and_length(file, _inside(file, _inside(file, trak, b"mdia"), b"mdhd"))
            return _played(file, _inside(file, _inside(file, trak, b"edts"), b"elst"), scale, *media)
    return None


def sample_entries(file: Window, track: int) -> list[bytes]:
    """The names of the sample entries of a track, which tell how it is coded. Raises ``OSError``."""
    moov = _inside(file, Box(b"", 0, file.size), b"moov")
    for trak in boxes(file, moov.start, moov.end) if moov else ():
        if trak.name == b"trak" and _track_number(file, trak) == track:
            found: Box | None = trak
            for name in (b"mdia", b"minf", b"stbl", b"stsd"):
                found = _inside(file, found, name)
            if found is not None:
                return [entry.name for entry in boxes(file, found.start + 8, found.end)]
    return []


def _inside(file: Window, box: Box | None, name: bytes) -> Box | None:
    if box is None:
        return None
    return next((inner for inner in boxes(file, box.start, box.end) if inner.name == name), None)


def _track_number(file: Window, trak: Box) -> int | None:
    header = _inside(file, trak, b"tkhd")
    return None if header is None else _number(file, header.start + (20 if _is_long(file, header) else 12))


def _scale_and_length(file: Window, header: Box | None) -> tuple[int, int]:
    """Units a second, and the length in them, of a movie or a track."""
    if header is None:
        return 0, 0
    at = header.start + (20 if _is_long(file, header) else 12)
    return _number(file, at), _number(file, at + 4, 8 if _is_long(file, header) else 4)


def _played(
    file: Window, edits: Box | None, movie_scale: int, scale: int, length: int
) -> tuple[float, float] | None:
    if edits is None or not movie_scale or not scale or not length or _is_long(file, edits):
        return None
    seconds = 0.0
    for number in range(min(_number(file, edits.start + 4), MAX_EDITS)):
        at = edits.start + 8 + 12 * number
        start = _number(file, at + 4)
        if start != NOTHING:
            left = max(0, length - start) / scale
            seconds += min(_number(file, at) / movie_scale or left, left)
    return (seconds, length / scale) if seconds else None


def _is_long(file: Window, box: Box) -> bool:
    """Whether a box is in its version with times of 64 bits."""
    return file.part(box.start, 1) == b"\1"


def _number(file: Window, at: int, size: int = 4) -> int:
    return int.from_bytes(file.part(at, size), "big")
