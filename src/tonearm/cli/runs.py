"""``tonearm runs``: one call over many files as one thing, to look at, pause, resume and cancel."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console

from tonearm.cli.formatting import moment, plural, shell_words
from tonearm.cli.opened import is_analysing, library, retried
from tonearm.cli.options import data_option, json_option, limit_option, print_json
from tonearm.cli.plain_progress import PARTS
from tonearm.cli.tables import Column, FittedTable, PathCell
from tonearm.jobs.liveness import read_liveness
from tonearm.jobs.runs import RunView
from tonearm.names import paths_fields, printable

COLUMNS = (
    Column("run", 3),
    Column("started", 19, rank=1),
    Column("state", 9),
    Column("files", 16, wraps=True),
    Column("paths", 16, wraps=True),
)
number = click.argument("run", metavar="RUN", type=int)


@click.group(invoke_without_command=True)
@data_option
@limit_option(20)
@json_option
@click.pass_context
def runs(context: click.Context, data: str | None, limit: int, as_json: bool) -> None:
    """List runs, the newest first; pause, resume or cancel one by its number."""
    if context.invoked_subcommand is not None:
        return
    with library(data) as opened:
        alive = read_liveness(opened.database)
        found = [alive.run(run) for run in opened.runs.every(limit)]
    if as_json:
        for run in found:
            print_json(as_fields(run))
        return
    console = Console()
    shown = FittedTable(console, COLUMNS)
    for run in found:
        shown.add(str(run.id), moment(run.started_at), run.state, _files(run), _over(run.paths))
    console.print(shown.table if found else "No runs yet: `tonearm analyze FOLDER` makes the first.")


@runs.command(short_help="Take no more of a run's files.")
@number
@data_option
def pause(run: int, data: str | None) -> None:
    """Take no more of a run's files; those that run are finished."""
    with library(data) as opened:
        retried(lambda: opened.runs.pause(run))
    click.echo(f"Run {run} is paused; `tonearm runs resume {run}` lets it go on.")


@runs.command()
@number
@data_option
def resume(run: int, data: str | None) -> None:
    """Let a paused run go on."""
    with library(data) as opened:
        retried(lambda: opened.runs.resume(run))
        working = is_analysing(opened)
    go_on = "" if working else " Nobody is at work now: `tonearm analyze` works on it."
    click.echo(f"Run {run} goes on.{go_on}")


@runs.command(short_help="End a run before all of its files are analysed.")
@number
@data_option
def cancel(run: int, data: str | None) -> None:
    """End a run: what waits is cancelled, what runs is given up; results stay."""
    with library(data) as opened:
        waited = retried(lambda: opened.runs.cancel(run))
        in_hand = opened.runs.counts(run).pending
        paths = opened.runs.paths_to_analyse_again(run)
    given_up = f", {in_hand:,} in hand {'is' if in_hand == 1 else 'are'} given up" if in_hand else ""
    click.echo(
        f"Run {run} is cancelled: {plural(waited, 'file')} that waited will not be analysed{given_up}."
    )
    if waited or in_hand:
        click.echo(f"To analyse its files after all: `tonearm analyze {shell_words(paths)}`.")


def _files(run: RunView) -> str:
    """How many files, what became of them, and which runs continued those that were left."""
    parts = [f"{getattr(run.counts, part):,} {part}" for part in PARTS if getattr(run.counts, part)]
    parts += [f"{files:,} handed over to run {later}" for later, files in run.handed_over.items()]
    return f"{run.counts.discovered:,}" + (f": {', '.join(parts)}" if parts else "")


def _over(paths: Sequence[bytes]) -> PathCell:
    """What a run was called with."""
    if not paths:
        return PathCell("what was left")
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return PathCell(printable(paths[0]) + more)


def as_fields(run: RunView) -> dict[str, Any]:
    """A run as JSON fields."""
    return {
        "run": run.id,
        **paths_fields(run.paths),
        "state": run.state,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        **dataclasses.asdict(run.counts),
        "handed_over": [{"run": later, "files": files} for later, files in run.handed_over.items()],
    }
