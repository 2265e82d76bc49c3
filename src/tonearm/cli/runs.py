"""``tonearm runs``: lists runs; pauses, resumes and cancels them."""

import dataclasses
from collections.abc import Sequence

import click

from tonearm.cli.audit_note import noted
from tonearm.cli.opened import is_analysing, library, retried
from tonearm.cli.options import WholeNumber, data_option, json_option, limit_option, print_json
from tonearm.cli.plain_progress import PARTS
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say
from tonearm.events.states import RunState
from tonearm.names import printable
from tonearm.views.formatting import moment, outlook_text, plural, shell_words
from tonearm.views.liveness import read_liveness
from tonearm.views.outlook import with_outlooks
from tonearm.views.runs import RunView

COLUMNS = (
    Column("run", right=True),
    Column("started", rank=3),
    Column("state"),
    Column("files", right=True),
    Column("ended as", rank=2, least=16),
    Column("left", rank=1, least=16),
    Column("paths", least=12, path=True),
)
number = click.argument("run", metavar="RUN", type=WholeNumber())


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
        found = with_outlooks(
            opened.database, alive, [alive.run(run) for run in opened.run_list.latest(limit)]
        )
    if as_json:
        for run in found:
            print_json(run.to_json())
        return
    with Listing(COLUMNS, "No runs yet: `tonearm analyze FOLDER` makes the first.") as listing:
        for run in found:
            listing.add(
                str(run.id),
                moment(run.started_at),
                run.state,
                f"{run.counts.discovered:,}",
                _endings(run),
                "" if run.outlook is None else outlook_text(run.outlook),
                _over(run.paths),
            )


@runs.command(short_help="Take no more of a run's files.")
@number
@data_option
@json_option
def pause(run: int, data: str | None, as_json: bool) -> None:
    """Take no more of a run's files; the files that are being analysed are finished."""
    with library(data) as opened:
        retried(lambda: opened.runs.pause(run))
        noted(opened, "pause a run", {"run": run})
    if as_json:
        print_json({"run": run, "state": RunState.PAUSED})
        return
    say(f"Run {run} is paused; `tonearm runs resume {run}` continues it.")


@runs.command()
@number
@data_option
@json_option
def resume(run: int, data: str | None, as_json: bool) -> None:
    """Continue a paused run."""
    with library(data) as opened:
        retried(lambda: opened.runs.resume(run))
        noted(opened, "resume a run", {"run": run})
        working = is_analysing(opened)
    if as_json:
        print_json({"run": run, "state": RunState.RUNNING, "worked_on": working})
        return
    how = "" if working else " No process is analysing now: `tonearm analyze` works on it."
    say(f"Run {run} continues.{how}")


@runs.command(short_help="End a run before all of its files are analysed.")
@number
@data_option
@json_option
def cancel(run: int, data: str | None, as_json: bool) -> None:
    """End a run: its waiting files are not analysed, those that are being analysed are given up; results stay."""
    with library(data) as opened:
        waited = retried(lambda: opened.runs.cancel(run))
        noted(opened, "cancel a run", {"run": run}, waited)
        running = opened.runs.running_jobs(run)
        if not is_analysing(opened):  # their process has ended: nobody gives them up
            waited, running = waited + running, 0
        paths = opened.runs.paths_to_analyse_again(run)
    if as_json:
        print_json({"run": run, "state": RunState.CANCELLED, "cancelled": waited, "given_up": running})
        return
    are = "is" if running == 1 else "are"
    given_up = f", {running:,} that {are} being analysed {are} given up" if running else ""
    say(f"Run {run} is cancelled: {plural(waited, 'waiting file')} will not be analysed{given_up}.")
    if waited or running:
        say(f"To analyse its files after all: `tonearm analyze {shell_words(paths)}`.")


def _endings(run: RunView) -> str:
    """The counts of the files by outcome, and the runs that continued those that were left."""
    counts = dataclasses.replace(run.counts, skipped=run.counts.skipped - sum(run.handed_over.values()))
    parts = [f"{getattr(counts, part):,} {part}" for part in PARTS if getattr(counts, part)]
    parts += [f"{files:,} handed over to run {later}" for later, files in run.handed_over.items()]
    parts += [f"{plural(run.unread.count, 'path')} not read"] if run.unread.count else []
    return ", ".join(parts)


def _over(paths: Sequence[bytes]) -> str:
    """The paths that a run was called with."""
    if not paths:
        return "what was left"
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return printable(paths[0]) + more
