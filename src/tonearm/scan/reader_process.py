"""The main program of a disposable process that reads folders, which may hang.

It gets one question, as JSON on standard input, and writes its answer to standard output: values that ``marshal``
knows, each after its length. It needs the standard library, the rules of the walk and the patterns alone.
"""

import json
import marshal
import os
import struct
import sys
import time
from collections.abc import Iterable
from typing import Any

from tonearm.names import from_document

HEAD = struct.Struct("=I")
AT_ONCE = 1000
STARTED = "started"
"""Sent before anything is read."""
SEND_S = 0.1
"""Seconds after which items are sent although there are fewer than ``AT_ONCE``."""


def main() -> None:
    """Answer the question: a walk by the device of the root and lists of items, of which the last one is empty.

    Between these is each symbolic link that is followed, and nothing once it is not followed any more.
    """
    question = json.loads(sys.stdin.readline())
    _write(STARTED)
    try:
        match question["ask"]:
            case "walk":
                _walk(question)
            case "look":
                with os.scandir(from_document(question["path"])) as entries:
                    next(entries, None)
                _write(0)
            case "exist":
                _write([os.path.lexists(from_document(path)) for path in question["paths"]])
            case "lead":
                _lead(from_document(question["path"]))
            case "resolve":
                for path in question["paths"]:
                    _write(named_path(from_document(path)))
    except OSError as error:
        _write(error.errno or 0)


def _write(value: Any) -> None:
    body = marshal.dumps(value)
    sys.stdout.buffer.write(HEAD.pack(len(body)) + body)
    sys.stdout.buffer.flush()


def _lead(link: bytes) -> None:
    """Write the mounts that a link leads over, each before it is touched, then the canonical path of the link."""
    from tonearm.library.links import crossings
    from tonearm.library.mount_table import read_mounts

    for mount, _ in crossings(link, read_mounts()):
        _write([mount])
    os.stat(link)
    _write((os.path.realpath(link),))


def named_path(path: bytes) -> tuple[bytes, int | None, int | None]:
    """The canonical path, the mode, and the number of the error with which that failed."""
    from tonearm.library.canonical import canonical

    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return canonical(path), None, error.errno
    return canonical(path), mode, None


def _walk(question: dict[str, Any]) -> None:
    from tonearm.library.links import crossings
    from tonearm.scan.patterns import Patterns
    from tonearm.scan.walk import walk

    hung = frozenset(from_document(path) for path in question["without"])
    elsewhere = frozenset(from_document(path) for path in question["elsewhere"])
    after = from_document(question["after"])

    class Rest(Patterns):
        """The patterns, which also exclude what hangs and the folders that were read before; links are announced."""

        followed = b""

        def is_hung(self, path: bytes, is_link: bool) -> bool:
            if path in hung:
                return True
            return is_link and bool(elsewhere) and any(crossings(os.path.join(root, path), elsewhere))

        def follow(self, link: bytes) -> None:
            if link != self.followed:
                self.followed = link
                _write(link)

        def excludes(self, path: bytes, is_folder: bool) -> bool:
            read = is_folder and path + b"/" < after and not after.startswith(path + b"/")
            return read or super().excludes(path, is_folder)

    root, scope = from_document(question["root"]), from_document(question["scope"])
    patterns = Rest(*question["patterns"])
    items = walk(root, scope, patterns)
    _write((os.stat(root).st_dev,))
    _send(items, after)
    _write([])


def _send(items: Iterable[Any], after: bytes) -> None:
    """Write the items whose path is greater than ``after``, if it is not empty, in parts; each has one ``LeftOut``.

    A part is a list of groups: a kind, and the fields of each of the items of this kind that follow each other.
    """
    from tonearm.library.left_out import add_counts

    part: list[tuple[str, list[tuple[Any, ...]]]] = []
    size, left_out, last = 0, dict[str, int](), b""
    until = time.monotonic() + SEND_S
    for item in items:
        kind, fields = type(item).__name__, _fields(item)
        if after and len(fields) > 1 and kind != "Unreadable" and fields[0] <= after:
            continue
        if kind == "LeftOut":
            add_counts(left_out, fields[1])
            last = fields[0]
        elif part and part[-1][0] == kind:
            part[-1][1].append(fields)
        else:
            part.append((kind, [fields]))
        size += 1
        if size >= AT_ONCE or time.monotonic() > until:
            _write([*part, *_counted(last, left_out)])
            part, size, left_out, until = [], 0, {}, time.monotonic() + SEND_S
    if size:
        _write([*part, *_counted(last, left_out)])


def _counted(path: bytes, left_out: dict[str, int]) -> list[tuple[str, list[tuple[Any, ...]]]]:
    return [("LeftOut", [(path, left_out)])] if left_out else []


def _fields(item: Any) -> tuple[Any, ...]:
    return tuple(item) if isinstance(item, tuple) else tuple(getattr(item, name) for name in item.__slots__)
