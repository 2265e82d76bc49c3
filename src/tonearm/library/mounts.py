"""The rules that decide whether known files that are not found were deleted, or are in a folder that is not mounted.

The scan uses them after it has read a root or a part of it, and the worker when it does not find a file.

A root is not mounted
- for the scan: if no music was found though files are known; or if it is on another device than at the last scan,
  and at least 20 known files are gone, and more are gone than were found;
- for the worker: if none of its other known files is there, nor the top folder of one; or if no others are known
  and its folder is empty.

A folder below a root that was a mount point at the last scan is not mounted
- for the scan: if it is no mount point now, and no music was found in it;
- for the worker: if it is empty.

A folder that can't be read counts as empty. Files in what is not mounted are not marked missing and do not fail.
"""

import os
from collections.abc import Collection, Sequence

from tonearm.names import folders_above

SUSPICIOUS_LOSS = 20
"""Number of missing files from which a root on another device counts as not mounted."""


def root_looks_unmounted(missing: int, in_lost_mounts: int, found: int, other_device: bool) -> bool:
    """Whether a scan has read a root that is not mounted.

    missing: how many known files it did not find; in_lost_mounts: how many of these are in ``lost_mounts``.
    found: how much music it found. other_device: whether the root is on another device than at the last scan.
    """
    if missing and not found:
        return True
    gone = missing - in_lost_mounts
    return other_device and gone >= SUSPICIOUS_LOSS and gone > found


def lost_mounts(
    recorded: Sequence[bytes], now: Collection[bytes], with_music: Collection[bytes]
) -> list[bytes]:
    """The mount points of the last scan that a scan finds not mounted."""
    return [mount for mount in recorded if mount not in now and mount not in with_music]


def is_root_mounted(root: bytes, other_files: Sequence[bytes]) -> bool:
    """Whether a root is mounted in which a worker can't find a file; ``other_files``: some other known files of it."""
    tops = {path.partition(b"/")[0] for path in other_files}  # a whole album may have been deleted
    if any(os.path.lexists(os.path.join(root, top)) for top in tops):
        return True
    return not other_files and not is_empty(root)


def empty_mounts(root: bytes, recorded: Sequence[bytes]) -> list[bytes]:
    """The mount points of the last scan that a worker finds not mounted."""
    return [mount for mount in recorded if is_empty(os.path.join(root, mount))]


def is_empty(folder: bytes) -> bool:
    """Whether a folder is empty, absent or can't be read."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether a path lies below a folder."""
    return path.startswith(folder + b"/")


def is_at_or_inside(path: bytes, folders: frozenset[bytes]) -> bool:
    """Whether a path is one of these folders or lies below one; the time does not depend on their number."""
    return bool(folders) and (path in folders or not folders.isdisjoint(folders_above(path)))
