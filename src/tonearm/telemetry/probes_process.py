"""The disposable process that looks at places which may hang: disks, folders on network mounts, SQLite's file.

It reads questions from standard input, one JSON object a line, and writes one answer a line, in the same order. Before
it looks at a folder it writes a line that names the folder. Its parent ends it when an answer does not come in time. It
needs the standard library and the rules of mounts alone.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from tonearm.library.data_folder import DATABASE, file_system_of
from tonearm.library.mount_table import read_mounts
from tonearm.library.mounts import empty_mounts, is_inside, is_root_mounted
from tonearm.library.sqlite_file import problem_of
from tonearm.names import from_document, to_document

BUSY_S = 1.0
WRITTEN = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", "analyze.lock", "log")
"""What a process writes in a data folder."""
SYNCS = 7
SYNC_BYTES = 4096


def main() -> None:
    """Say that this process has started, then answer every question."""
    _write({})
    for line in sys.stdin:
        question = json.loads(line)
        began = time.monotonic()
        found = answered(question)
        found["ms"] = round((time.monotonic() - began) * 1000, 2)
        _write(found)


def _write(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def answered(question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to one question; ``error``: the number of the operating system's error, if there was one."""
    path = from_document(question["path"])
    try:
        match question["kind"]:
            case "disk":
                return _room(path)
            case "folder":
                return _room(path) | _written(path)
            case "root":
                return _root(path, question)
            case _:
                return {"sqlite": problem_of(path, BUSY_S)}
    except OSError as error:
        return {"error": error.errno}


def _room(path: bytes) -> dict[str, Any]:
    """The room on the disk of a folder, which may not exist yet."""
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    room = os.statvfs(path)
    return {"free": room.f_bavail * room.f_frsize, "size": room.f_blocks * room.f_frsize}


def _written(path: bytes) -> dict[str, Any]:
    """How a folder can be written, without a change of it; of one that does not exist, the folder that is to hold it.

    unwritable: files in it that this user may not write, as after a call by another one. sync_ms: the median time after
    which a few written bytes are on the disk; ``None`` where it can't be measured.
    """
    exists = os.path.exists(path)
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    writable = os.path.isdir(path) and os.access(path, os.W_OK | os.X_OK)
    return {
        "exists": exists,
        "has_library": os.path.lexists(os.path.join(path, os.fsencode(DATABASE))),
        "unwritable": [name for name in WRITTEN if _is_unwritable(os.path.join(path, os.fsencode(name)))],
        "below": to_document(path),
        "is_folder": os.path.isdir(path),
        "file_system": file_system_of(path),
        "read_only": bool(os.statvfs(path).f_flag & os.ST_RDONLY),
        "writable": writable,
        "sync_ms": _sync_ms(path) if writable else None,
    }


def _is_unwritable(path: bytes) -> bool:
    return os.path.exists(path) and not os.access(path, os.W_OK)


def _sync_ms(folder: bytes) -> float | None:
    """Write to a file without a name, of which nothing is left."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # not on every file system
        return None
    took = []
    try:
        for number in range(SYNCS):
            os.pwrite(descriptor, b"t" * SYNC_BYTES, number * SYNC_BYTES)
            began = time.monotonic()
            os.fdatasync(descriptor)
            took.append(time.monotonic() - began)
    except OSError:  # no room, or the disk fails
        return None
    finally:
        os.close(descriptor)
    return round(sorted(took)[len(took) // 2] * 1000, 2)


def _root(path: bytes, question: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a root and the mounts below it can be read, and are mounted by the rules of ``library.mounts``."""
    for folder in (path, *_mounts_below(path)):
        _write({"folder": to_document(folder)})
        with os.scandir(folder) as entries:
            next(entries, None)
    files = [from_document(file) for file in question["files"]]
    mounts = [from_document(mount) for mount in question["mounts"]]
    return {
        "file_system": file_system_of(path),
        "mounted": is_root_mounted(path, files),
        "empty": [to_document(mount) for mount in empty_mounts(path, mounts)],
    }


def _mounts_below(path: bytes) -> list[bytes]:
    """The mount points below a folder; those that are mounted only when used are left out."""
    return [
        point
        for point, kind in read_mounts().items()
        if is_inside(point, path.rstrip(b"/")) and kind != b"autofs"
    ]
