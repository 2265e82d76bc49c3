"""``tonearm retry``: queues failed files again."""

import sys
import time
from collections.abc import Callable, Sequence

import click

from tonearm.bootstrap.library import Library
from tonearm.bootstrap.traces import announcing
from tonearm.cli.audit_note import noted
from tonearm.cli.failure_code import FAILURE_CODE
from tonearm.cli.opened import is_analysing, library, place_of, retried
from tonearm.cli.options import PATH, data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.library.process_lock import takes_requests
from tonearm.library.roots import Place, outermost
from tonearm.names import printable
from tonearm.views.failures import FailureGroup
from tonearm.views.formatting import plural

NOT_RETRIED = 1
SHOWN_GROUPS = 10
"""Maximum number of groups that are listed before the question."""
EVERY_S = 5.0
"""Seconds between two lines on the progress."""
COLUMNS = (Column("files", right=True), Column("code"), Column("reason", least=24))


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@click.option(
    "--code",
    "codes",
    metavar="CODE",
    multiple=True,
    type=FAILURE_CODE,
    help="Files with this failure code; repeatable.",
)
@click.option(
    "--below", metavar="PATH", multiple=True, type=PATH, help="Files at or below this path; repeatable."
)
@click.option("--all", "everything", is_flag=True, help="Every file that is quarantined or retrying.")
@click.option("--partial", is_flag=True, help="Partial files too.")
@click.option("--dry-run", is_flag=True, help="Only say how many files would be queued.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@data_option
@json_option
def retry(
    paths: Sequence[str],
    codes: Sequence[str],
    below: Sequence[str],
    everything: bool,
    partial: bool,
    dry_run: bool,
    yes: bool,
    data: str | None,
    as_json: bool,
) -> None:
    """Queue failed files again: each PATH, a file or a folder, or everything that matches the options.

    Their attempts count from zero. Files that wait for another attempt are tried at once. Partial files are left out,
    unless --partial or a --code names them. --code, --below and --all ask before anything changes.
    """
    if everything == bool(paths or codes or below):
        raise click.UsageError("name files or folders, --code or --below; or --all")
    with library(data) as app:
        named = [place_of(app, path) for path in (*paths, *below)]
        places: Sequence[Place | None] = outermost([place for place in named if place is not None]) or [None]
        chosen = [FailedSelection(place, codes, partial or bool(codes)) for place in places]
        if dry_run:
            _say_what_would_be(app, chosen, as_json)
            return
        groups, files = _matching(app, chosen)
        if files and not paths and not yes and not _confirmed(groups, files, as_json):
            say("Nothing was queued.")
            raise click.exceptions.Exit(NOT_RETRIED)
        count = _queue(app, chosen, files)
        about = {
            "paths": list(map(printable, (*paths, *below))),
            "codes": list(codes),
            "partial": partial or None,
        }
        noted(app, "retry failed files", about, count)
        working, taken_by = is_analysing(app), _taken_by(app)
    if as_json:
        print_json({"queued": count})
        return
    _say_queued(count, working, taken_by, partial or bool(codes))


def _matching(app: Library, chosen: Sequence[FailedSelection]) -> tuple[list[FailureGroup], int]:
    """The largest groups of the selected files, and how many files there are."""
    found = [app.failures.groups(one, SHOWN_GROUPS) for one in chosen]
    groups = [group for largest, _ in found for group in largest]
    return sorted(groups, key=lambda group: -group.files)[:SHOWN_GROUPS], sum(files for _, files in found)


def _say_what_would_be(app: Library, chosen: Sequence[FailedSelection], as_json: bool) -> None:
    groups, files = _matching(app, chosen)
    if as_json:
        print_json({"would_be_queued": files})
        return
    _list(groups)
    say(f"{plural(files, 'file')} would be queued again.")


def _confirmed(groups: Sequence[FailureGroup], files: int, as_json: bool) -> bool:
    """Ask whether files are to be queued. Raises click.UsageError where input or output is not for a person."""
    if as_json or not _is_asked_at_a_terminal():
        raise click.UsageError(f"{plural(files, 'file')} would be queued again; add --yes to queue them")
    _list(groups)
    return click.confirm(f"Queue {plural(files, 'file')} again?")


def _is_asked_at_a_terminal() -> bool:
    return sys.stdin.isatty()


def _list(groups: Sequence[FailureGroup]) -> None:
    if groups:
        with Listing(COLUMNS) as listing:
            for group in groups:
                listing.add(f"{group.files:,}", group.code, printable(group.reason))


def _queue(app: Library, chosen: Sequence[FailedSelection], whole: int) -> int:
    """Queue everything that is selected, batch by batch; returns how many files. ``whole``: how many there are."""
    report = _progress(whole)
    files = 0
    with announcing(app.settings) as (announce, tracing):
        for one in chosen:
            retrying = app.queue_admin.retry(one, announce, tracing.sampler)
            while not retrying.ended:
                files += retried(retrying.step)
                report(files)
    return files


def _progress(whole: int) -> Callable[[int], None]:
    """A function that writes a line on the progress to standard error every ``EVERY_S`` seconds."""
    printed_at = time.monotonic()

    def report(files: int) -> None:
        nonlocal printed_at
        if time.monotonic() - printed_at >= EVERY_S:
            printed_at = time.monotonic()
            sys.stderr.write(f"tonearm: {files:,} of {plural(whole, 'file')} queued again\n")

    return report


def _taken_by(app: Library) -> str:
    """Who takes every job that is queued, as the beginning of a sentence; empty where nobody does."""
    if app.database.shared:
        return "The workers take"
    return "`tonearm serve` takes" if takes_requests(app.settings.data_dir) else ""


def _say_queued(count: int, working: bool, taken_by: str, partial: bool) -> None:
    them = "it" if count == 1 else "them"
    how = f" `tonearm analyze` works on {them}." if count else ""
    if working and count and taken_by:
        how = f" {taken_by} {them}."
    elif working and count:
        how = " The process that is analysing takes those that it scanned, `tonearm analyze` all others."
    if not count and not partial:
        how = " Nothing that was named is quarantined; --partial takes partial files too."
    say(f"{plural(count, 'file')} queued again.{how}")
