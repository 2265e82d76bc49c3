"""``tonearm trace``: what happened to a file, from the scan to the stored results."""

import re
import time

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.opened import library, place_of
from tonearm.cli.options import PATH, data_option, json_option, print_json
from tonearm.cli.terminal import is_terminal, say, styled, terminal_width, wrapped, write_line
from tonearm.errors import NotFound
from tonearm.names import printable
from tonearm.views.file_trace import FileTrace, Step
from tonearm.views.trace_text import step_texts

_STYLES = {"done": "green", "partial": "yellow", "quarantined": "red", "due": "yellow", "running": "bold"}
_TIME = len("2026-05-04 10:00:00.000") + 2


@click.command()
@click.argument("what", metavar="ID|PATH", type=PATH)
@data_option
@json_option
def trace(what: str, data: str | None, as_json: bool) -> None:
    """Show what happened to a file, from the scan to the stored results.

    ID is the id of a job, or a correlation id as log lines and events have it. With a PATH all jobs of the file
    are shown.
    """
    with library(data) as app:
        found = _trace_of(app, what)
        has_broker = app.settings.rabbitmq_url is not None
        has_graph = app.settings.neo4j_url is not None
    if as_json:
        print_json(found.to_json())
        return
    say(f"{printable(found.path)}: {found.state}", "bold")
    for step in found.steps:
        if has_broker or step.what != "published":
            _print_step(step)
    if has_graph and found.graph_due_at is None:
        _print_line("", "the graph has it")
    elif has_graph:
        _print_line(
            _moment(found.graph_due_at or 0.0), "changed; the graph does not have this change yet", "yellow"
        )


def _trace_of(app: Library, what: str) -> FileTrace:
    """The trace that a person asks for. Raises NotFound."""
    if re.fullmatch(r"\d{1,18}", what):
        found = app.file_traces.of_job(int(what))
        missing = f"there is no job {what}; for a file of this name write ./{what}"
    elif re.fullmatch(r"[0-9a-f]{32}", what):
        found = app.file_traces.of_correlation_id(what)
        run = None if found is not None else app.file_traces.run_of(what)
        missing = f"no job has the correlation id {what}"
        if run is not None:
            missing = (
                f"{what} is the correlation id of run {run}; `tonearm jobs --run {run} --all` lists its jobs"
            )
    else:
        place = place_of(app, what)
        found = app.file_traces.of_place(place) if place is not None else None
        missing = f"{printable(what)}: not a file of the library; `tonearm jobs PATH --all` lists the jobs of a folder"
    if found is None:
        raise NotFound(missing)
    return found


def _print_step(step: Step) -> None:
    first, *more = step_texts(step.what, step.fields)
    _print_line(_moment(step.at), first, _STYLES.get(step.what, ""))
    for text in more:
        _print_line("", text, "dim")


def _print_line(at: str, text: str, style: str = "") -> None:
    width = terminal_width() - _TIME
    texts = list(wrapped(text, width)) if is_terminal() else [text]
    for number, part in enumerate(texts):
        write_line(styled((at if number == 0 else "").ljust(_TIME), "dim") + styled(part, style))


def _moment(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) + f".{int(at % 1 * 1000):03}"
