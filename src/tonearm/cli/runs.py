"""``tonearm runs``: one call over many files as one thing, to look at, pause, resume and cancel."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from tonearm.cli.formatting import moment, plural
from tonearm.cli.options import AsJson, Data, Limit, is_analysing, library, print_json, retried
from tonearm.cli.plain_progress import PARTS
from tonearm.cli.tables import Column, FittedTable, PathCell
from tonearm.jobs.runs import RunCounts, RunView
from tonearm.names import paths_fields, printable

app = typer.Typer(invoke_without_command=True, help="List runs; pause, resume or cancel one.")
COLUMNS = (
    Column("run", 3),
    Column("started", 19, rank=1),
    Column("state", 9),
    Column("files", 16, wraps=True),
    Column("paths", 16, wraps=True),
)
Number = Annotated[int, typer.Argument(metavar="RUN", help="The number of a run.")]


@app.callback()
def runs(context: typer.Context, data: Data = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """List runs, the newest first; pause, resume or cancel one."""
    if context.invoked_subcommand is not None:
        return
    with library(data) as opened:
        found = opened.runs.every(limit)
    if as_json:
        for run in found:
            print_json(as_fields(run))
        return
    console = Console()
    shown = FittedTable(console, COLUMNS)
    for run in found:
        shown.add(str(run.id), moment(run.started_at), run.state, _files(run.counts), _over(run.paths))
    console.print(shown.table if found else "No runs yet: `tonearm analyze FOLDER` makes the first.")


@app.command()
def pause(run: Number, data: Data = None) -> None:
    """Take no more of a run's files; those that run are finished."""
    with library(data) as opened:
        retried(lambda: opened.runs.pause(run))
    typer.echo(f"Run {run} is paused; `tonearm runs resume {run}` lets it go on.")


@app.command()
def resume(run: Number, data: Data = None) -> None:
    """Let a paused run go on."""
    with library(data) as opened:
        retried(lambda: opened.runs.resume(run))
        working = is_analysing(opened)
    go_on = "" if working else " Nobody is at work now: `tonearm analyze` works on it."
    typer.echo(f"Run {run} goes on.{go_on}")


@app.command()
def cancel(run: Number, data: Data = None) -> None:
    """End a run: what waits is cancelled, what runs is given up; results stay."""
    with library(data) as opened:
        waited = retried(lambda: opened.runs.cancel(run))
        in_hand = opened.runs.counts(run).pending
    given_up = f", {in_hand:,} in hand {'is' if in_hand == 1 else 'are'} given up" if in_hand else ""
    typer.echo(
        f"Run {run} is cancelled: {plural(waited, 'file')} that waited will not be analysed{given_up}."
    )


def _files(counts: RunCounts) -> str:
    """How many files, and what became of them."""
    parts = [f"{getattr(counts, part):,} {part}" for part in PARTS if getattr(counts, part)]
    return f"{counts.discovered:,}" + (f": {', '.join(parts)}" if parts else "")


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
    }
