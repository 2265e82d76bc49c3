"""``tonearm failures``: shows what failed, by group or file by file, and the files at which children died."""

from collections.abc import Iterable, Sequence
from itertools import islice

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.failure_code import FAILURE_CODE
from tonearm.cli.opened import library, place_of
from tonearm.cli.options import WholeNumber, data_option, json_option, limit_option, print_json, where
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.jobs.failed_jobs import START, FailedPosition, FailedSelection
from tonearm.jobs.failures import cause_of
from tonearm.names import printable
from tonearm.views.failures import FailedFile, FailureGroup, Suspect
from tonearm.views.formatting import moment, plural

GROUPS = 50
"""Number of groups that are shown by default."""

GROUP_COLUMNS = (
    Column("files", right=True),
    Column("partial", rank=4, right=True),
    Column("retrying", rank=3, right=True),
    Column("code"),
    Column("cause", rank=1),
    Column("first", rank=6),
    Column("last", rank=2),
    Column("reason", least=24),
    Column("for example", rank=5, least=20, path=True),
)
FILE_COLUMNS = (
    Column("job", rank=4, right=True),
    Column("failed", rank=2),
    Column("state", rank=1),
    Column("attempts", rank=3, right=True),
    Column("code"),
    Column("reason", least=16),
    Column("track", rank=5, least=12),
    Column("file", least=20, path=True),
)
SUSPECT_COLUMNS = (
    Column("died", right=True),
    Column("state", rank=1),
    Column("last", rank=3),
    Column("code"),
    Column("stage", rank=2),
    Column("worker", rank=4, least=12),
    Column("file", least=20, path=True),
)


@click.command()
@where
@click.option(
    "--group",
    "code",
    metavar="CODE",
    type=FAILURE_CODE,
    help="List the files that failed with this code.",
)
@click.option("--files", "every_file", is_flag=True, help="List the files of all groups.")
@click.option(
    "--suspects",
    is_flag=True,
    help="List the files that were being analysed when children died more than once.",
)
@click.option(
    "--after",
    metavar="JOB",
    type=WholeNumber(),
    help="Only files that follow after this job in the list.",
)
@limit_option(None)
@data_option
@json_option
def failures(
    path: str | None,
    code: str | None,
    every_file: bool,
    suspects: bool,
    after: int | None,
    limit: int | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Show what failed, grouped by code and reason: the numbers of files, and when the first and the last failed.

    With a PATH only the files at or below it count. Quarantined, partial and retrying files are failed ones.
    """
    if sum((code is not None, every_file, suspects)) > 1:
        raise click.UsageError("only one of --group, --files and --suspects can be given")
    if after is not None and code is None and not suspects:
        raise click.UsageError("--after needs --group or --suspects")
    if suspects and path is not None:
        raise click.UsageError("--suspects takes no PATH")
    with library(data) as app:
        if suspects:
            _show_suspects(app.failures.suspects(limit or GROUPS, after or 0), as_json)
            return
        chosen = FailedSelection(place_of(app, path), [] if code is None else [code])
        if code is None and not every_file:
            _show_groups(*app.failures.groups(chosen, limit or GROUPS), as_json)
            return
        begin = START if code is None else FailedPosition(code, after or 0)
        _show_files(app, chosen, islice(app.failures.each(chosen, begin), limit), as_json)


def _show_groups(groups: Sequence[FailureGroup], files: int, as_json: bool) -> None:
    if as_json:
        for group in groups:
            print_json(group.to_json())
        return
    with Listing(GROUP_COLUMNS, "Nothing failed.") as listing:
        for group in groups:
            listing.add(
                f"{group.files:,}",
                f"{group.partial:,}" if group.partial else "",
                f"{group.retrying:,}" if group.retrying else "",
                group.code,
                cause_of(group.code),
                moment(group.first_at),
                moment(group.last_at),
                printable(group.reason),
                printable(group.example),
            )
    if groups and is_terminal():
        shown = sum(group.files for group in groups)
        beyond = f", {files - shown:,} of them in smaller groups" if shown < files else ""
        say(
            f"{plural(files, 'file')}{beyond}. `tonearm failures --group CODE` lists those of a group with advice, "
            "`tonearm retry --code CODE` tries them again."
        )


def _show_files(app: Library, chosen: FailedSelection, files: Iterable[FailedFile], as_json: bool) -> None:
    if as_json:
        for file in files:
            print_json(file.to_json())
        return
    if chosen.codes and is_terminal():
        _say_advice(app, chosen)
    with Listing(FILE_COLUMNS, "Nothing failed in this way.") as listing:
        for file in files:
            listing.add(
                str(file.job),
                moment(file.failed_at),
                file.state,
                str(file.attempts),
                file.code,
                printable(file.reason),
                printable(" – ".join(name for name in (file.artist, file.title) if name)),
                printable(file.path),
            )


def _say_advice(app: Library, chosen: FailedSelection) -> None:
    first, _ = app.failures.page(chosen, 1)
    for file in first:
        say(f"Cause: {cause_of(file.code)}. {printable(file.advice)}")


def _show_suspects(suspects: Sequence[Suspect], as_json: bool) -> None:
    if as_json:
        for suspect in suspects:
            print_json(suspect.to_json())
        return
    with Listing(SUSPECT_COLUMNS, "No file was being analysed when children died more than once.") as listing:
        for suspect in suspects:
            last = suspect.deaths[-1] if suspect.deaths else None
            listing.add(
                f"{suspect.child_deaths} times",
                suspect.state,
                moment(last.ended_at) if last else "",
                last.code if last else "",
                (last.stage or "") if last else "",
                printable(last.worker) if last else "",
                printable(suspect.path),
            )
