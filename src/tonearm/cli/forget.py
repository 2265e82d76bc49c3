"""``tonearm forget``: removes missing files from the library."""

import contextlib
import functools
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.audit_note import noted
from tonearm.cli.opened import library, place_of, retried
from tonearm.cli.options import PATH, data_option, json_option, print_json
from tonearm.cli.terminal import say, write_line
from tonearm.library.database import Database
from tonearm.library.forget import count_missing, forget, is_gone, missing_files
from tonearm.library.process_lock import exclusive_lock
from tonearm.library.roots import Place
from tonearm.names import printable
from tonearm.views.formatting import plural

NOT_REMOVED = 1
EXAMPLES = 10
"""Maximum number of missing files that are listed before the question."""


@click.command("forget")
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@click.option("--all", "everything", is_flag=True, help="Every missing file of the library.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@data_option
@json_option
def forget_files(paths: Sequence[str], everything: bool, yes: bool, data: str | None, as_json: bool) -> None:
    """Remove missing files from the library: each PATH, a file or a folder, or all.

    A missing file is one that the last scan of its folder did not find (`tonearm tracks --missing` lists them). Files
    that are on the disk always stay, and so do the results of audio that another file has as well. No file on the
    disk is touched.
    """
    if bool(paths) == everything:
        raise click.UsageError("give either files or folders, or --all")
    with library(data) as opened:
        places = [place for path in paths if (place := place_of(opened, path))] or opened.roots.every()
        missing = sum(count_missing(opened.database, place) for place in places)
        if missing and not yes and not _confirmed(opened, places, missing, as_json):
            say("Nothing was removed.")
            raise click.exceptions.Exit(NOT_REMOVED)
        with _locked_against_analysis(opened):
            removed = sum((_remove(opened.database, place) for place in places), Removed())
        noted(opened, "forget missing files", {"paths": list(map(printable, paths))}, removed.files)
    if as_json:
        print_json(
            {
                "forgotten": removed.files,
                "results_removed": removed.audio,
                "on_disk": removed.on_disk,
                "in_open_runs": removed.busy,
            }
        )
        return
    _print_removed(removed)


@dataclass(frozen=True, slots=True)
class Removed:
    """The numbers of files and audio that were removed, and of files that stayed.

    files, audio: missing files that were removed, and pieces of audio that no other file has.
    on_disk: files that were missing and are on the disk again, or whose folder can't be read.
    busy: files of runs that have not ended.
    """

    files: int = 0
    audio: int = 0
    on_disk: int = 0
    busy: int = 0

    def __add__(self, other: "Removed") -> "Removed":
        return Removed(
            self.files + other.files,
            self.audio + other.audio,
            self.on_disk + other.on_disk,
            self.busy + other.busy,
        )


def _confirmed(opened: Library, places: Sequence[Place], missing: int, as_json: bool) -> bool:
    """Ask whether files are to be removed. Raises click.UsageError where input or output is not for a person."""
    if as_json or not _is_asked_at_a_terminal():
        raise click.UsageError(
            f"{plural(missing, 'missing file')} would be removed; add --yes to remove them"
        )
    names = (
        os.path.join(place.root_path, file.path)
        for place in places
        for batch in missing_files(opened.database, place)
        for file in batch
    )
    for name in itertools.islice(names, EXAMPLES):
        write_line(f"  {printable(name)}")
    if missing > EXAMPLES:
        write_line(f"  and {missing - EXAMPLES:,} more")
    return click.confirm(f"Remove {plural(missing, 'missing file')} from the library?")


def _is_asked_at_a_terminal() -> bool:
    return sys.stdin.isatty()


@contextlib.contextmanager
def _locked_against_analysis(opened: Library) -> Iterator[None]:
    """Keep a library in a folder from being analysed meanwhile. Raises LibraryInUse."""
    if opened.database.shared:
        yield
        return
    with exclusive_lock(opened.settings.data_dir):
        yield


def _remove(database: Database, place: Place) -> Removed:
    removed = Removed()
    for batch in missing_files(database, place):
        gone = [file.id for file in batch if is_gone(os.path.join(place.here, file.path))]
        done = retried(functools.partial(forget, database, gone))
        files = len(done.files)
        removed += Removed(files, done.audio, len(batch) - len(gone), len(gone) - files)
    return removed


def _print_removed(removed: Removed) -> None:
    results = f", and the results of {plural(removed.audio, 'piece')} of audio" if removed.audio else ""
    say(f"{plural(removed.files, 'missing file')} removed from the library{results}.")
    if not (removed.files or removed.on_disk or removed.busy):
        say("None is missing there: `tonearm tracks --missing` lists those that are.")
    if removed.on_disk:
        say(f"{plural(removed.on_disk, 'file')} stayed: on the disk again; `tonearm analyze` finds them.")
    if removed.busy:
        say(
            f"{plural(removed.busy, 'file')} stayed: part of a run that has not ended; "
            "`tonearm runs` lists runs, and the next `tonearm analyze` ends those that were interrupted."
        )
