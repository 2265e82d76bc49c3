"""Replaced parts of a file: a changed copy is the old file with them, and the old file the copy with their inverse."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_HEAD = struct.Struct("<QQQ")


@dataclass(frozen=True, slots=True)
class Splice:
    """``old`` bytes at an offset that become ``new`` ones."""

    at: int
    old: bytes
    new: bytes


def spliced(read: Callable[[int], bytes], splices: Sequence[Splice]) -> Iterator[bytes]:
    """The pieces of the changed file. ``read``: returns the next bytes of the old one, as many as asked for or fewer.

    Raises ValueError where the file does not hold the old bytes.
    """
    at = 0
    for splice in sorted(splices, key=lambda each: each.at):
        if splice.at < at:
            raise ValueError("parts that are replaced overlap")
        for piece in _exactly(read, splice.at - at):
            yield piece
        if b"".join(_exactly(read, len(splice.old))) != splice.old:
            raise ValueError("the file does not hold what is to be replaced")
        if splice.new:
            yield splice.new
        at = splice.at + len(splice.old)
    while piece := read(1 << 20):
        yield piece


def _exactly(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        piece = read(min(size, 1 << 20))
        if not piece:
            raise ValueError("the file ends too early")
        yield piece
        size -= len(piece)


def inverse(splices: Sequence[Splice]) -> list[Splice]:
    """What makes the old file of the changed one."""
    found, moved = [], 0
    for splice in sorted(splices, key=lambda each: each.at):
        found.append(Splice(splice.at + moved, splice.new, splice.old))
        moved += len(splice.new) - len(splice.old)
    return found


def packed(splices: Sequence[Splice]) -> bytes:
    """Splices as bytes."""
    parts = [_HEAD.pack(each.at, len(each.old), len(each.new)) + each.old + each.new for each in splices]
    return zlib.compress(b"".join(parts))


def unpacked(data: bytes) -> list[Splice]:
    """The inverse of ``packed``."""
    whole, at, found = zlib.decompress(data), 0, []
    while at < len(whole):
        place, old, new = _HEAD.unpack_from(whole, at)
        at += _HEAD.size
        found.append(Splice(place, whole[at : at + old], whole[at + old : at + old + new]))
        at += old + new
    return found
