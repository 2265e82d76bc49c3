"""A scan as phases: walk beside what is known, judge each file, take it in, judge what was not met.

Both the walk and the library yield paths in the order of their bytes, so that a million files are compared
like two sorted lists, in bounded memory and without a write for an unchanged file.
"""

import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tonearm.errors import TonearmError
from tonearm.events.facts import (
    Announce,
    FileMoved,
    FileSkipped,
    ScanFinished,
    ScanProgress,
    ScanStarted,
    Warned,
)
from tonearm.jobs.intake import Intake
from tonearm.jobs.runs import Runs
from tonearm.library.files import FileChange, Files, FoundFile, KnownFile, ScannedFile
from tonearm.library.roots import Place, Roots
from tonearm.names import folders_above
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.patterns import Patterns
from tonearm.scan.walk import Met, Mount, Passed, Unread, walk
from tonearm.settings import Level

BATCH = 2000
PAGE = 2000
SUSPICIOUS_LOSS = 20
KEPT = "what is known below it stays as it is"


class PlaceUnread(TonearmError):
    """A place that was to be scanned can't be read."""


@dataclass(slots=True)
class _Tally:
    kinds: Counter[FileChange] = field(default_factory=Counter)
    passed: int = 0
    owed: int = 0  # of those that were passed, not counted in the run yet
    to_analyse: int = 0
    unmet: list[KnownFile] = field(default_factory=list)
    unread: list[bytes] = field(default_factory=list)
    mounts: list[bytes] = field(default_factory=list)
    moved: set[int] = field(default_factory=set)
    alive: set[bytes] = field(default_factory=set)
    lost: list[bytes] = field(default_factory=list)

    @property
    def discovered(self) -> int:
        return sum(self.kinds.values()) + self.passed


class Scanner:
    """Reads folders into the library."""

    def __init__(
        self,
        files: Files,
        intake: Intake,
        roots: Roots,
        runs: Runs,
        patterns: Patterns,
        announce: Announce,
        stopping: Callable[[], bool],
        storage_retry: StorageRetry,
    ) -> None:
        self._files = files
        self._intake = intake
        self._roots = roots
        self._runs = runs
        self._patterns = patterns
        self._announce = announce
        self._stopping = stopping
        self._storage_retry = storage_retry

    def scan(self, run: int, place: Place, level: Level | None, fresh: bool) -> bool:
        """Bring what lies at a place into the library and into a run; ``False`` when stopped on the way.

        Raises:
            PlaceUnread: the place itself can't be read.
        """
        started = time.monotonic()
        top = os.path.join(place.here, place.scope) if place.scope else place.here
        self._announce(ScanStarted(top))
        try:
            device = os.stat(place.here).st_dev
            walked = walk(place.here, place.scope, self._patterns)
        except OSError as error:
            raise PlaceUnread(f"it can't be read: {error.strerror}; {KEPT}") from error
        tally = _Tally()
        batch: list[ScannedFile] = []
        for scanned in self._scanned_files(walked, place, tally):
            batch.append(scanned)
            if len(batch) >= BATCH:
                self._take_in(run, place, batch, level, fresh, tally)
                batch = []
            if self._stopping():
                break
        self._take_in(run, place, batch, level, fresh, tally)
        if self._stopping():
            return False
        missing = self._judge_unmet(place, device, tally)
        if not place.scope and missing is not None:
            kept = [mount for mount in place.mounts if _at_or_in(mount, frozenset(tally.unread))]
            mounts = list(dict.fromkeys([*tally.mounts, *tally.lost, *kept]))
            self._storage_retry(lambda: self._roots.scanned(place, device, mounts))
        self._announce(
            ScanFinished(
                root=top,
                discovered=tally.discovered,
                new=tally.kinds[FileChange.NEW],
                changed=tally.kinds[FileChange.CHANGED],
                moved=tally.kinds[FileChange.MOVED],
                unchanged=tally.kinds[FileChange.UNCHANGED],
                missing=missing or 0,
                skipped=tally.passed,
                elapsed_s=time.monotonic() - started,
            )
        )
        return True

    def _scanned_files(self, walked: Iterable[Met], place: Place, tally: _Tally) -> Iterator[ScannedFile]:
        """Merge the walk with what is known; what only the library has is gathered as unmet."""
        known = self._known(place)
        ahead = next(known, None)
        for met in walked:
            if isinstance(met, FoundFile):
                tally.alive.update(mount for mount in place.mounts if _inside(met.path, mount))
                while ahead is not None and ahead.path < met.path:
                    tally.unmet.append(ahead)
                    ahead = next(known, None)
                same = ahead if ahead is not None and ahead.path == met.path else None
                if same is not None:
                    ahead = next(known, None)
                yield _judged(met, same)
            else:
                self._note(met, place, tally)
        while ahead is not None:
            tally.unmet.append(ahead)
            ahead = next(known, None)

    def _known(self, place: Place) -> Iterator[KnownFile]:
        after: bytes | None = None
        look = self._files.known
        while page := self._storage_retry(functools.partial(look, place.root, place.scope, after, PAGE)):
            yield from page
            after = page[-1].path

    def _note(self, met: Passed | Unread | Mount, place: Place, tally: _Tally) -> None:
        path = os.path.join(place.here, met.path)
        if isinstance(met, Mount):
            tally.mounts.append(met.path)
        elif isinstance(met, Unread):
            tally.unread.append(met.path)
            self._announce(Warned(f"{met.reason}; {KEPT}", path))
        else:
            tally.passed += 1
            tally.owed += 1
            self._announce(FileSkipped(path, met.reason))

    def _take_in(
        self,
        run: int,
        place: Place,
        batch: list[ScannedFile],
        level: Level | None,
        fresh: bool,
        tally: _Tally,
    ) -> None:
        if tally.owed:
            self._storage_retry(lambda: self._runs.count_skipped(run, tally.owed))
            tally.owed = 0
        if not batch:
            return
        batch = self._find_moved(place, batch, tally)
        taken = self._storage_retry(lambda: self._intake.record(run, place.root, batch, level, fresh))
        tally.kinds.update(scanned.change for scanned in batch)
        tally.to_analyse += taken.to_analyse
        self._announce(ScanProgress(tally.discovered, tally.to_analyse))

    def _find_moved(self, place: Place, batch: list[ScannedFile], tally: _Tally) -> list[ScannedFile]:
        """A new path whose inode, size and time are a known file's that is no longer where it was."""
        new = [scanned.found.inode for scanned in batch if scanned.change == FileChange.NEW]
        if not new:
            return batch
        candidates = self._storage_retry(lambda: self._files.by_inode(new))
        paths = (
            {root.root: root.here for root in self._storage_retry(self._roots.every)} if candidates else {}
        )
        judged = []
        for scanned in batch:
            known = None
            if scanned.change == FileChange.NEW:
                known = next(
                    (
                        one
                        for one in candidates.get(scanned.found.inode, ())
                        if one.id not in tally.moved
                        and (one.size, one.mtime_ns) == (scanned.found.size, scanned.found.mtime_ns)
                        and not os.path.lexists(os.path.join(paths[one.root], one.path))
                    ),
                    None,
                )
            if known is None:
                judged.append(scanned)
                continue
            tally.moved.add(known.id)
            old = os.path.join(paths[known.root], known.path)
            self._announce(FileMoved(os.path.join(place.here, scanned.found.path), old))
            judged.append(ScannedFile(scanned.found, FileChange.MOVED, known))
        return judged

    def _judge_unmet(self, place: Place, device: int, tally: _Tally) -> int | None:
        """Mark known files that were not met as missing; ``None``, and nothing marked, if it looks unmounted."""
        unread = frozenset(tally.unread)
        unmet = [
            known
            for known in tally.unmet
            if known.id not in tally.moved
            and not known.missing
            and not _at_or_in(known.path, unread)
            and self._patterns.wants(known.path)
        ]
        met = sum(tally.kinds.values())
        if unmet and not met:
            self._warn_unmounted(place, len(unmet))
            return None
        empty = [mount for mount in place.mounts if mount not in tally.mounts and mount not in tally.alive]
        kept = {known.id for known in unmet if any(_inside(known.path, mount) for mount in empty)}
        for mount in empty:
            if any(_inside(known.path, mount) for known in unmet):
                tally.lost.append(mount)
                path = os.path.join(place.here, mount)
                self._announce(
                    Warned("was a mount point and is none now; nothing below it is marked missing", path)
                )
        gone = [known.id for known in unmet if known.id not in kept]
        other_device = place.device is not None and place.device != device
        if other_device and len(gone) >= SUSPICIOUS_LOSS and len(gone) > met:
            self._warn_unmounted(place, len(gone))
            return None
        self._storage_retry(lambda: self._files.mark_missing(gone))
        return len(gone)

    def _warn_unmounted(self, place: Place, files: int) -> None:
        self._announce(
            Warned(
                f"looks empty or unmounted; none of the {files} known files in it is marked missing",
                os.path.join(place.here, place.scope) if place.scope else place.here,
            )
        )


def _inside(path: bytes, folder: bytes) -> bool:
    return path.startswith(folder + b"/")


def _at_or_in(path: bytes, places: frozenset[bytes]) -> bool:
    """Whether a path is one of some places or lies in one; it takes no longer the more of them there are."""
    return bool(places) and (path in places or not places.isdisjoint(folders_above(path)))


def _judged(found: FoundFile, known: KnownFile | None) -> ScannedFile:
    if known is None:
        return ScannedFile(found, FileChange.NEW)
    same = (known.size, known.mtime_ns) == (found.size, found.mtime_ns)
    return ScannedFile(found, FileChange.UNCHANGED if same else FileChange.CHANGED, known)
