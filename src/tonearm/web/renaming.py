"""Renames files for a request, as an action that says how far it is."""

from tonearm.bootstrap.renaming import apply_approved, undo_applied
from tonearm.events.event import Event
from tonearm.events.renames import RenameRefused, RenamingFinished, RenamingProgress
from tonearm.library.proposal import ProposalStatus, Selection
from tonearm.web.bulk_actions import Progress, Work
from tonearm.web.parts import Parts

RENAME = "rename files"
UNDO = "give files their old names"


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


def renaming(parts: Parts, batch: int | None) -> Work:
    """What renames the files that are approved, of a batch or of all."""

    def work(progress: Progress) -> None:
        apply_approved(parts.library, batch, _Told(progress), lambda: progress.stopping)

    return work


def undoing(parts: Parts, batch: int) -> Work:
    """What gives the renamed files of a batch their old names again."""
    wanted = Selection(batch=batch, statuses=(ProposalStatus.APPLIED,))

    def work(progress: Progress) -> None:
        undo_applied(parts.library, wanted, _Told(progress), lambda: progress.stopping)

    return work
