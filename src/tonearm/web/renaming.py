"""Decides on names and renames files for a request, as actions that say how far they are."""

import dataclasses
from typing import Any

from tonearm.bootstrap.renaming import apply_approved, undo_applied
from tonearm.events.event import Event
from tonearm.events.renames import RenameRefused, RenamingFinished, RenamingProgress
from tonearm.library.audit import Actor
from tonearm.library.proposal import ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.names import printable
from tonearm.web.bulk_actions import Progress, Work
from tonearm.web.parts import Parts

RENAME = "rename files"
UNDO = "undo renames"
DECISIONS = {
    "approve": ProposalStatus.APPROVED,
    "reject": ProposalStatus.REJECTED,
    "expire": ProposalStatus.EXPIRED,
}


class _Told:
    """Hears the facts of renaming, and tells the action how far it is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._refused = 0

    def __call__(self, event: Event) -> None:
        """Hear a fact."""
        match event:
            case RenameRefused():
                self._refused += 1
            case RenamingProgress():
                self._progress.advance(event.done, self._refused)
            case RenamingFinished():
                self._progress.advance(event.renamed, event.refused)


def deciding(parts: Parts, verb: str, wanted: Selection, who: Actor) -> Work:
    """What decides on proposals. ``verb``: one of ``DECISIONS``."""

    def work(progress: Progress) -> None:
        proposals = Proposals(parts.library.database)
        changed = parts.actions.repeated(lambda: proposals.decide(wanted, DECISIONS[verb]))
        progress.advance(changed)
        parts.note(who, f"{verb} proposals", _about(wanted), changed)

    return work


def renaming(parts: Parts, batch: int | None, who: Actor) -> Work:
    """What renames the files that are approved, of a batch or of all."""

    def work(progress: Progress) -> None:
        outcome, _ = apply_approved(parts.library, batch, _Told(progress), lambda: progress.stopping)
        parts.note(who, RENAME, {"batch": batch}, outcome.renamed)

    return work


def undoing(parts: Parts, batch: int, who: Actor) -> Work:
    """What gives the renamed files of a batch their old names again."""
    wanted = Selection(batch=batch, statuses=(ProposalStatus.APPLIED,))

    def work(progress: Progress) -> None:
        outcome, _ = undo_applied(parts.library, wanted, _Told(progress), lambda: progress.stopping)
        parts.note(who, UNDO, {"batch": batch}, outcome.renamed)

    return work


def _about(wanted: Selection) -> dict[str, Any]:
    """What a selection is about, for the audit."""
    given = {field.name: getattr(wanted, field.name) for field in dataclasses.fields(wanted)}
    return {
        name: printable(value)
        if isinstance(value, bytes)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in given.items()
    }
