"""Which mounts a path leads over by its symbolic links, found without touching what is on one that hangs."""

import os
from collections.abc import Collection, Iterator
from typing import NamedTuple

MOST_LINKS = 40
"""So many links one after another Linux follows."""


class Crossing(NamedTuple):
    """A mount point that following a path meets. at: the part of the path that leads to it."""

    mount: bytes
    at: bytes


def crossings(path: bytes, mounts: Collection[bytes]) -> Iterator[Crossing]:
    """Those of some mount points that following an absolute path meets; each before anything on it is touched."""
    parts = path.split(b"/")
    reached, left, links, own = b"", [*parts], 0, len(parts)
    while left and links <= MOST_LINKS:
        part = left.pop(0)
        own = min(own, len(left))  # so many parts of the path itself are left
        if part in (b"", b"."):
            continue
        if part == b"..":
            reached = reached[: max(0, reached.rfind(b"/"))]
            continue
        place = reached + b"/" + part
        if place in mounts:
            yield Crossing(place, b"/".join(parts[: len(parts) - own]))
        try:
            target = os.readlink(place)
        except OSError:  # it is no link
            reached = place
            continue
        links += 1
        left = target.split(b"/") + left
        if target.startswith(b"/"):
            reached = b""
