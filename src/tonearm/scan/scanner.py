"""A scan in four phases, described in README.md in this folder: walk, compare, take in, mark missing.

The walk and the library both yield paths in the order of their bytes, so they are merged like two sorted lists, without
a write for an unchanged file. Memory is bounded but for the known files that were not found, which are kept until the
end: all files of the root, if it is not mounted.
"""

import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tonearm.events.batches import JobsEnqueued
from tonearm.events.event import Announce
from tonearm.events.facts import FileMoved, FileSkipped, ScanFinished, ScanProgress, ScanStarted, Warned
from tonearm.events.states import WarningCode
from tonearm.jobs.intake import Intake
from tonearm.jobs.runs import Runs
from tonearm.jobs.unread_paths import UnreadPath
from tonearm.library.files import FileChange, Files, KnownFile, ScannedFile
from tonearm.library.found_file import FoundFile
from tonearm.library.left_out import add_counts, most_frequent
from tonearm.library.mounts import is_at_or_inside, is_inside, lost_mounts, root_looks_unmounted
from tonearm.library.roots import Place, Roots
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.batch import Batch, compare
from tonearm.scan.ignore_files import IGNORE_FILE
from tonearm.scan.moves import Exist, exist_here, moved_from, new_inodes
from tonearm.scan.patterns import Patterns
from tonearm.scan.recording import Recording
from tonearm.scan.walk import (
    Ignored,
    InvalidLine,
    LeftOut,
    MountPoint,
    PlaceUnreadable,
    Skipped,
    Unreadable,
    Walk,
    WalkItem,
    walk_here,
)
from tonearm.settings import Level

PAGE = 2000
KEPT = "the files known below it are kept as they are"


@dataclass(frozen=True, slots=True)
class ScanOutcome:
    """How a scan ended.

    complete: whether it reached its end without a stop. unread: local paths of folders that were not read, because
    they are unreadable or not mounted.
    """

    complete: bool
    unread: tuple[bytes, ...] = ()


@dataclass(slots=True)
class _Scan:
    """Arguments and findings of one scan. Paths are relative to the root."""

    run: int
    place: Place
    level: Level | None
    fresh: bool
    changes: Counter[FileChange] = field(default_factory=Counter)
    skipped: int = 0
    skipped_uncounted: int = 0  # of the skipped, how many are not in the run's counts yet
    to_analyse: int = 0
    not_found: list[KnownFile] = field(default_factory=list)
    unread: list[bytes] = field(default_factory=list)
    unread_unnoted: list[UnreadPath] = field(default_factory=list)  # those that the run does not name yet
    mounts: list[bytes] = field(default_factory=list)
    mounts_with_music: set[bytes] = field(default_factory=set)
    lost_mounts: list[bytes] = field(default_factory=list)
    moved: set[int] = field(default_factory=set)
    left_out: dict[str, int] = field(default_factory=dict)
    ignored: list[int] = field(default_factory=list)  # known files that ignore files or links leave out

    @property
    def found(self) -> int:
        return sum(self.changes.values())

    @property
    def discovered(self) -> int:
        return self.found + self.skipped

    def local(self, path: bytes) -> bytes:
        return os.path.join(self.place.here, path) if path else self.place.here


class Scanner:
    """Scans folders and records their files in the library."""

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
        walk: Walk = walk_here,
        exist: Exist = exist_here,
    ) -> None:
        """``stopping``: called after each file; returns whether the scan has to end."""
        self._walk = walk
        self._exist = exist
        self._files = files
        self._intake = intake
        self._roots = roots
        self._runs = runs
        self._patterns = patterns
        self._announce = announce
        self._stopping = stopping
        self._storage_retry = storage_retry

    def scan(self, run: int, place: Place, level: Level | None, fresh: bool) -> ScanOutcome:
        """Record the files at or below a place, and add their jobs to a run.

        Raises:
            PlaceUnreadable: the place itself can't be read.
        """
        started = time.monotonic()
        scan = _Scan(run, place, level, fresh)
        top = scan.local(place.scope)
        self._announce(ScanStarted(top))
        try:
            device, walked = self._walk(place.here, place.scope, self._patterns)
        except OSError as error:
            raise PlaceUnreadable(f"it can't be read: {error.strerror}; {KEPT}") from error
        with Recording(beside=self._intake.is_in_server) as recording:
            for batch in self._batches(walked, scan):
                self._take_in(batch, scan, recording)
        if self._stopping():
            return ScanOutcome(complete=False)
        not_found = [known for known in scan.not_found if known.id not in scan.moved]
        excluded = {known.id for known in not_found if not self._patterns.wants(known.path)}
        missing = self._mark_missing(scan, device, [one for one in not_found if one.id not in excluded])
        self._leave_out(scan, excluded, [known.id for known in not_found])
        if not place.scope and missing is not None:
            self._store_mounts(scan, device)
        left_out = most_frequent(scan.left_out)
        if left_out:
            self._storage_retry(lambda: self._runs.count_left_out(run, left_out))
        self._note_unread(scan)
        self._announce(
            ScanFinished(
                root=top,
                discovered=scan.discovered,
                new=scan.changes[FileChange.NEW],
                changed=scan.changes[FileChange.CHANGED],
                moved=scan.changes[FileChange.MOVED],
                unchanged=scan.changes[FileChange.UNCHANGED],
                missing=missing or 0,
                skipped=scan.skipped,
                left_out=left_out,
                elapsed_s=time.monotonic() - started,
            )
        )
        unread = [scan.local(path) for path in (*scan.unread, *scan.lost_mounts)]
        return ScanOutcome(complete=True, unread=(*unread, *([top] if missing is None else ())))

    def _batches(self, walked: Iterable[WalkItem], scan: _Scan) -> Iterator[Batch]:
        """The music files of the walk with their rows in the library; collects the known files that were not found.

        The last batch ends where the walk does, or where the scan has to stop.
        """
        known_files = self._known(scan.place)
        ahead = next(known_files, None)
        batch = Batch()
        for item in walked:
            if isinstance(item, Ignored):
                while ahead is not None and ahead.path < item.path:
                    scan.not_found.append(ahead)
                    ahead = next(known_files, None)
                while ahead is not None and item.holds(ahead.path):
                    scan.ignored.append(ahead.id)
                    ahead = next(known_files, None)
                continue
            if not isinstance(item, FoundFile):
                self._announce_other(item, scan)
                continue
            if scan.place.mounts:
                scan.mounts_with_music.update(
                    mount for mount in scan.place.mounts if is_inside(item.path, mount)
                )
            while ahead is not None and ahead.path < item.path:
                scan.not_found.append(ahead)
                ahead = next(known_files, None)
            known = None
            if ahead is not None and ahead.path == item.path:
                known, ahead = ahead, next(known_files, None)
            if known is None or scan.fresh or not batch.took(item, known, self._intake):
                batch.files.append(compare(item, known))
            if batch.due:
                yield batch
                batch = Batch()
            if self._stopping():
                break
        else:
            scan.not_found += [] if ahead is None else [ahead, *known_files]
        yield batch

    def _known(self, place: Place) -> Iterator[KnownFile]:
        after: bytes | None = None
        read = self._files.known
        while page := self._storage_retry(functools.partial(read, place.root, place.scope, after, PAGE)):
            yield from page
            after = page[-1].path

    def _announce_other(
        self, item: Skipped | Unreadable | MountPoint | LeftOut | InvalidLine, scan: _Scan
    ) -> None:
        path = scan.local(item.path)
        if isinstance(item, LeftOut):
            add_counts(scan.left_out, item.counts)
        elif isinstance(item, InvalidLine):
            where = os.path.join(path, IGNORE_FILE)
            self._announce(Warned(WarningCode.IGNORE_FILE_INVALID, item.reason, where))
        elif isinstance(item, MountPoint):
            scan.mounts.append(item.path)
        elif isinstance(item, Unreadable):
            scan.unread.append(item.path)
            self._warn_unread(WarningCode.FOLDER_UNREADABLE, f"{item.reason}; {KEPT}", path, scan)
        else:
            scan.skipped += 1
            scan.skipped_uncounted += 1
            self._announce(FileSkipped(path, item.reason))

    def _warn_unread(self, code: WarningCode, text: str, path: bytes, scan: _Scan) -> None:
        """Announce a folder that is not read, and remember it for the run."""
        self._announce(Warned(code, text, path))
        scan.unread_unnoted.append(UnreadPath(path, text))

    def _note_unread(self, scan: _Scan) -> None:
        if scan.unread_unnoted:
            self._storage_retry(lambda: self._runs.note_unread(scan.run, scan.unread_unnoted))
            scan.unread_unnoted = []

    def _take_in(self, batch: Batch, scan: _Scan, recording: Recording) -> None:
        recording.wait()
        if scan.skipped_uncounted:
            self._storage_retry(lambda: self._runs.count_skipped(scan.run, scan.skipped_uncounted))
            scan.skipped_uncounted = 0
        self._note_unread(scan)
        if not (batch.files or batch.unchanged or batch.settled):
            return
        files = self._with_moves(batch.files, scan)
        recording.begin(functools.partial(self._record, batch, files, scan))

    def _record(self, batch: Batch, files: Sequence[ScannedFile], scan: _Scan) -> None:
        record = functools.partial(
            self._intake.record,
            *(scan.run, scan.place.root, files, scan.level, scan.fresh, batch.settled, batch.unchanged),
        )
        began = time.monotonic()
        result = self._storage_retry(record)
        if result.enqueued:
            elapsed_s = time.monotonic() - began
            self._announce(JobsEnqueued(scan.run, result.enqueued, elapsed_s, result.traces))
        scan.changes.update(scanned.change for scanned in files)
        scan.changes[FileChange.UNCHANGED] += batch.settled + len(batch.unchanged)
        scan.to_analyse += result.to_analyse
        self._announce(ScanProgress(scan.discovered, scan.to_analyse))

    def _with_moves(self, batch: list[ScannedFile], scan: _Scan) -> list[ScannedFile]:
        """The batch, in which new files that were moved from another path are marked as moved."""
        inodes = new_inodes(batch)
        by_inode = self._storage_retry(lambda: self._files.by_inode(inodes)) if inodes else {}
        if not by_inode:
            return batch
        roots = {root.root: root.here for root in self._storage_retry(self._roots.every)}
        known_paths = [
            os.path.join(roots[one.root], one.path) for found in by_inode.values() for one in found
        ]
        there = {
            path for path, is_there in zip(known_paths, self._exist(known_paths), strict=True) if is_there
        }
        compared = []
        for scanned in batch:
            known = moved_from(scanned, by_inode, roots, scan.moved, there)
            if known is None:
                compared.append(scanned)
                continue
            scan.moved.add(known.id)
            old = os.path.join(roots[known.root], known.path)
            self._announce(FileMoved(scan.local(scanned.found.path), old))
            compared.append(ScannedFile(scanned.found, FileChange.MOVED, known))
        return compared

    def _mark_missing(self, scan: _Scan, device: int, wanted: Sequence[KnownFile]) -> int | None:
        """Mark wanted files that were not found as missing, except those in unmounted or unreadable folders.

        Returns how many; ``None`` if the root looks unmounted.
        """
        place = scan.place
        unread = frozenset(scan.unread)
        not_found = [
            known for known in wanted if not known.missing and not is_at_or_inside(known.path, unread)
        ]
        lost = [
            mount
            for mount in lost_mounts(place.mounts, scan.mounts, scan.mounts_with_music)
            if any(is_inside(known.path, mount) for known in not_found)
        ]
        gone = [known.id for known in not_found if not any(is_inside(known.path, mount) for mount in lost)]
        other_device = place.device is not None and place.device != device
        if root_looks_unmounted(len(not_found), len(not_found) - len(gone), scan.found, other_device):
            text = (
                f"looks empty or unmounted; none of the {len(not_found)} known files in it is marked missing"
            )
            self._warn_unread(WarningCode.FOLDER_LOOKS_UNMOUNTED, text, scan.local(place.scope), scan)
            return None
        for mount in lost:
            scan.lost_mounts.append(mount)
            text = "was a mount point and is none now; nothing below it is marked missing"
            self._warn_unread(WarningCode.MOUNT_POINT_GONE, text, scan.local(mount), scan)
        self._storage_retry(lambda: self._files.mark_missing(gone))
        return len(gone)

    def _leave_out(self, scan: _Scan, excluded: set[int], not_found: Sequence[int]) -> None:
        """Note which known files are left out now: by patterns or ignore files, or as links are not followed."""
        out = excluded.union(scan.ignored) - scan.moved
        self._storage_retry(lambda: self._intake.leave_out(scan.place, out, not_found))

    def _store_mounts(self, scan: _Scan, device: int) -> None:
        """Store the device of a root and its mount points, including those that are lost or unreadable now."""
        unread = frozenset(scan.unread)
        kept = [mount for mount in scan.place.mounts if is_at_or_inside(mount, unread)]
        mounts = list(dict.fromkeys([*scan.mounts, *scan.lost_mounts, *kept]))
        self._storage_retry(lambda: self._roots.scanned(scan.place, device, mounts))
