"""Reads folders through disposable processes, so that one that does not answer holds up nothing but itself."""

import contextlib
import errno
import json
import marshal
import os
import select
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import starmap
from operator import itemgetter
from typing import Any, NamedTuple

from tonearm.library.found_file import FoundFile
from tonearm.library.mount_table import MountTable, read_mounts
from tonearm.library.mounts import is_inside
from tonearm.names import to_document
from tonearm.resilience.processes import end, started
from tonearm.scan.patterns import Patterns
from tonearm.scan.reader_process import HEAD, STARTED
from tonearm.scan.walk import (
    LIMIT_S,
    UNANSWERED,
    Ignored,
    InvalidLine,
    LeftOut,
    MountPoint,
    PlaceUnreadable,
    Skipped,
    Unreadable,
    Walked,
    WalkItem,
)

START_S = 10.0
"""Seconds in which a process has to start."""
LOOK_S = 0.25
"""Seconds after which it is looked whether the scan has to end."""
ENDED_S = 0.1
SILENT = object()
"""Stands for an answer that has not come."""
ROOT_READ = b"\0"
"""Less than any path, but not empty."""
_PATH = itemgetter(0)
_KINDS: dict[str, Callable[..., WalkItem]] = {
    kind.__name__: kind
    for kind in (FoundFile, Skipped, Unreadable, MountPoint, LeftOut, Ignored, InvalidLine)
}


class NamedPath(NamedTuple):
    """A path that a person named. path: canonical. mode: ``None`` if it is not known, as ``number`` of an error says.

    number: ``ETIMEDOUT`` if it hangs; ``path`` is then absolute.
    """

    path: bytes
    mode: int | None
    number: int | None


def reason_of(number: int) -> str:
    """What an error number means."""
    return UNANSWERED if number == errno.ETIMEDOUT else os.strerror(number)


def resolved(paths: Sequence[bytes], stopping: Callable[[], bool] = lambda: False) -> list[NamedPath]:
    """What the paths are that a person named. Each that hangs takes ``LIMIT_S``; none does after a stop."""
    found: list[NamedPath] = []
    while left := paths[len(found) :]:
        with _Process(
            {"ask": "resolve", "paths": [to_document(os.path.abspath(path)) for path in left]}
        ) as process:
            for path in left:
                answer = process.next(stopping)
                if not isinstance(answer, tuple):
                    found.append(NamedPath(os.path.abspath(path), None, errno.ETIMEDOUT))
                    break
                found.append(NamedPath(*answer))
    return found


def exist(paths: Sequence[bytes]) -> list[bool]:
    """Whether something is at each path; what hangs counts as being there."""
    if not paths:
        return []
    with _Process({"ask": "exist", "paths": [to_document(path) for path in paths]}) as process:
        answer = process.next()
    return answer if isinstance(answer, list) else [True] * len(paths)


class FolderReader:
    """Walks folders in other processes."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        """``stopping``: whether the scan has to end; a walk then ends early."""
        self._stopping = stopping

    def walk(self, root: bytes, scope: bytes, patterns: Patterns) -> Walked:
        """What ``walk.walk`` finds. A mount below ``scope`` that hangs is unreadable.

        Raises:
            OSError: the scope can't be read, or does not answer.
            PlaceUnreadable: raised by the iterator: the scope does not answer any more.
        """
        process = self._begun(root, scope, patterns, (), b"")
        top, answer, hung = os.path.join(root, scope) if scope else root, process.next(self._stopping), []
        if answer is SILENT and not self._holds(hung := self._hung(root, top, (), process.followed), top):
            process.close()
            process = self._begun(root, scope, patterns, hung, b"")
            answer = process.next(self._stopping)
        if isinstance(answer, tuple):
            return Walked(answer[0], self._items(process, root, scope, patterns, hung))
        process.close()
        if not answer and self._stopping():
            return Walked(0, iter(()))
        number = answer if isinstance(answer, int) else errno.ETIMEDOUT
        raise OSError(number, reason_of(number))

    def _items(
        self, process: "_Process", root: bytes, scope: bytes, patterns: Patterns, hung: list[bytes]
    ) -> Iterator[WalkItem]:
        top = os.path.join(root, scope) if scope else root
        after = b""
        yield from _unreadable(hung, root)
        try:
            while part := process.next(self._stopping):
                if part is SILENT:
                    new = self._hung(root, top, hung, process.followed)
                    if self._holds(new, top):
                        raise PlaceUnreadable(f"it can't be read any more: {UNANSWERED}")
                    if new:
                        yield from _unreadable(new, root)
                        hung = [*hung, *new]
                        process.close()
                        process = self._begun(root, scope, patterns, hung, after)
                        process.next(self._stopping)  # the device
                    continue
                if isinstance(part, int):
                    raise PlaceUnreadable(f"it can't be read any more: {os.strerror(part)}")
                for kind, group in part:
                    after = max(after, ROOT_READ, *map(_PATH, group))
                    yield from starmap(_KINDS[kind], group)
        finally:
            process.close()

    def _begun(
        self, root: bytes, scope: bytes, patterns: Patterns, without: Sequence[bytes], after: bytes
    ) -> "_Process":
        inside = [path for path in without if is_inside(path, root.rstrip(b"/"))]
        return _Process(
            {
                "ask": "walk",
                "root": to_document(root),
                "scope": to_document(scope),
                "patterns": patterns.given,
                "without": [to_document(os.path.relpath(path, root)) for path in inside],
                "elsewhere": [to_document(path) for path in without if path not in inside],
                "after": to_document(after),
            }
        )

    def _hung(self, root: bytes, top: bytes, known: Sequence[bytes], followed: bytes) -> list[bytes]:
        """The mounts that ``top`` lies on, or that lie below it, which do not answer.

        If all do: the mount that ``followed`` leads to, the link below ``root`` that a walk is following; or that link
        itself, if a mount hangs below what it leads to.
        """
        if (hung := self._hung_mounts(top, known)) or not followed:
            return hung
        link, mount = os.path.join(root, followed), b""
        with _Process({"ask": "lead", "path": to_document(link)}) as process:
            while isinstance(answer := process.next(self._stopping), list) and answer:
                [mount] = answer
        if answer is SILENT:
            return [mount]
        return [link] if isinstance(answer, tuple) and self._hung_mounts(answer[0], ()) else []

    def _hung_mounts(self, top: bytes, known: Sequence[bytes]) -> list[bytes]:
        on = MountTable().mount_of(top)
        mounts = [
            mount for mount in read_mounts() if is_inside(mount, top.rstrip(b"/")) and mount not in known
        ]
        looks = {mount: _Process({"ask": "look", "path": to_document(mount)}) for mount in (on, *mounts)}
        hung = [mount for mount, process in looks.items() if process.next(self._stopping) is SILENT]
        for process in looks.values():
            process.close()
        return hung

    def _holds(self, mounts: Sequence[bytes], top: bytes) -> bool:
        return MountTable().mount_of(top) in mounts


def _unreadable(hung: Sequence[bytes], root: bytes) -> Iterator[WalkItem]:
    """The mounts below a root that hang; links are told by the walk itself."""
    mounts = read_mounts()
    for mount in (path for path in hung if path in mounts and is_inside(path, root.rstrip(b"/"))):
        inside = os.path.relpath(mount, root)
        yield MountPoint(inside)
        yield Unreadable(inside, UNANSWERED)


class _Process:
    """One process and its answers."""

    def __init__(self, question: dict[str, Any]) -> None:
        self._received = b""
        self._is_started = False
        self.followed = b""
        """The symbolic link that is followed; empty if none is."""
        self._process = started("tonearm.scan.reader_process")
        assert self._process.stdin is not None  # noqa: S101  it is a pipe
        assert self._process.stdout is not None  # noqa: S101  it is a pipe
        self._descriptor = self._process.stdout.fileno()
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(json.dumps(question).encode("ascii") + b"\n")

    def next(self, stopping: Callable[[], bool] = lambda: False) -> Any:
        """The next answer; ``SILENT`` if it does not come within ``LIMIT_S``, and nothing when the scan has to end.

        ``EIO`` if the process has ended. Before the first answer it has ``START_S`` to start.
        """
        while True:
            answer = self._next(LIMIT_S if self._is_started else START_S, stopping)
            if answer == STARTED:
                self._is_started = True
            elif isinstance(answer, bytes):
                self.followed = answer
            else:
                return answer

    def _next(self, seconds: float, stopping: Callable[[], bool]) -> Any:
        until = time.monotonic() + seconds
        arrives = select.poll()
        arrives.register(self._descriptor, select.POLLIN)
        while (size := self._size()) is None or len(self._received) < HEAD.size + size:
            if stopping():
                return []
            if not arrives.poll(LOOK_S * 1000):
                if time.monotonic() > until:
                    return SILENT
                continue
            piece = os.read(self._descriptor, 1 << 18)
            if not piece:
                return errno.EIO
            self._received += piece
        body, self._received = (
            self._received[HEAD.size : HEAD.size + size],
            self._received[HEAD.size + size :],
        )
        return marshal.loads(body)  # noqa: S302  our own process

    def _size(self) -> int | None:
        return HEAD.unpack_from(self._received)[0] if len(self._received) >= HEAD.size else None

    def close(self) -> None:
        """End it; one that hangs in the kernel is left, and ends by itself when its folder answers."""
        if self._process.stdout is not None:
            self._process.stdout.close()
        end(self._process, ENDED_S)

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
