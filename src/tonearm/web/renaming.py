"""Decides on names and renames files for a request, as actions that say how far they are."""

from collections.abc import Callable
from dataclasses import dataclass

from tonearm.bootstrap.library import Library
from tonearm.bootstrap.renaming import apply_approved, undo_applied
from tonearm.events.event import Announce, Event
from tonearm.events.renames import RenameRefused, RenamingFinished, RenamingProgress
from tonearm.library.audit import Actor
from tonearm.library.proposal import ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.naming.recovery import Recovered
from tonearm.naming.renamer import Outcome
from tonearm.views.proposals import selection_json
from tonearm.web.bulk_actions import Progress, Work
from tonearm.web.parts import Parts

DECISIONS = {
    "approve": ProposalStatus.APPROVED,
    "reject": ProposalStatus.REJECTED,
    "expire": ProposalStatus.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """An action that can be started. total: how many rows it would change."""

    what: str
    total: int
    work: Work


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


def decide(parts: Parts, verb: str, wanted: Selection, who: Actor) -> int:
    """Decide on proposals; returns how many were changed. ``verb``: one of ``DECISIONS``."""
    proposals = Proposals(parts.library.database)
    changed = parts.actions.repeated(lambda: proposals.decide(wanted, DECISIONS[verb]))
    parts.note(who, f"{verb} proposals", selection_json(wanted), changed)
    return changed


def deciding(parts: Parts, verb: str, wanted: Selection, who: Actor) -> Prepared:
    """What decides on proposals."""
    total = Proposals(parts.library.database).decidable(wanted, DECISIONS[verb])
    return Prepared(
        f"{verb} proposals", total, lambda progress: progress.advance(decide(parts, verb, wanted, who))
    )


def changing(parts: Parts, verb: str, batch: int, who: Actor) -> Prepared:
    """What renames the approved files of a batch, or gives the renamed ones their old names. Raises NotFound.

    verb: one of ``CHANGES``.
    """
    what, status, change = CHANGES[verb]
    proposals = Proposals(parts.library.database)
    proposals.require(batch)
    wanted = Selection(batch=batch, statuses=(status,))

    def work(progress: Progress) -> None:
        outcome, _ = change(parts.library, wanted, _Told(progress), lambda: progress.stopping)
        parts.note(who, what, {"batch": batch}, outcome.changed)

    return Prepared(what, sum(proposals.count(wanted).values()), work)


def _apply(
    library: Library, wanted: Selection, announce: Announce, stopping: Callable[[], bool]
) -> tuple[Outcome, Recovered]:
    return apply_approved(library, wanted.batch, announce, stopping)


CHANGES = {
    "apply": ("rename files", ProposalStatus.APPROVED, _apply),
    "undo": ("undo renames", ProposalStatus.APPLIED, undo_applied),
}
