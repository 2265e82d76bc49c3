"""The disposable process that looks at places which may hang: disks, folders on network mounts, SQLite's file.

It reads questions from standard input, one JSON object a line, and writes one answer a line, in the same order. Before
it looks at a folder it writes a line that names the folder. Its parent ends it when an answer does not come in time. It
needs the standard library and the rules of mounts alone.
"""

import json
import os
import re
import sqlite3
import sys
import time
import urllib.parse
from collections.abc import Mapping
from typing import Any

from tonearm.library.mounts import empty_mounts, is_inside, is_root_mounted
from tonearm.names import from_document, to_document

BUSY_S = 1.0
MOUNTS = "/proc/self/mountinfo"
_ESCAPED = re.compile(rb"\\([0-7]{3})")
"""A byte of a name as the kernel escapes it, such as a space."""


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
            case "root":
                return _root(path, question)
            case _:
                return _sqlite(path)
    except OSError as error:
        return {"error": error.errno}


def _room(path: bytes) -> dict[str, Any]:
    """The room on the disk of a folder, which may not exist yet."""
    while not os.path.exists(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    room = os.statvfs(path)
    return {"free": room.f_bavail * room.f_frsize, "size": room.f_blocks * room.f_frsize}


def _root(path: bytes, question: Mapping[str, Any]) -> dict[str, Any]:
    """Whether a root and the mounts below it can be read, and are mounted by the rules of ``library.mounts``."""
    for folder in (path, *_mounts_below(path)):
        _write({"folder": to_document(folder)})
        with os.scandir(folder) as entries:
            next(entries, None)
    files = [from_document(file) for file in question["files"]]
    mounts = [from_document(mount) for mount in question["mounts"]]
    return {
        "mounted": is_root_mounted(path, files),
        "empty": [to_document(mount) for mount in empty_mounts(path, mounts)],
    }


def _mounts_below(path: bytes) -> list[bytes]:
    """The mount points below a folder, as the kernel lists them; those that are mounted only when used are left out."""
    try:
        with open(MOUNTS, "rb") as lines:
            mounts = [line.split() for line in lines]
    except OSError:  # not Linux
        return []
    points = [(_ESCAPED.sub(_byte, fields[4]), fields[fields.index(b"-") + 1]) for fields in mounts]
    return [point for point, kind in points if is_inside(point, path.rstrip(b"/")) and kind != b"autofs"]


def _byte(octal: re.Match[bytes]) -> bytes:
    return bytes((int(octal[1], 8),))


def _sqlite(path: bytes) -> dict[str, Any]:
    """Read a row of the library; ``sqlite``: the code of SQLite's error, if there was one."""
    address = f"file:{urllib.parse.quote(path)}?mode=ro"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=BUSY_S)
        try:
            connection.execute("SELECT version_num FROM alembic_version").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return {"sqlite": getattr(error, "sqlite_errorcode", 0) & 0xFF}
    return {}
