"""``tonearm trace``: what happened to a file, from the scan to the stored results."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.opened import library, place_of
from tonearm.cli.options import PATH, data_option, json_option, print_json
from tonearm.cli.terminal import is_terminal, say, styled, terminal_width, wrapped, write_line
from tonearm.errors import NotFound
from tonearm.names import printable
from tonearm.views.file_trace import FileTrace, Step
from tonearm.views.formatting import duration

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
    first, *more = _texts(step.what, step.fields)
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


def _texts(what: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a step. Control characters are escaped: names and reasons may come from a file."""
    for text in _lines(what, fields):
        yield printable(text)


def _lines(what: str, fields: Mapping[str, Any]) -> Iterator[str]:
    match what:
        case "found":
            yield f"found by the scan: {fields['size']:,} bytes, {fields['extension'] or 'no ending'}"
        case "changed":
            yield f"changed: {fields['size']:,} bytes, before {fields['was']:,}"
        case "moved":
            yield f"moved from {fields['from']}"
        case "retried":
            yield f"queued again by a person; it was {fields['was']}"
        case "queued":
            by = "by the rules" if fields["priority_by"] == "rules" else "by a person"
            yield f"queued as job {fields['job']} of run {fields['run']}, priority {fields['priority']} ({by})"
            yield f"correlation id {fields['correlation_id']}"
        case "published":
            yield "its message was sent to RabbitMQ"
        case "taken":
            host = f" on {fields['host']}" if fields["host"] else ""
            yield (
                f"attempt {fields['attempt']} taken by {fields['worker']}{host}, "
                f"after {_seconds(fields['queue_wait_s'])} in the queue"
            )
        case "ended":
            yield from _ended(fields)
        case "stored":
            versions = ", ".join(f"{name} {version}" for name, version in fields["analysers"].items())
            yield f"results stored: {versions}"
            yield f"of {_seconds(fields['decoded_s'] or 0.0)} of {fields['codec']}, audio {fields['audio_hash']}"
        case "running":
            yield f"attempt {fields['attempt']} runs on {fields['worker']}: {fields['stage']}"
        case "waiting":
            yield "waits for a worker"
        case _:
            yield from _why(what, fields)


def _ended(fields: Mapping[str, Any]) -> Iterator[str]:
    code = f" [{fields['code']}]" if fields["code"] else ""
    charged = "" if fields["charged"] else ", not charged"
    yield f"attempt {fields['attempt']} {fields['outcome']}{code}{charged}{_times(fields)}"
    stages = [f"{name} {_seconds(seconds)}" for name, seconds in fields["stages"].items()]
    if stages:
        yield ", ".join(stages)


def _times(fields: Mapping[str, Any]) -> str:
    run_s, store_s = fields["run_s"], fields["store_s"]
    stored = f", {_seconds(store_s)} until it was stored" if store_s is not None else ""
    return "" if run_s is None else f": {_seconds(run_s)} in a child{stored}"


def _why(what: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """How a job ended or what it waits for, or another change of the file."""
    code = f" [{fields['code']}]" if fields.get("code") else ""
    told = {"due": "another attempt is due"}.get(what, what)
    yield f"{told}: {fields['reason']}{code}" if fields.get("reason") else told
    if fields.get("advice"):
        yield str(fields["advice"])


def _seconds(seconds: float) -> str:
    if seconds >= 100:
        return duration(seconds)
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
