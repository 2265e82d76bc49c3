"""When roots have to be scanned again: soon after something in them has changed, or, where that can't be seen, now and
then."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Sequence

from tonearm.scan.patterns import Patterns
from tonearm.scan.watched_folders import NotWatched, WatchedFolders

QUIET_S = 2.0
"""Seconds without a change after which what has changed is scanned."""
LONGEST_S = 30.0
"""Seconds after which it is scanned although changes go on."""
MANY = 100
"""More changed files of one folder than that are scanned as a folder."""


class Watch:
    """The roots of a library, and which paths in them are due to be scanned."""

    def __init__(
        self,
        patterns: Patterns,
        most: int,
        rescan_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``most``: how many folders are watched at most. rescan_s: between scans of a root that is not watched."""
        self._rescan_s = rescan_s
        self._clock = clock
        self._folders: WatchedFolders | None = None
        self._why = "the system has no inotify" if most else "the setting watch_folders is 0"
        if most:
            with contextlib.suppress(OSError):
                self._folders = WatchedFolders(patterns, most)
        self._known: set[bytes] = set()
        self._scanned_at: dict[bytes, float] = {}
        self._changed: set[bytes] = set()
        self._first_at = self._last_at = 0.0

    def close(self) -> None:
        """Watch nothing more."""
        if self._folders is not None:
            self._folders.close()

    def follow(self, roots: Iterable[bytes]) -> dict[bytes, str]:
        """Watch these roots too; returns those that are scanned now and then instead, each with the reason."""
        refused = {}
        for root in roots:
            if root in self._known:
                continue
            self._known.add(root)
            try:
                if self._folders is None:
                    raise NotWatched(self._why)
                self._folders.watch(root)
            except NotWatched as error:
                refused[root] = str(error)
                self._scanned_at[root] = self._clock()
        return refused

    def due(self) -> list[bytes]:
        """The paths that are due to be scanned now: files and folders, none of them inside another."""
        now = self._clock()
        self._look(now)
        due = {root for root, at in self._scanned_at.items() if now - at >= self._rescan_s}
        for root in due:
            self._scanned_at[root] = now
        if self._changed and (now - self._last_at >= QUIET_S or now - self._first_at >= LONGEST_S):
            due |= {self._there(path) for path in self._changed}
            self._changed = set()
        return outermost_paths(_folders_of_many(due))

    def _look(self, now: float) -> None:
        if self._folders is None or not (changed := self._folders.changed()):
            return
        self._first_at = self._first_at if self._changed else now
        self._last_at = now
        self._changed |= changed

    def _there(self, path: bytes) -> bytes:
        """A path, or the nearest folder above it that is there; a root at most."""
        while path not in self._known and len(path) > 1 and not os.path.lexists(path):
            path = os.path.dirname(path)
        return path


def outermost_paths(paths: Iterable[bytes]) -> list[bytes]:
    """The paths without those that lie inside another one of them, in the order of their bytes."""
    found: list[bytes] = []
    for path in sorted(paths, key=lambda path: path.rstrip(b"/") + b"/"):
        if not found or not path.startswith(found[-1].rstrip(b"/") + b"/"):
            found.append(path)
    return found


def _folders_of_many(paths: Iterable[bytes]) -> list[bytes]:
    """Paths, with a folder in place of many files in it."""
    by_folder: dict[bytes, list[bytes]] = {}
    for path in paths:
        by_folder.setdefault(os.path.dirname(path), []).append(path)
    kept: list[Sequence[bytes]] = [
        [folder] if len(inside) > MANY else inside for folder, inside in by_folder.items()
    ]
    return [path for inside in kept for path in inside]
