"""Composes the planning of tags, and what writes them."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tonearm.analysis.built_in import LOUDNESS
from tonearm.bootstrap.library import Library, results
from tonearm.bootstrap.renaming import open_disk, settle
from tonearm.events.event import Announce
from tonearm.library.proposal import Proposal, ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.library.rename_journal import RenameJournal
from tonearm.library.rename_lock import rename_lock
from tonearm.names import PathMap
from tonearm.naming.destination import Destination
from tonearm.naming.recovery import Recovered
from tonearm.tagging.albums import AlbumGains
from tonearm.tagging.fields import Spelling
from tonearm.tagging.planner import TagPlanner
from tonearm.tagging.tagger import Tagger, TagOutcome
from tonearm.views.albums import AlbumSounds
from tonearm.views.renamable import RenamableFiles
from tonearm.worker.identifier import Identifier


@dataclass(frozen=True, slots=True)
class _Tagging:
    """What writes tags, and what was found and settled of an earlier call."""

    tagger: Tagger
    recovered: Recovered


def tag_planner(library: Library, stopping: Callable[[], bool]) -> TagPlanner:
    """What plans the writing of tags. Needs no lock."""
    settings = library.settings
    paths = PathMap(settings.path_map)
    return TagPlanner(
        RenamableFiles(library.database, results()),
        Proposals(library.database),
        Destination(RenameJournal(library.database), paths),
        paths,
        Spelling(settings.bpm_tag, settings.key_tag),
        AlbumGains(AlbumSounds(library.database, LOUDNESS.name, LOUDNESS.version)),
        stopping,
    )


def write_approved(
    library: Library, batch: int | None, keep_times: bool, announce: Announce, stopping: Callable[[], bool]
) -> tuple[TagOutcome, Recovered]:
    """Write the approved tags, of one batch or of all. Raises LibraryInUse and StorageError."""
    with _opened(library, keep_times, announce, stopping) as tagging:
        approved = Selection(batch=batch, statuses=(ProposalStatus.APPROVED,), kind=ProposalKind.TAGS)
        found = list(Proposals(library.database).each(approved))
        return tagging.tagger.carry_out(found, _paths(library, found)), tagging.recovered


def undo_written(
    library: Library, wanted: Selection, keep_times: bool, announce: Announce, stopping: Callable[[], bool]
) -> tuple[TagOutcome, Recovered]:
    """Give the files of applied proposals their old tags. Raises LibraryInUse and StorageError."""
    with _opened(library, keep_times, announce, stopping) as tagging:
        found = list(Proposals(library.database).each(wanted))[::-1]
        return tagging.tagger.carry_out(found, _paths(library, found), is_undo=True), tagging.recovered


def _paths(library: Library, proposals: Sequence[Proposal]) -> dict[int, bytes]:
    files = RenamableFiles(library.database, results())
    return files.paths([each.file for each in proposals if each.file is not None])


@contextlib.contextmanager
def _opened(
    library: Library, keep_times: bool, announce: Announce, stopping: Callable[[], bool]
) -> Iterator[_Tagging]:
    """Hold the lock for renames, settle what a kill left, and compose what writes. Raises LibraryInUse."""
    with rename_lock(library.database, library.settings.data_dir):
        recovered = settle(library, announce)
        with (
            contextlib.closing(open_disk(library, stopping)) as disk,
            contextlib.closing(Identifier(library.settings)) as identify,
        ):
            journal, paths = RenameJournal(library.database), PathMap(library.settings.path_map)
            tagger = Tagger(journal, disk, paths, announce, stopping, identify, keep_times)
            yield _Tagging(tagger, recovered)
