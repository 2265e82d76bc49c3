"""Carries out approved names: each group of steps is written to the journal, done, synced, and settled.

1. The order is found: who has a name that another one gets goes first.
2. Of every group, the intents are committed before its first step.
3. Each step is one system call that can't overwrite. A unit that fails half-way is taken back.
4. The folders are synced.
5. One transaction settles the group: the steps, the rows of the files, the proposals.

After a kill, `recovery.recover` finds the steps that are not settled, and looks at the disk.
"""

import itertools
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tonearm.errors import TonearmError
from tonearm.events.event import Announce
from tonearm.events.renames import (
    FileRenamed,
    RenameRefused,
    RenamingFinished,
    RenamingProgress,
    RenamingStarted,
)
from tonearm.library.file_changes import Completed
from tonearm.library.proposal import FileStamp
from tonearm.library.rename_journal import Group, RenameJournal, Step, StepKind
from tonearm.names import PathMap, extension_of, plain_extensions
from tonearm.naming.copying import Stopped
from tonearm.naming.disk import Disk, OtherKind, Refused, identity_of, look
from tonearm.naming.order import Move, Unit, units

CHANGED = "changed-since"
GROUP = 250
"""Units whose intents are committed together."""
PROGRESS_S = 0.5


class RenamingFailed(TonearmError):
    """Renaming can't go on; the journal has what was begun."""


@dataclass(slots=True)
class Outcome:
    """What became of all moves: numbers, and the codes of the refused ones by proposal."""

    renamed: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def changed(self) -> int:
        """Number of files that were changed."""
        return self.renamed


@dataclass(slots=True)
class _Planned:
    """A unit of a group, with the positions of its steps."""

    unit: Unit
    kinds: list[StepKind]
    first: int


@dataclass(slots=True)
class _Results:
    """What became of the units of a group."""

    done: list[int] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    refused: dict[int, tuple[Move, Refused]] = field(default_factory=dict)
    again: list[Unit] = field(default_factory=list)
    left: list[int] = field(default_factory=list)


class Renamer:
    """Renames files. One object for one call, by the holder of the library's lock for renames."""

    def __init__(
        self,
        journal: RenameJournal,
        disk: Disk,
        paths: PathMap,
        announce: Announce,
        stopping: Callable[[], bool],
        extensions: Sequence[str],
    ) -> None:
        """``extensions``: of music; a file that goes along with a folder waits until none is left in it."""
        self._journal = journal
        self._disk = disk
        self._paths = paths
        self._announce = announce
        self._stopping = stopping
        self._music = plain_extensions(extensions).keys()
        self._outcome = Outcome()
        self._files = 0
        self._began = self._shown = time.monotonic()

    def carry_out(self, moves: Sequence[Move], is_undo: bool = False) -> Outcome:
        """Carry out moves; those that can't be are refused, and the others go on. Raises StorageError."""
        self._files = len(moves)
        self._announce(RenamingStarted(len(moves), is_undo))
        first = [move for move in moves if move.along is None]
        for part in (first, [move for move in moves if move.along is not None]):
            self._groups(units(part))
        elapsed = time.monotonic() - self._began
        outcome = self._outcome
        self._announce(
            RenamingFinished(outcome.renamed, len(outcome.refused), elapsed, outcome.interrupted, is_undo)
        )
        return outcome

    def _groups(self, found: Iterator[Unit]) -> None:
        while not self._outcome.interrupted:
            if self._stopping():
                self._outcome.interrupted = next(found, None) is not None
                return
            group = list(itertools.islice(found, GROUP))
            if not group:
                return
            while group:
                group = self._group(group)

    def _group(self, group: Sequence[Unit]) -> list[Unit]:
        """Carry out a group; returns the units that have to be written to the journal again."""
        results = _Results()
        planned, steps = self._planned(group, results)
        journalled = Group(secrets.randbits(62), steps)
        if planned:
            self._journal.intend(journalled)
            unmade = self._make_folders(steps, results)
            for each in planned:
                if self._stopping():
                    self._outcome.interrupted = True
                    break
                if error := _in_unmade(each.unit, unmade):
                    self._refuse(each.unit, error, results)
                elif results.again:  # it may wait for one of these
                    results.again.append(each.unit)
                else:
                    self._carry_out(each, results)
            self._sync()
            self._remove_emptied(steps, results)
        codes = {proposal: error.code for proposal, (_, error) in results.refused.items()}
        expired = [] if group[0][0].move.is_undo else [each for each in codes if codes[each] == CHANGED]
        self._journal.settle(journalled, results.done, results.completed, codes, expired, results.left)
        self._disk.close()
        self._announce_results(results)
        return [] if self._outcome.interrupted else results.again

    def _sync(self) -> None:
        """Have the new names on the disk. Raises RenamingFailed, and the next start settles the group."""
        try:
            self._disk.sync()
        except OSError as error:
            raise RenamingFailed(
                f"the disk does not confirm the new names: {error.strerror}; "
                "`tonearm rename apply` first settles what was begun"
            ) from error

    def _planned(self, group: Sequence[Unit], results: _Results) -> tuple[list[_Planned], list[Step]]:
        """The steps of the units that can begin, behind those that make folders."""
        accepted: list[tuple[Unit, list[StepKind], list[FileStamp]]] = []
        folders: dict[bytes, None] = {}
        for unit in group:
            try:
                identities = [self._checked(step.move) for step in unit]
                kinds = [self._disk.kind(self._here(step.source), self._here(step.target)) for step in unit]
                for step in unit:
                    above = os.path.dirname(self._here(step.target))
                    folders |= dict.fromkeys(self._disk.missing_folders(above))
            except (Refused, OSError) as error:
                self._refuse(unit, error, results)
                continue
            accepted.append((unit, kinds, identities))
        none = FileStamp(0, 0, 0)
        steps = [
            Step(StepKind.FOLDER, b"", self._paths.known(folder), none, position)
            for position, folder in enumerate(folders)
        ]
        planned = []
        for number, (unit, kinds, identities) in enumerate(accepted):
            planned.append(_Planned(unit, kinds, len(steps)))
            for step, kind, identity in zip(unit, kinds, identities, strict=True):
                move = step.move
                about = (len(steps), number, move.proposal, move.file, move.is_undo)
                steps.append(Step(kind, step.source, step.target, identity, *about))
        return planned, steps

    def _checked(self, move: Move) -> FileStamp:
        """What is at the source of a move. Raises Refused."""
        here = self._here(move.source)
        if move.along == "folder" and not move.is_undo and self._holds_music(os.path.dirname(here)):
            raise Refused("tracks-stay", os.path.dirname(here))
        if move.follows in self._outcome.refused:
            raise Refused("track-stays", here)
        if move.crosses:
            self._disk.require_apart(here, self._here(move.target))
        return self._disk.check_same(here, move.identity, any_content=move.is_undo)

    def _holds_music(self, folder: bytes) -> bool:
        try:
            with os.scandir(folder) as entries:
                return any(extension_of(entry.name) in self._music for entry in entries)
        except OSError:
            return True

    def _make_folders(self, steps: Sequence[Step], results: _Results) -> dict[bytes, Refused]:
        """Make the folders; returns those that could not be made, with the reason."""
        unmade: dict[bytes, Refused] = {}
        for step in steps:
            if step.kind is not StepKind.FOLDER:
                break
            try:
                self._disk.make_folder(self._here(step.target))
                results.done.append(step.position)
            except Refused as error:
                unmade[step.target] = unmade.get(os.path.dirname(step.target), error)
        return unmade

    def _carry_out(self, planned: _Planned, results: _Results) -> None:
        """Do the steps of a unit, or none of them."""
        done = 0
        try:
            for kind, step in zip(planned.kinds, planned.unit, strict=True):
                self._disk.carry_out(kind, self._here(step.source), self._here(step.target))
                done += 1
        except (Refused, OtherKind, Stopped) as error:
            if not self._taken_back(planned, done):
                results.left += range(planned.first, planned.first + len(planned.unit))
                self._refuse(planned.unit, Refused("left-half-way", planned.unit[0].target), results)
            elif isinstance(error, Refused):
                self._refuse(planned.unit, error, results)
            elif isinstance(error, OtherKind):
                results.again.append(planned.unit)
            else:
                self._outcome.interrupted = True
        else:
            results.done += range(planned.first, planned.first + done)
            results.completed += self._completed(planned)

    def _taken_back(self, planned: _Planned, done: int) -> bool:
        """Take back the first steps of a unit, the last one first; returns whether that was possible."""
        pairs = list(zip(planned.kinds, planned.unit, strict=True))[:done]
        try:
            for kind, step in reversed(pairs):
                self._disk.carry_out(kind, self._here(step.target), self._here(step.source))
        except (Refused, OtherKind, Stopped):
            return False
        return True

    def _completed(self, planned: _Planned) -> Iterator[Completed]:
        copied = {
            step.move.proposal
            for step, kind in zip(planned.unit, planned.kinds, strict=True)
            if kind is StepKind.COPY
        }
        for move in moves_of(planned.unit):
            identity = None
            if move.proposal in copied and (status := look(self._here(move.target))) is not None:
                identity = identity_of(status)
            yield Completed(move.proposal, move.file, move.source, move.target, move.is_undo, identity)

    def _remove_emptied(self, steps: Sequence[Step], results: _Results) -> None:
        """Remove folders that became empty, with those above them, and those that were made in vain."""
        made = {step.target for step in steps if step.kind is StepKind.FOLDER}
        for folder in sorted(made, key=len, reverse=True):
            self._disk.remove_if_empty(self._here(folder))
        for folder in {os.path.dirname(each.source) for each in results.completed}:
            here = self._here(folder)
            while self._disk.remove_if_empty(here):
                here = os.path.dirname(here)

    def _refuse(self, unit: Unit, error: Refused | OSError, results: _Results) -> None:
        for move in moves_of(unit):
            refused = error if isinstance(error, Refused) else Refused("io-error", move.source)
            results.refused[move.proposal] = move, refused
            self._outcome.refused[move.proposal] = refused.code

    def _announce_results(self, results: _Results) -> None:
        for each in results.completed:
            self._announce(FileRenamed(each.proposal, each.target, each.source))
        for proposal, (move, error) in results.refused.items():
            self._announce(RenameRefused(proposal, move.source, error.code, error.path))
        self._outcome.renamed += len(results.completed)
        now = time.monotonic()
        done = self._outcome.renamed + len(self._outcome.refused)
        if now - self._shown >= PROGRESS_S and done:
            self._shown = now
            elapsed = now - self._began
            left = elapsed * (self._files - done) / done
            self._announce(RenamingProgress(done, self._files, elapsed, left))

    def _here(self, path: bytes) -> bytes:
        return self._paths.here(path)


def _in_unmade(unit: Unit, unmade: Mapping[bytes, Refused]) -> Refused | None:
    """Why a folder could not be made that a unit needs, if that is so."""
    found = (unmade.get(os.path.dirname(step.target)) for step in unit)
    return next((error for error in found if error is not None), None)


def moves_of(unit: Unit) -> list[Move]:
    """The moves of a unit, each once."""
    return list({step.move.proposal: step.move for step in unit}.values())
