"""Decides on proposals, renames files and writes tags for a request, as actions that say how far they are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tonearm.bootstrap.library import Library
from tonearm.bootstrap.renaming import apply_approved, undo_applied
from tonearm.bootstrap.tagging import undo_written, write_approved
from tonearm.events.event import Announce, Event
from tonearm.events.renames import RenameRefused, RenamingFinished, RenamingProgress
from tonearm.events.tags import TaggingFinished, TagsRefused, TagsWritten
from tonearm.library.audit import Actor
from tonearm.library.proposal import ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.views.proposals import selection_json
from tonearm.web.bulk_actions import Progress, Work
from tonearm.web.service_parts import Parts

DECISIONS = {
    "approve": ProposalStatus.APPROVED,
    "reject": ProposalStatus.REJECTED,
    "expire": ProposalStatus.EXPIRED,
}
RENAME, TAGS = ProposalKind.RENAME, ProposalKind.TAGS
APPLY, UNDO = "apply", "undo"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An action that can be started. total: how many rows it would change."""

    what: str
    total: int
    work: Work


class _Told:
    """Hears the facts of renaming and of writing tags, and tells the action how far it is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._written = 0
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
            case TagsWritten():
                self._written += 1
                self._progress.advance(self._written, self._refused)
            case TagsRefused():
                self._refused += 1
                self._progress.advance(self._written, self._refused)
            case TaggingFinished():
                self._progress.advance(event.written, event.refused)


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
    """What renames the approved files of a batch or writes their tags, or takes that back. Raises NotFound.

    verb: ``APPLY`` or ``UNDO``.
    """
    proposals = Proposals(parts.library.database)
    kind = proposals.kind_of(batch)
    what, change = CHANGES[kind, verb]
    status = ProposalStatus.APPROVED if verb == APPLY else ProposalStatus.APPLIED
    wanted = Selection(batch=batch, statuses=(status,), kind=kind)

    def work(progress: Progress) -> None:
        changed = change(parts.library, wanted, _Told(progress), lambda: progress.stopping)
        parts.note(who, what, {"batch": batch}, changed)

    return Prepared(what, sum(proposals.count(wanted).values()), work)


Stopping = Callable[[], bool]
Change = Callable[[Library, Selection, Announce, Stopping], int]
"""Changes the files of proposals; returns how many."""


def _rename(library: Library, wanted: Selection, announce: Announce, stopping: Stopping) -> int:
    return apply_approved(library, wanted.batch, announce, stopping)[0].changed


def _undo_renames(library: Library, wanted: Selection, announce: Announce, stopping: Stopping) -> int:
    return undo_applied(library, wanted, announce, stopping)[0].changed


def _write(library: Library, wanted: Selection, announce: Announce, stopping: Stopping) -> int:
    return write_approved(library, wanted.batch, False, announce, stopping)[0].written


def _undo_tags(library: Library, wanted: Selection, announce: Announce, stopping: Stopping) -> int:
    return undo_written(library, wanted, False, announce, stopping)[0].written


CHANGES: Mapping[tuple[ProposalKind, str], tuple[str, Change]] = {
    (RENAME, APPLY): ("rename files", _rename),
    (RENAME, UNDO): ("undo renames", _undo_renames),
    (TAGS, APPLY): ("write tags", _write),
    (TAGS, UNDO): ("undo tags", _undo_tags),
}
