"""After a kill: finds the steps that were written and not settled, looks at the disk, and finishes or takes back.

Of a unit the disk tells how many of its steps were done: they were done in their order. The rest is then done; where
that can't be, what was done is taken back.
"""

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tonearm.events.event import Announce
from tonearm.events.renames import RenamesRecovered
from tonearm.library.file_changes import Completed
from tonearm.library.proposal import FileStamp
from tonearm.library.rename_journal import Group, RenameJournal, Step, StepKind
from tonearm.names import PathMap
from tonearm.naming.destination import trier
from tonearm.naming.disk import Disk, OtherKind, Refused, identity_of, look
from tonearm.naming.rewriting import Rewriter
from tonearm.naming.trial import TRIAL

COPIED_WITHIN_NS = 2_100_000_000
"""A copy's time of modification may differ from the original's by this: FAT counts in steps of two seconds."""


@dataclass(slots=True)
class Recovered:
    """What was found: units that were finished, that were taken back, and paths that a person has to look at."""

    finished: int = 0
    taken_back: int = 0
    left: list[bytes] = field(default_factory=list)


class _Unreachable(Exception):
    """Neither the file nor its folders are there: a disk is not mounted."""


def recover(journal: RenameJournal, disk: Disk, paths: PathMap, announce: Announce) -> Recovered:
    """Settle every open group. Raises StorageError."""
    recovered = Recovered()
    for group in journal.open_groups():
        _Recovery(journal, disk, paths, recovered).settle(group)
    if recovered.finished or recovered.taken_back:
        announce(RenamesRecovered(recovered.finished, recovered.taken_back))
    return recovered


class _Recovery:
    def __init__(self, journal: RenameJournal, disk: Disk, paths: PathMap, recovered: Recovered) -> None:
        self._journal = journal
        self._disk = disk
        self._paths = paths
        self._recovered = recovered
        self._targets: dict[bytes, int] = {}

    def settle(self, group: Group) -> None:
        """Finish or take back the units of a group, and record it; what can't be settled now stays open."""
        self._targets = {step.target: step.position for step in group.steps}
        done: list[int] = []
        left: list[int] = []
        completed: list[Completed] = []
        for steps in _units(group.steps):
            positions = [step.position for step in steps]
            try:
                if self._finished(group.id, steps):
                    done += positions
                    completed += self._completed(steps)
                    self._recovered.finished += 1
                else:
                    self._recovered.taken_back += 1
            except (_Unreachable, Refused, OtherKind, OSError):
                left += positions
                self._recovered.left.append(steps[0].source)
        for step in reversed(group.steps):
            if step.kind is StepKind.TRY and self._is_trying(step):
                left.append(step.position)
            elif step.kind is StepKind.TRY:
                self._remove_trial(step)
            elif step.kind is StepKind.FOLDER:
                self._disk.remove_if_empty(self._here(step.target))
        self._disk.sync()
        self._journal.settle(group, done, completed, left=left)
        self._disk.close()

    def _finished(self, group: int, steps: Sequence[Step]) -> bool:
        """Whether a unit is done now; else nothing of it is. Raises Refused where it is stuck half-way."""
        if steps[0].kind is StepKind.REWRITE:
            rewriter = Rewriter(self._disk.folders, lambda: False)
            return rewriter.settled(self._here(steps[0].source), self._journal.rewrite_of(group))
        number = self._done_steps(steps)
        if number == 0:
            return False
        try:
            for step in steps[number:]:
                self._disk.carry_out(step.kind, self._here(step.source), self._here(step.target))
                number += 1
        except (Refused, OtherKind):
            for step in reversed(steps[:number]):
                self._disk.carry_out(step.kind, self._here(step.target), self._here(step.source))
            return False
        return True

    def _done_steps(self, steps: Sequence[Step]) -> int:
        """How many steps of a unit were done."""
        first, last = steps[0], steps[-1]
        if len(steps) == 1:
            return int(self._is_done(first))
        if last.kind is StepKind.COPY:
            if self._disk.finish_copy(self._here(last.source), self._here(last.target)):
                return len(steps)
        elif last.kind is StepKind.LINK:
            self._disk.finish_link(self._here(last.source), self._here(last.target))
        if look(self._here(first.target)) is not None:
            return self._half_done(steps)
        source = self._here(first.source)
        if len(steps) == 2:  # two names that are one for the file system
            folder, name = os.path.split(source)
            return 0 if name in os.listdir(folder) else 2
        return 0 if self._holds(source, first) else len(steps)

    def _half_done(self, steps: Sequence[Step]) -> int:
        """Of a unit whose first file has its temporary name, the number of the last step that was done.

        After a step that was done, its source is free. Where none is, it is the last whose
        target the file has.
        """
        for number in range(len(steps) - 1, 0, -1):
            step = steps[number - 1]
            if step.kind is StepKind.LINK:
                self._disk.finish_link(self._here(step.source), self._here(step.target))
            elif step.kind is StepKind.COPY:
                self._disk.finish_copy(self._here(step.source), self._here(step.target))
            if look(self._here(step.source)) is None and look(self._here(step.target)) is not None:
                return number
        return max(number for number, step in enumerate(steps[:-1], 1) if number == 1 or self._has(step))

    def _is_done(self, step: Step) -> bool:
        """Whether the only step of a unit was done; one that was half done is finished."""
        source, target = self._here(step.source), self._here(step.target)
        if step.kind is StepKind.COPY:
            was_there = look(source) is not None
            done = self._disk.finish_copy(source, target)
            if not was_there and look(target) is None:
                raise _Unreachable
            return done and (was_there or self._has(step))  # what has the name now may be another file
        if self._has(step):
            if step.kind is StepKind.LINK and self._targets.get(step.source, -1) <= step.position:
                self._disk.finish_link(source, target)
            return True
        if look(source) is None:
            self._require_folder(step)
            status = look(target)  # file systems that number files anew at every mount
            return status is not None and same(identity_of(status), step.identity, copied=True)
        return False

    def _require_folder(self, step: Step) -> None:
        """Raise _Unreachable where the folder of a file that is gone is gone too."""
        if look(os.path.dirname(self._here(step.source))) is None:
            raise _Unreachable

    def _has(self, step: Step) -> bool:
        return self._holds(self._here(step.target), step)

    def _holds(self, path: bytes, step: Step) -> bool:
        """Whether the file of a step is at a path."""
        status = look(path)
        if status is None or not stat.S_ISREG(status.st_mode):
            return False
        return same(identity_of(status), step.identity, step.kind is StepKind.COPY)

    def _completed(self, steps: Sequence[Step]) -> Iterator[Completed]:
        for proposal in dict.fromkeys(step.proposal for step in steps):
            own = [step for step in steps if step.proposal == proposal]
            first, last = own[0], own[-1]
            assert proposal is not None  # noqa: S101  only steps of proposals are in units
            identity = None
            target = last.source if last.kind is StepKind.REWRITE else last.target
            if any(step.kind in (StepKind.COPY, StepKind.REWRITE) for step in own):
                status = look(self._here(target))
                identity = None if status is None else identity_of(status)
            yield Completed(proposal, last.file, first.source, target, last.is_undo, identity)

    def _is_trying(self, step: Step) -> bool:
        """Whether the process that tries names may still run; one of another host counts as running."""
        host, _, process = step.source.rpartition(b":")
        if host != trier().rpartition(b":")[0]:
            return True
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return False
        except (OSError, ValueError):
            return True
        return int(process) != os.getpid()

    def _remove_trial(self, step: Step) -> None:
        """Remove the folder in which something was tried: one of ours, by its name."""
        path = self._here(step.target)
        if os.path.basename(path).startswith(TRIAL) and look(path) is not None:
            shutil.rmtree(path)

    def _here(self, path: bytes) -> bytes:
        return self._paths.here(path)


def same(now: FileStamp, then: FileStamp, copied: bool) -> bool:
    """Whether two identities are of one file, or of a file and its copy."""
    if now.size != then.size:
        return False
    if copied:
        return abs(now.mtime_ns - then.mtime_ns) < COPIED_WITHIN_NS
    return now.inode == then.inode and now.mtime_ns == then.mtime_ns


def _units(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps of each unit."""
    for _, several in groupby(
        (step for step in steps if step.proposal is not None), key=lambda step: step.unit
    ):
        yield list(several)
