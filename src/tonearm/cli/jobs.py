"""``tonearm jobs``, ``failures``, ``retry``, ``prioritize``: shows the queue and changes it."""

import functools
from collections.abc import Sequence

import click

from tonearm.cli.formatting import plural
from tonearm.cli.nearest import no_such
from tonearm.cli.opened import is_analysing, library, place_of, retried
from tonearm.cli.options import PATH, data_option, json_option, level_of, limit_option, print_json, where
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, say, styled, write_line
from tonearm.jobs.job import OPEN, JobState
from tonearm.names import printable
from tonearm.views.liveness import read_liveness

COLUMNS = (
    Column("position", right=True),
    Column("state"),
    Column("priority", rank=1),
    Column("run", rank=3, right=True),
    Column("attempts", rank=4, right=True),
    Column("file", least=16, path=True),
    Column("reason", rank=2, least=12),
)
_STYLES = {JobState.QUARANTINED: "red", JobState.PARTIAL: "yellow", JobState.RETRYING: "yellow"}


@click.command()
@where
@data_option
@click.option(
    "--state",
    metavar="STATE",
    multiple=True,
    help=f"Only jobs in this state, repeatable: {', '.join(JobState)}.",
)
@click.option("--run", metavar="RUN", type=int, help="Only jobs of this run.")
@click.option("--all", "everything", is_flag=True, help="Ended jobs too.")
@limit_option(50)
@json_option
def jobs(
    path: str | None,
    data: str | None,
    state: Sequence[str],
    run: int | None,
    everything: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs of all files, or of those at or below PATH: running jobs, then waiting jobs with their position."""
    states = tuple(state or (list(JobState) if everything else OPEN))
    for name in states:
        if name not in set(JobState):
            raise click.BadParameter(no_such("state", name, list(JobState)))
    with library(data) as app:
        alive = read_liveness(app.database)
        found = [alive.job(job) for job in app.job_list.first(states, place_of(app, path), run, limit)]
    if as_json:
        for job in found:
            print_json(job.to_json())
        return
    empty = "No such jobs." if state or everything else "No jobs are waiting or running."
    with Listing(COLUMNS, empty) as listing:
        for job in found:
            listing.add(
                "" if job.queue_position is None else f"{job.queue_position:,}",
                job.state if job.stage is None else f"{job.state}: {job.stage}",
                job.level.label + (" (chosen)" if job.level_by == "person" else ""),
                str(job.run),
                str(job.attempts),
                printable(job.path),
                printable(job.reason or ""),
            )


@click.command()
@where
@data_option
@json_option
def failures(path: str | None, data: str | None, as_json: bool) -> None:
    """List quarantined, partial and retrying files, with the reason and advice.

    With a PATH only the files at or below it are listed.
    """
    with library(data) as app:
        found = list(app.job_list.each_failure(place_of(app, path)))
    if as_json:
        for job in found:
            print_json(job.failure_to_json())
        return
    for job in found:
        state = JobState(job.state)
        write_line(styled(f"{state:12}", _STYLES.get(state, "")) + printable(job.path))
        say(f"{printable(job.reason or '')} [{job.code}]", indent=12)
        say(printable(job.advice or ""), "dim", indent=12)
    if not found:
        say("Nothing failed.")
    elif is_terminal():
        say(f"{plural(len(found), 'file')}; `tonearm retry PATH` tries again.")


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@click.option("--all", "everything", is_flag=True, help="Every quarantined file.")
@click.option("--partial", is_flag=True, help="Partial files too.")
@data_option
@json_option
def retry(paths: Sequence[str], everything: bool, partial: bool, data: str | None, as_json: bool) -> None:
    """Queue quarantined files again: each PATH, a file or a folder, or all. Their attempts count from zero."""
    if bool(paths) == everything:
        raise click.UsageError("name files or folders, or --all")
    with library(data) as app:
        places = [place_of(app, path) for path in paths] or [None]
        count = sum(retried(functools.partial(app.queue_admin.retry, place, partial)) for place in places)
        working, shared = is_analysing(app), app.database.shared
    if as_json:
        print_json({"queued": count})
        return
    them = "it" if count == 1 else "them"
    how = f" `tonearm analyze` works on {them}." if count else ""
    if working and count and shared:
        how = f" The workers take {them}."
    elif working and count:
        how = " The process that is analysing takes those that it scanned, `tonearm analyze` all others."
    if not count and not partial:
        how = " None is quarantined there; --partial takes partial ones too."
    say(f"{plural(count, 'file')} queued again.{how}")


@click.command()
@click.argument("path", metavar="PATH", type=PATH)
@click.option(
    "--priority", "level", metavar="LEVEL", default="critical", show_default=True, help="The new level."
)
@data_option
@json_option
def prioritize(path: str, level: str, data: str | None, as_json: bool) -> None:
    """Change the priority of waiting jobs: those of PATH, a file or a folder of the library."""
    chosen = level_of(level)
    with library(data) as app:
        place = place_of(app, path)
        count = 0
        if place is not None and chosen is not None:
            count = retried(functools.partial(app.queue_admin.prioritize, place, chosen))
    if as_json:
        print_json({"changed": count, "level": level})
        return
    say(f"{plural(count, 'open job')} set to {level}.")
