"""Composes the planning of names, and the renaming of files."""

import contextlib
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from tonearm.bootstrap.library import Library, results
from tonearm.errors import LibraryInUse
from tonearm.events.event import Announce
from tonearm.library.proposal import Selection
from tonearm.library.proposals import Proposals
from tonearm.library.rename_journal import RenameJournal
from tonearm.library.rename_lock import rename_lock
from tonearm.names import PathMap
from tonearm.naming.companions import Companions
from tonearm.naming.destination import Destination
from tonearm.naming.disk import Disk
from tonearm.naming.fields import fields
from tonearm.naming.planner import Planner
from tonearm.naming.recovery import Recovered, recover
from tonearm.naming.renamer import Outcome, Renamer
from tonearm.naming.requests import approved, undoing
from tonearm.views.renamable import RenamableFiles
from tonearm.views.track_rows import Results


@dataclass(frozen=True, slots=True)
class Renaming:
    """What renames files, and what was found and settled of an earlier call."""

    renamer: Renamer
    recovered: Recovered


def planner(library: Library, needed: Collection[str], stopping: Callable[[], bool]) -> Planner:
    """What plans new names. ``needed``: the fields that its templates need. Needs no lock."""
    paths = PathMap(library.settings.path_map)
    return Planner(
        RenamableFiles(library.database, results_for(needed)),
        Proposals(library.database),
        Destination(RenameJournal(library.database), paths),
        Companions(library.settings.extensions),
        paths,
        stopping,
    )


def results_for(needed: Collection[str]) -> Results:
    """The analysers that some fields of templates are from."""
    everything = results()
    used = {fields()[name].source for name in needed}
    versions = {name: version for name, version in everything.versions.items() if name in used}
    return Results(versions, everything.columns, everything.series)


@contextlib.contextmanager
def open_renaming(library: Library, announce: Announce, stopping: Callable[[], bool]) -> Iterator[Renaming]:
    """Hold the lock for renames, settle what a kill left, and compose what renames. Raises LibraryInUse."""
    with rename_lock(library.database, library.settings.data_dir):
        recovered = settle(library, announce)
        disk = open_disk(library, stopping)
        with contextlib.closing(disk):
            yield Renaming(
                Renamer(
                    RenameJournal(library.database),
                    disk,
                    PathMap(library.settings.path_map),
                    announce,
                    stopping,
                    library.settings.extensions,
                ),
                recovered,
            )


def apply_approved(
    library: Library, batch: int | None, announce: Announce, stopping: Callable[[], bool]
) -> tuple[Outcome, Recovered]:
    """Rename the files whose proposals are approved, of one batch or of all. Raises LibraryInUse and StorageError."""
    proposals = Proposals(library.database)
    paths = PathMap(library.settings.path_map)
    for folder in proposals.destinations(batch):
        if os.path.isdir(paths.here(folder)):
            library.roots.ensure(paths.here(folder))
    with open_renaming(library, announce, stopping) as renaming:
        return renaming.renamer.carry_out(approved(proposals, batch)), renaming.recovered


def undo_applied(
    library: Library, wanted: Selection, announce: Announce, stopping: Callable[[], bool]
) -> tuple[Outcome, Recovered]:
    """Give the files of applied proposals their old names. Raises LibraryInUse and StorageError."""
    files = RenamableFiles(library.database, results())
    with open_renaming(library, announce, stopping) as renaming:
        moves = undoing(Proposals(library.database), files, wanted)
        return renaming.renamer.carry_out(moves, is_undo=True), renaming.recovered


def settle(library: Library, announce: Announce) -> Recovered:
    """Settle what an earlier call left open, by the holder of the lock."""
    with contextlib.closing(open_disk(library, lambda: False)) as disk:
        return recover(RenameJournal(library.database), disk, PathMap(library.settings.path_map), announce)


def settle_if_free(library: Library, announce: Announce) -> None:
    """The same, unless another process holds the lock."""
    with contextlib.suppress(LibraryInUse), rename_lock(library.database, library.settings.data_dir):
        settle(library, announce)


def open_disk(library: Library, stopping: Callable[[], bool]) -> Disk:
    """The disk below the roots of a library; to be closed."""
    return Disk([place.here for place in library.roots.every()], stopping)
