"""``tonearm jobs`` and ``prioritize``: shows the queue and changes its order."""

import functools
from collections.abc import Sequence

import click

from tonearm.cli.audit_note import noted
from tonearm.cli.nearest import no_such
from tonearm.cli.opened import library, place_of, retried
from tonearm.cli.options import (
    PATH,
    WholeNumber,
    count_option,
    data_option,
    json_option,
    level_of,
    limit_option,
    print_json,
    where,
)
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.cli.totals import print_count, say_count
from tonearm.jobs.job import OPEN, JobState
from tonearm.names import printable
from tonearm.views.formatting import plural
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


@click.command()
@where
@data_option
@click.option(
    "--state",
    metavar="STATE",
    multiple=True,
    help=f"Only jobs in this state, repeatable: {', '.join(JobState)}.",
)
@click.option("--run", metavar="RUN", type=WholeNumber(), help="Only jobs of this run.")
@click.option("--all", "everything", is_flag=True, help="Ended jobs too.")
@limit_option(50)
@count_option
@json_option
def jobs(
    path: str | None,
    data: str | None,
    state: Sequence[str],
    run: int | None,
    everything: bool,
    limit: int,
    only_count: bool,
    as_json: bool,
) -> None:
    """List jobs of all files, or of those at or below PATH: running jobs, then waiting jobs with their position."""
    states = tuple(state or (list(JobState) if everything else OPEN))
    for name in states:
        if name not in set(JobState):
            raise click.BadParameter(no_such("state", name, list(JobState)))
    with library(data) as app:
        place = place_of(app, path)
        if only_count:
            print_count(app.job_list.count(states, place, run), "job", as_json)
            return
        alive = read_liveness(app.database)
        listed, end = app.job_list.page(states, place, run, None, limit)
        found = [alive.job(job) for job in listed]
        total = app.job_list.count(states, place, run) if end is not None and is_terminal() else None
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
    if total is not None:
        say_count(len(found), total, "job")


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
            noted(app, "change priorities", {"path": printable(path), "level": level}, count)
    if as_json:
        print_json({"changed": count, "level": level})
        return
    say(f"{plural(count, 'open job')} set to {level}.")
