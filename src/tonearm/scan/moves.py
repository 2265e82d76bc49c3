"""Recognises moved files, whose rows get the new path and which are not analysed again."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence

from tonearm.library.files import FileChange, KnownFile, ScannedFile

Exist = Callable[[Sequence[bytes]], Sequence[bool]]
"""Tells whether something is at each path."""


def exist_here(paths: Sequence[bytes]) -> list[bool]:
    """Look in this process, which waits as long as a folder does not answer."""
    return [os.path.lexists(path) for path in paths]


def new_inodes(batch: Sequence[ScannedFile]) -> list[int]:
    """The inodes of the new files of a batch."""
    return [scanned.found.inode for scanned in batch if scanned.change == FileChange.NEW]


def moved_from(
    scanned: ScannedFile,
    by_inode: Mapping[int, Sequence[KnownFile]],
    roots: Mapping[int, bytes],
    already_moved: Collection[int],
    there: Collection[bytes],
) -> KnownFile | None:
    """The known file that was moved to the path of a new file, if any.

    It has the same inode, size and time of modification, and no file is at its path any more. The inode alone is not
    enough, because file systems reuse numbers. ``roots``: the local path of each root. ``already_moved``: ids of known
    files that were already found at another path. there: the local paths of known files at which something still is.
    """
    found = scanned.found
    if scanned.change != FileChange.NEW:
        return None
    for known in by_inode.get(found.inode, ()):
        if (
            known.id not in already_moved
            and (known.size, known.mtime_ns) == (found.size, found.mtime_ns)
            and os.path.join(roots[known.root], known.path) not in there
        ):
            return known
    return None
