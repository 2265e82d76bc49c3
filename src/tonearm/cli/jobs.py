"""``tonearm jobs``, ``failures``, ``retry``, ``prioritize``: the queue and a person's hand on it."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from tonearm.cli.formatting import plural
from tonearm.cli.opened import is_analysing, library, place_of, retried
from tonearm.cli.options import PATH, data_option, json_option, level_of, limit_option, print_json, where
from tonearm.cli.tables import Column, FittedTable, PathCell, print_sentence
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.liveness import read_liveness
from tonearm.jobs.queue_admin import JobView
from tonearm.names import path_fields, printable

COLUMNS = (
    Column("place", 5),
    Column("state", 11),
    Column("level", 6, wraps=True),
    Column("run", 3, rank=2),
    Column("attempts", 8, rank=3),
    Column("file", 20, wraps=True),
    Column("reason", 12, rank=1, wraps=True),
)


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
    """List jobs, of all files or of those at or below PATH: what runs, what waits and its place in the queue."""
    states = tuple(state or (list(JobState) if everything else OPEN))
    unknown = set(states) - set(JobState)
    if unknown:
        raise click.BadParameter(f"no state {', '.join(sorted(unknown))}; there are {', '.join(JobState)}")
    with library(data) as app:
        alive = read_liveness(app.database)
        found = [alive.job(job) for job in app.queue_admin.jobs(states, place_of(app, path), run, limit)]
    if as_json:
        for job in found:
            print_json(_as_json(job))
        return
    console = Console()
    shown = FittedTable(console, COLUMNS)
    for job in found:
        shown.add(
            str(job.place or ""),
            job.state if job.stage is None else f"{job.state}: {job.stage}",
            job.level.label + (" (chosen)" if job.level_by == "person" else ""),
            str(job.run),
            str(job.attempts),
            PathCell(printable(job.path)),
            printable(job.reason or ""),
        )
    console.print(shown.table if found else "No jobs are open." if not state else "None.")


@click.command()
@where
@data_option
@json_option
def failures(path: str | None, data: str | None, as_json: bool) -> None:
    """List what went wrong, why, and what to do: quarantined, partial and retrying files.

    With a PATH only the files at or below it are listed.
    """
    with library(data) as app:
        found = app.queue_admin.failures(place_of(app, path))
    if as_json:
        for job in found:
            print_json(
                path_fields(job.path)
                | {
                    "state": job.state,
                    "code": job.code,
                    "reason": job.reason,
                    "advice": job.advice,
                    "attempts": job.attempts,
                }
            )
        return
    console = Console()
    colours = {JobState.QUARANTINED: "red", JobState.PARTIAL: "yellow", JobState.RETRYING: "yellow"}
    for job in found:
        state = JobState(job.state)
        console.print(
            Text.assemble((f"{state:12}", colours.get(state, "")), printable(job.path)), soft_wrap=True
        )
        print_sentence(console, f"{printable(job.reason or '')} [{job.code}]", indent=12)
        print_sentence(console, printable(job.advice or ""), "dim", indent=12)
    console.print(
        "Nothing failed." if not found else f"{plural(len(found), 'file')}; `tonearm retry PATH` tries again."
    )


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=PATH)
@click.option("--all", "everything", is_flag=True, help="Every quarantined file.")
@click.option("--partial", is_flag=True, help="Partial files too.")
@data_option
@json_option
def retry(paths: Sequence[str], everything: bool, partial: bool, data: str | None, as_json: bool) -> None:
    """Queue quarantined files again: each PATH, a file or a folder, or all. Their attempts count from zero."""
    if bool(paths) == everything:
        raise click.BadParameter("name files or folders, or say --all")
    with library(data) as app:
        places = [place_of(app, path) for path in paths] or [None]
        count = sum(retried(functools.partial(app.queue_admin.retry, place, partial)) for place in places)
        working, shared = is_analysing(app), app.database.shared
    if as_json:
        print_json({"queued": count})
        return
    them = "it" if count == 1 else "them"
    go_on = f" `tonearm analyze` works on {them}." if count else ""
    if working and count and shared:
        go_on = f" The workers take {them} up."
    elif working and count:
        go_on = " The process at work takes up those that it scanned, `tonearm analyze` all others."
    if not count and not partial:
        go_on = " None is quarantined there; --partial takes partial ones too."
    click.echo(f"{plural(count, 'file')} queued again.{go_on}")


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
    click.echo(f"{plural(count, 'open job')} set to {level}.")


def _as_json(job: JobView) -> dict[str, Any]:
    fields = {name: value for name, value in dataclasses.asdict(job).items() if name != "path"}
    return path_fields(job.path) | fields | {"level": job.level.label}
