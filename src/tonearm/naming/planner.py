"""Plans new names of many files, and simulates all of them together on the file systems they are to come to.

1. Page by page each file gets a proposed path, what goes along with it too, and is compared with the disk.
2. At the end the whole batch is compared with itself: paths that are wanted twice, and paths that are free only if
   another file goes.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tonearm.library.proposal import Conflict, FileStamp, NewProposal
from tonearm.library.proposals import Proposals
from tonearm.library.roots import Place, scope_in
from tonearm.names import PathMap
from tonearm.naming.checking import Checker, Folder
from tonearm.naming.companions import Companions
from tonearm.naming.destination import Destination
from tonearm.naming.disk import identity_of, look
from tonearm.naming.proposing import Namer, Proposed
from tonearm.naming.rules import Chooser
from tonearm.views.renamable import Renamable, RenamableFiles

WRITTEN_TOGETHER = 5000
"""Proposals of a transaction, at least: each changes many pages of the indexes by keys, fewer make more to write."""


class Mode(StrEnum):
    """Where files come to."""

    AS_TEMPLATE = (
        "as-template"  # a template with folders moves files, another one renames them where they are
    )
    IN_PLACE = "in-place"  # only the name is used
    MOVE = "move"  # the whole path, below the destination


@dataclass(slots=True)
class Plan:
    """What was planned: numbers. unchanged: files that have the name already. kept: those without a template."""

    batch: int
    files: int = 0
    unchanged: int = 0
    kept: int = 0
    along: int = 0
    conflicted: int = 0
    emptied: int = 0
    interrupted: bool = False


@dataclass(slots=True)
class _Source:
    """What becomes of a folder. going: names that go. target: where all of its music goes, if to one folder."""

    going: set[bytes] = field(default_factory=set)
    target: bytes | None = None
    several: bool = False
    track: NewProposal | None = None


class Planner:
    """Plans one batch. Paths ending in ``here`` are those of this host, the others those of the library."""

    def __init__(
        self,
        files: RenamableFiles,
        proposals: Proposals,
        destination: Destination,
        companions: Companions,
        paths: PathMap,
        stopping: Callable[[], bool],
    ) -> None:
        self._files = files
        self._proposals = proposals
        self._checker = Checker(destination, companions, paths)
        self._companions = companions
        self._paths = paths
        self._stopping = stopping
        self._sources: dict[bytes, _Source] = {}
        self._taken: dict[int, bytes] = {}
        self._unwritten: list[NewProposal] = []

    def plan(self, places: Sequence[Place], chooser: Chooser, mode: Mode, to: Place | None) -> Plan:
        """Write a batch of proposals for the files at or below some places. ``to``: the destination of moves.

        Raises:
            StorageError: the database can't be written.
        """
        plan = Plan(
            self._proposals.begin(
                chooser.described, None if to is None else os.path.join(to.root_path, to.scope)
            )
        )
        for place in places:
            for page in self._files.each(place):
                if self._stopping():
                    plan.interrupted = True
                    self._write(plan.batch)
                    return plan
                self._page(plan, place, page, chooser, mode, to)
        self._albums(plan)
        self._write(plan.batch)
        plan.conflicted = self._simulate(plan.batch)
        self._proposals.complete(plan.batch)
        return plan

    def _page(
        self,
        plan: Plan,
        place: Place,
        page: Sequence[Renamable],
        chooser: Chooser,
        mode: Mode,
        to: Place | None,
    ) -> None:
        found: list[NewProposal] = []
        beneath = place.root_path if to is None else to.path
        for each in page:
            namer = chooser.choose(each.track)
            if namer is None:
                plan.kept += 1
                continue
            moves = mode is Mode.MOVE or (mode is Mode.AS_TEMPLATE and (namer.has_folders or to is not None))
            folder, name = os.path.split(each.track.path)
            old = self._checker.folder(folder)
            above = self._checker.folder(beneath) if moves else old
            made = self._proposed(each, old, name, namer, above, moves)
            if made is None:
                plan.unchanged += 1
                continue
            proposal, new = made
            found.append(proposal)
            along = self._along(proposal, name, old, new)
            plan.along += len(along)
            found += along
        plan.files += sum(proposal.along is None for proposal in found)
        self._check_missing(to or place, found)
        self._store(plan.batch, found)

    def _store(self, batch: int, found: Sequence[NewProposal]) -> None:
        self._unwritten += found
        if len(self._unwritten) >= WRITTEN_TOGETHER:
            self._write(batch)

    def _write(self, batch: int) -> None:
        """Write what is stored and not written yet."""
        self._proposals.add(batch, self._unwritten)
        for each in self._unwritten:
            if each.target is not None and self._is_taken(each, each.target):
                self._taken[each.number] = each.target
        self._unwritten = []

    def _is_taken(self, proposal: NewProposal, target: bytes) -> bool:
        """Whether something is at the target of a proposal already that is not the file itself."""
        if proposal.target_key == proposal.source_key:
            return False
        try:
            return look(self._paths.here(target)) is not None
        except OSError:
            return True

    # one file

    def _proposed(
        self, each: Renamable, old: Folder, name: bytes, namer: Namer, above: Folder, moves: bool
    ) -> tuple[NewProposal, Folder | None] | None:
        """The proposal for a file, and the folder that it comes to; ``None`` where it has the name already.

        old, name: where it is now. above: the folder that its new path is below.
        """
        source = each.track.path
        made = namer.propose(each.track, above.rules)
        target, new = None, None
        if made.parts is not None:
            new = self._checker.below(above, made.parts[:-1] if moves else [])
            target = new.prefix + made.parts[-1]
            if target == source:
                return None
        proposal = NewProposal(
            source=source,
            target=target,
            source_key=old.rules.key(source),
            target_key=None if target is None else above.rules.key(target),
            identity=FileStamp(each.file.size, each.file.mtime_ns, each.file.inode),
            confidence=made.confidence,
            file=each.file.id,
            costs=made.cost_rows(),
            conflicts=made.conflicts,
            warnings=list(made.warnings),
        )
        self._checker.check(proposal, look(old.prefix_here + name), name, old, new)
        self._note(old.path, name, proposal, new, made)
        return proposal, new

    def _note(
        self, folder: bytes, name: bytes, proposal: NewProposal, new: Folder | None, made: Proposed
    ) -> None:
        """Note what becomes of the folder of a file."""
        source = self._sources.get(folder)
        if source is None:
            source = self._sources[folder] = _Source()
        if new is None or made.conflicts:
            source.several = True
            return
        source.several = source.several or new.path != (source.target or new.path)
        source.target = new.path
        source.track = source.track or proposal
        if new.path != folder:
            source.going.add(name)

    # what goes along

    def _along(self, track: NewProposal, name: bytes, old: Folder, new: Folder | None) -> list[NewProposal]:
        """The files that are named like a track, which get its new name."""
        if track.target is None or new is None:
            return []
        found = []
        for other, rest in self._companions.of_track(old.here, name):
            stem = os.path.splitext(track.target)[0]
            found.append(self._companion(track, other, stem + rest, old, new, "track"))
        return found

    def _companion(
        self, track: NewProposal, name: bytes, target: bytes, old: Folder, new: Folder, along: str
    ) -> NewProposal:
        source = old.prefix + name
        status = look(old.prefix_here + name)
        proposal = NewProposal(
            source=source,
            target=target,
            source_key=old.rules.key(source),
            target_key=new.rules.key(target),
            identity=FileStamp(0, 0, 0) if status is None else identity_of(status),
            confidence=track.confidence,
            along=along,
            follows=track if along == "track" else None,
        )
        if new.rules.length(os.path.basename(target)) > new.rules.longest:
            proposal.conflicts.append(Conflict("name-too-long", target))
        self._checker.check(proposal, status, name, old, new)
        if old.path != new.path:
            self._sources.setdefault(old.path, _Source()).going.add(name)
        return proposal

    def _albums(self, plan: Plan) -> None:
        """What goes along with whole folders, and which folders become empty."""
        for path, source in self._sources.items():
            if source.track is None or source.target == path:
                continue
            folder = self._checker.folder(path)
            listing = self._companions.listing(folder.here)
            if not listing.music <= source.going:
                continue
            found = []
            if not source.several and source.target is not None:
                target = self._checker.folder(source.target)
                for name in self._companions.of_album(folder.here):
                    if name not in source.going:
                        whole = target.prefix + name
                        found.append(self._companion(source.track, name, whole, folder, target, "folder"))
            plan.along += len(found)
            self._store(plan.batch, found)
            left = {*listing.others, *listing.folders} - source.going
            plan.emptied += not left

    # the whole batch

    def _check_missing(self, place: Place, found: Sequence[NewProposal]) -> None:
        """A path at which the library knows a missing file is not given to another one: its results would be hidden."""
        wanted = {
            scope: each
            for each in found
            if each.target and (scope := scope_in(place.root_path, each.target)) is not None
        }
        for path in self._files.missing_at(place.root, list(wanted)):
            wanted[path].conflicts.append(Conflict("known-missing", os.path.join(place.root_path, path)))

    def _simulate(self, batch: int) -> int:
        """Compare a batch with itself; returns how many proposals have conflicts."""
        found: dict[int, list[Conflict]] = {}
        for number, other in self._proposals.same_targets(batch):
            found.setdefault(number, []).append(Conflict("duplicate", other))
        for number, folder in self._proposals.with_targets(batch, self._checker.new_folders):
            found.setdefault(number, []).append(Conflict("parent-not-folder", folder))
        waits_for = dict(self._proposals.occupied(batch))
        for number, path in self._taken.items():
            if number not in waits_for:
                found.setdefault(number, []).append(Conflict("destination-exists", path))
        stuck = self._proposals.conflicted(batch) | found.keys()
        for number in _stuck_behind(waits_for, stuck):
            path = self._taken.get(number, b"")
            found.setdefault(number, []).append(Conflict("destination-exists", path))
        self._proposals.add_conflicts(found)
        return len(self._proposals.conflicted(batch))


def _stuck_behind(waits_for: dict[int, int], stuck: set[int]) -> Iterator[int]:
    """The proposals that wait, directly or not, for one that is stuck."""
    waiting: dict[int, list[int]] = {}
    for number, other in waits_for.items():
        waiting.setdefault(other, []).append(number)
    reached = [each for each in stuck if each in waiting]
    seen = set(stuck)
    while reached:
        for number in waiting.get(reached.pop(), ()):
            if number not in seen:
                seen.add(number)
                reached.append(number)
                yield number
