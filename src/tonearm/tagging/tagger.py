"""Carries out approved tags, or takes them back: a changed copy of each file takes its place.

1. The intent is committed: which file, and the name of the copy.
2. The copy is written and synced, and its sound compared with that of the file.
3. That it is whole is committed, with what makes the old file of it again.
4. It takes the place of the file, and the folder is synced.
5. One transaction settles it: the step, the row of the file, the proposal.
"""

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import FileIO
from typing import Any

from tonearm.events.event import Announce
from tonearm.events.tags import TaggingFinished, TagsRefused, TagsWritten
from tonearm.library.file_changes import Completed
from tonearm.library.file_contents import Tags
from tonearm.library.proposal import FileStamp, Proposal
from tonearm.library.rename_journal import Group, RenameJournal, Rewrite, Step, StepKind
from tonearm.names import PathMap
from tonearm.naming.copying import READ, Stopped
from tonearm.naming.disk import Disk, Refused, look, refusal
from tonearm.naming.renamer import CHANGED, RenamingFailed
from tonearm.naming.rewriting import Rewriter, aside, digest_of
from tonearm.naming.splices import Splice, inverse, packed, unpacked
from tonearm.tagging.form import Unwritable
from tonearm.tagging.former_values import former_values
from tonearm.tagging.forms import form_of
from tonearm.worker.child_replies import IdentifiedFile

COMPARED = 1000
"""Characters of a text that are compared; of longer ones only a part is read."""
Identify = Callable[[FileIO], IdentifiedFile | None]
"""Tells the identity of the sound of a file and its tags; ``None`` if it can't be identified."""


@dataclass(slots=True)
class TagOutcome:
    """What became of all files: numbers, and the codes of the refused ones by proposal."""

    written: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def changed(self) -> int:
        """Number of files that were changed."""
        return self.written


@dataclass(frozen=True, slots=True)
class _Change:
    """What is to be replaced in a file, and the texts that it then has. ``edited``: see ``TagsWritten``."""

    splices: Sequence[Splice]
    texts: Mapping[str, Sequence[str]]
    edited: bool = False


class Tagger:
    """Changes tags. One object for one call, by the holder of the library's lock for renames."""

    def __init__(
        self,
        journal: RenameJournal,
        disk: Disk,
        paths: PathMap,
        announce: Announce,
        stopping: Callable[[], bool],
        identify: Identify,
        keep_times: bool = False,
    ) -> None:
        """``keep_times``: whether the times of modification stay."""
        self._journal = journal
        self._disk = disk
        self._rewriter = Rewriter(disk.folders, stopping)
        self._paths = paths
        self._announce = announce
        self._stopping = stopping
        self._identify = identify
        self._keep_times = keep_times
        self._outcome = TagOutcome()

    def carry_out(
        self, proposals: Sequence[Proposal], now_at: Mapping[int, bytes], is_undo: bool = False
    ) -> TagOutcome:
        """Write what is proposed, or take it back. ``now_at``: the present path by file.

        A file that can't be changed is refused, and the others go on.

        Raises:
            StorageError: the database can't be written.
            RenamingFailed: the disk does not confirm what was done.
        """
        began = time.monotonic()
        for proposal in proposals:
            if self._stopping():
                self._outcome.interrupted = True
                break
            path = now_at.get(proposal.file or 0, proposal.source)
            try:
                self._carry_out(proposal, path, is_undo)
            except Stopped:
                self._outcome.interrupted = True
                break
            finally:
                self._disk.close()
        outcome = self._outcome
        elapsed = time.monotonic() - began
        self._announce(
            TaggingFinished(outcome.written, len(outcome.refused), elapsed, outcome.interrupted, is_undo)
        )
        return outcome

    def _carry_out(self, proposal: Proposal, path: bytes, is_undo: bool) -> None:
        here = self._paths.here(path)
        group = None
        try:
            identity = self._disk.check_same(here, proposal.identity, any_content=is_undo)
            change = self._change(proposal, here, is_undo)
            target = self._paths.known(aside(here))
            step = Step(StepKind.REWRITE, path, target, identity, 0, 0, proposal.id, proposal.file, is_undo)
            group = Group(secrets.randbits(62), [step])
            self._journal.intend(group)
            completed = self._rewritten(group, proposal, here, path, identity, change, is_undo)
        except Refused as error:
            self._refuse(group, proposal, path, error.code, is_undo)
            return
        except Stopped:
            if group is not None:
                self._journal.settle(group, [], [])
            raise
        self._journal.settle(group, [0], [completed])
        self._outcome.written += 1
        texts = {name: list(said) for name, said in change.texts.items()}
        self._announce(TagsWritten(proposal.id, path, texts, change.edited))

    def _rewritten(
        self,
        group: Group,
        proposal: Proposal,
        here: bytes,
        path: bytes,
        identity: FileStamp,
        change: _Change,
        is_undo: bool,
    ) -> Completed:
        """Write the copy and put it in place. Raises Refused and Stopped, and nothing was changed."""
        copy: IdentifiedFile | None = None

        def is_same(old: FileIO, new: FileIO) -> bool:
            nonlocal copy
            before, copy = self._identify(old), self._identify(new)
            if before is None or copy is None or before.hash != copy.hash:
                return False
            if not is_undo and not _says(copy.tags, change.texts):
                raise Refused("tags-damaged", here)
            return True

        written = self._rewriter.copy(here, change.splices, is_same, self._keep_times)
        restore = packed(inverse(change.splices))
        self._journal.rewriting(group.id, Rewrite(proposal.id, written.before, written.after, restore))
        self._rewriter.put_in_place(here, identity, written.copy)
        try:
            self._disk.sync()
        except OSError as error:
            raise RenamingFailed(f"the disk does not confirm the new tags: {error.strerror}") from error
        self._rewriter.remove_old(here, identity)
        tags = None if copy is None else copy.tags
        return Completed(proposal.id, proposal.file, path, path, is_undo, written.copy, tags)

    def _change(self, proposal: Proposal, here: bytes, is_undo: bool) -> _Change:
        """What is to be replaced in a file. Raises Refused."""
        try:
            status = look(here)
            if status is not None and status.st_nlink > 1:
                raise Refused("hard-linked", here)
            if is_undo:
                return self._back(proposal, here)
            return self._changed(here, _texts(proposal.changes, "after"))
        except OSError as error:
            raise refusal(error, here) from error

    def _back(self, proposal: Proposal, here: bytes) -> _Change:
        """What takes a proposal back: the bytes as they were, or, in a file that was edited since, the texts.

        Raises Refused, with ``written-again`` where a later proposal has written one of its tags.
        """
        texts = _texts(proposal.changes, "before")
        if not texts.keys().isdisjoint(self._journal.written_later(proposal.id, proposal.file)):
            raise Refused("written-again", here)
        applied = self._journal.applied_rewrite(proposal.id, proposal.file, digest_of(here))
        if applied is not None:
            return _Change(unpacked(applied.restore), texts)
        return self._changed(here, texts, proposal.changes)

    def _changed(
        self, here: bytes, texts: Mapping[str, Sequence[str]], back: Sequence[Mapping[str, Any]] = ()
    ) -> _Change:
        """What gives a file some texts. ``back``: the changes that are taken back by that."""
        try:
            with FileIO(os.open(here, READ)) as file:
                _, form = form_of(file, os.fstat(file.fileno()).st_size)
                former = {change["name"]: former_values(change, form.layout) for change in back}
                return _Change(form.splices(former or texts), texts, bool(back))
        except Unwritable as error:
            raise Refused(error.code, here) from error

    def _refuse(self, group: Group | None, proposal: Proposal, path: bytes, code: str, is_undo: bool) -> None:
        expired = [proposal.id] if code == CHANGED and not is_undo else []
        empty = group or Group(secrets.randbits(62), [])
        self._journal.settle(empty, [], [], {proposal.id: code}, expired)
        self._outcome.refused[proposal.id] = code
        self._announce(TagsRefused(proposal.id, path, code))


def _says(tags: Tags, texts: Mapping[str, Sequence[str]]) -> bool:
    """Whether what reads the tags of all files finds the texts."""
    found = {text[:COMPARED] for said in tags.everything.values() for text in said}
    return all(text[:COMPARED] in found for said in texts.values() for text in said)


def _texts(changes: Sequence[Mapping[str, Any]], which: str) -> dict[str, list[str]]:
    return {change["name"]: list(change[which]) for change in changes}
