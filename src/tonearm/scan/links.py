"""Which mounts a symbolic link leads over, found without touching what is on one that hangs."""

import os
from collections.abc import Collection, Iterator

MOST_LINKS = 40
"""So many links one after another Linux follows."""


def mounts_on_the_way(path: bytes, mounts: Collection[bytes]) -> Iterator[bytes]:
    """Those of some mount points that following an absolute path meets; each before anything on it is touched."""
    reached, left, links = b"", path.split(b"/"), 0
    while left and links <= MOST_LINKS:
        part = left.pop(0)
        if part in (b"", b"."):
            continue
        if part == b"..":
            reached = reached[: max(0, reached.rfind(b"/"))]
            continue
        place = reached + b"/" + part
        if place in mounts:
            yield place
        try:
            target = os.readlink(place)
        except OSError:  # it is no link
            reached = place
            continue
        links += 1
        left = target.split(b"/") + left
        if target.startswith(b"/"):
            reached = b""
