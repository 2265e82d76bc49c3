"""Plans new names of many files, and simulates all of them together on the file systems they are to come to.

1. Page by page each file gets a proposed path, what goes along with it too, and is compared with the disk.
2. At the end the whole batch is compared with itself: paths that are wanted twice, and paths that are free only if
   another file goes.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tonearm.library.proposal import Conflict, Identity, NewProposal
from tonearm.library.proposals import Proposals
from tonearm.library.roots import Place, scope_in
from tonearm.names import PathMap
from tonearm.naming.companions import Companions
from tonearm.naming.destination import Destination
from tonearm.naming.disk import identity_of, look
from tonearm.naming.name_rules import NameRules, RenameMethod
from tonearm.naming.proposing import Proposed, propose, warning
from tonearm.naming.rules import Chooser
from tonearm.naming.template import Template
from tonearm.views.renamable import Renamable, RenamableFiles


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
        self._destination = destination
        self._companions = companions
        self._paths = paths
        self._stopping = stopping
        self._sources: dict[bytes, _Source] = {}
        self._taken: dict[int, bytes] = {}
        self._new_folders: dict[bytes, bytes] = {}

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
                    return plan
                self._page(plan, place, page, chooser, mode, to)
        self._albums(plan)
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
        for each in page:
            template = chooser.choose(each.track)
            if template is None:
                plan.kept += 1
                continue
            moves = mode is Mode.MOVE or (
                mode is Mode.AS_TEMPLATE and (template.has_folders or to is not None)
            )
            above = (to or place).root_path if moves else os.path.dirname(each.track.path)
            if moves and to is not None and to.scope:
                above = os.path.join(above, to.scope)
            proposal = self._proposed(each, template, above, moves)
            if proposal is None:
                plan.unchanged += 1
                continue
            found.append(proposal)
            along = self._along(proposal)
            plan.along += len(along)
            found += along
        plan.files += sum(proposal.along is None for proposal in found)
        self._check_missing(to or place, found)
        self._store(plan.batch, found)

    def _store(self, batch: int, found: Sequence[NewProposal]) -> None:
        self._proposals.add(batch, found)
        for each in found:
            if each.target is not None and self._is_taken(each, each.target):
                self._taken[each.number] = each.target

    def _is_taken(self, proposal: NewProposal, target: bytes) -> bool:
        """Whether something is at the target of a proposal already that is not the file itself."""
        if proposal.target_key == proposal.source_key:
            return False
        try:
            return look(self._here(target)) is not None
        except OSError:
            return True

    # one file

    def _proposed(self, each: Renamable, template: Template, above: bytes, moves: bool) -> NewProposal | None:
        """The proposal for a file; ``None`` where it has the name already."""
        above_here = self._here(above)
        rules = self._rules(above_here)
        made = propose(template, each.track, rules)
        source = each.track.path
        target: bytes | None = None
        if made.parts is not None:
            parts = made.parts if moves else made.parts[-1:]
            folder_here = os.path.join(above_here, *parts[:-1])
            folder_here = self._destination.spelled(folder_here, above_here, rules)
            target = self._paths.known(os.path.join(folder_here, parts[-1]))
            if target == source:
                return None
        proposal = NewProposal(
            source=source,
            target=target,
            source_key=self._rules(os.path.dirname(self._here(source))).key(source),
            target_key=None if target is None else rules.key(target),
            identity=Identity(each.file.size, each.file.mtime_ns, each.file.inode),
            confidence=made.confidence,
            file=each.file.id,
            costs=made.cost_rows(),
            conflicts=made.conflicts,
            warnings=list(made.warnings),
        )
        self._check(proposal, look(self._here(source)), rules)
        self._note(proposal, made)
        return proposal

    def _rules(self, folder_here: bytes) -> NameRules:
        return self._destination.rules(folder_here)

    def _check(self, proposal: NewProposal, status: os.stat_result | None, rules: NameRules) -> None:
        """Compare a proposal with the disk: the status of its source, the folder it comes to, its length."""
        add = proposal.conflicts.append
        if status is None:
            add(Conflict("source-gone", proposal.source))
        elif stat.S_ISLNK(status.st_mode):
            add(Conflict("symbolic-link", proposal.source))
        elif not stat.S_ISREG(status.st_mode) or (status.st_size, status.st_mtime_ns) != (
            proposal.identity.size,
            proposal.identity.mtime_ns,
        ):
            add(Conflict("changed-since", proposal.source))
        else:
            proposal.identity = identity_of(status)
        if proposal.target is None:
            return
        target_here = self._here(proposal.target)
        folder = self._destination.folder(os.path.dirname(target_here))
        if folder.problem is not None:
            add(Conflict(folder.problem, os.path.dirname(proposal.target)))
        if not folder.exists:
            self._new_folders[rules.key(os.path.dirname(proposal.target))] = os.path.dirname(proposal.target)
        if len(target_here) > rules.longest_path:
            add(Conflict("path-too-long", proposal.target))
        if rules.writable and rules.method is RenameMethod.NONE:
            add(Conflict("no-safe-rename", os.path.dirname(proposal.target)))
        if status is not None:
            self._warn(proposal, status, folder.device, rules)

    def _warn(self, proposal: NewProposal, status: os.stat_result, device: int, rules: NameRules) -> None:
        source_folder = self._destination.folder(os.path.dirname(self._here(proposal.source)))
        if source_folder.problem is not None:
            proposal.conflicts.append(Conflict(source_folder.problem, os.path.dirname(proposal.source)))
        if status.st_nlink > 1:
            proposal.warnings.append(warning("hard-linked", f"{status.st_nlink} names"))
            if rules.method is RenameMethod.LINK:
                proposal.conflicts.append(Conflict("hard-linked", proposal.source))
        if status.st_dev != device:
            proposal.warnings.append(warning("other-file-system", "it is copied, and compared"))
        folder, name = os.path.split(self._here(proposal.source))
        if name in self._companions.listing(folder).in_cue_sheets:
            proposal.warnings.append(warning("named-in-cue-sheet"))

    def _note(self, proposal: NewProposal, made: Proposed) -> None:
        """Note what becomes of the folder of a file."""
        folder, name = os.path.split(proposal.source)
        source = self._sources.setdefault(folder, _Source())
        if proposal.target is None or made.conflicts:
            source.several = True
            return
        goes_to = os.path.dirname(proposal.target)
        source.several = source.several or goes_to != (source.target or goes_to)
        source.target = goes_to
        source.track = source.track or proposal
        if goes_to != folder:
            source.going.add(name)

    # what goes along

    def _along(self, track: NewProposal) -> list[NewProposal]:
        """The files that are named like a track, which get its new name."""
        if track.target is None:
            return []
        folder, name = os.path.split(self._here(track.source))
        found = []
        for other, rest in self._companions.of_track(folder, name):
            stem = os.path.splitext(track.target)[0]
            found.append(self._companion(track, other, stem + rest, "track"))
        return found

    def _companion(self, track: NewProposal, name: bytes, target: bytes, along: str) -> NewProposal:
        source = os.path.join(os.path.dirname(track.source), name)
        rules = self._rules(os.path.dirname(self._here(target)))
        old_rules = self._rules(os.path.dirname(self._here(source)))
        status = look(self._here(source))
        proposal = NewProposal(
            source=source,
            target=target,
            source_key=old_rules.key(source),
            target_key=rules.key(target),
            identity=Identity(0, 0, 0) if status is None else identity_of(status),
            confidence=track.confidence,
            along=along,
            follows=track if along == "track" else None,
        )
        if rules.length(os.path.basename(target)) > rules.longest:
            proposal.conflicts.append(Conflict("name-too-long", target))
        self._check(proposal, status, rules)
        if os.path.dirname(source) != os.path.dirname(target):
            self._sources.setdefault(os.path.dirname(source), _Source()).going.add(name)
        return proposal

    def _albums(self, plan: Plan) -> None:
        """What goes along with whole folders, and which folders become empty."""
        for folder, source in self._sources.items():
            if source.track is None or source.target == folder:
                continue
            listing = self._companions.listing(self._here(folder))
            if not listing.music <= source.going:
                continue
            found = []
            if not source.several and source.target is not None:
                for name in self._companions.of_album(self._here(folder)):
                    if name not in source.going:
                        target = os.path.join(source.target, name)
                        found.append(self._companion(source.track, name, target, "folder"))
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
        for known in self._files.at_paths(place.root, list(wanted)):
            if known.missing:
                proposal = wanted[known.path]
                proposal.conflicts.append(
                    Conflict("known-missing", os.path.join(place.root_path, known.path))
                )

    def _simulate(self, batch: int) -> int:
        """Compare a batch with itself; returns how many proposals have conflicts."""
        found: dict[int, list[Conflict]] = {}
        for number, other in self._proposals.same_targets(batch):
            found.setdefault(number, []).append(Conflict("duplicate", other))
        for number, folder in self._proposals.with_targets(batch, self._new_folders):
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

    def _here(self, path: bytes) -> bytes:
        return self._paths.here(path)


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
