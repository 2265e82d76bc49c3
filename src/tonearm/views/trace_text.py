"""Tells the steps of a file's trace in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from tonearm.names import printable
from tonearm.views.formatting import duration


def step_texts(what: str, fields: Mapping[str, Any]) -> Iterator[str]:
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
                f"after {seconds_text(fields['queue_wait_s'])} in the queue"
            )
        case "ended":
            yield from _ended(fields)
        case "stored":
            versions = ", ".join(f"{name} {version}" for name, version in fields["analysers"].items())
            yield f"results stored: {versions}"
            yield f"of {seconds_text(fields['decoded_s'] or 0.0)} of {fields['codec']}, audio {fields['audio_hash']}"
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
    stages = [f"{name} {seconds_text(seconds)}" for name, seconds in fields["stages"].items()]
    if stages:
        yield ", ".join(stages)


def _times(fields: Mapping[str, Any]) -> str:
    run_s, store_s = fields["run_s"], fields["store_s"]
    stored = f", {seconds_text(store_s)} until it was stored" if store_s is not None else ""
    return "" if run_s is None else f": {seconds_text(run_s)} in a child{stored}"


def _why(what: str, fields: Mapping[str, Any]) -> Iterator[str]:
    """How a job ended or what it waits for, or another change of the file."""
    code = f" [{fields['code']}]" if fields.get("code") else ""
    told = {"due": "another attempt is due"}.get(what, what)
    yield f"{told}: {fields['reason']}{code}" if fields.get("reason") else told
    if fields.get("advice"):
        yield str(fields["advice"])


def seconds_text(seconds: float) -> str:
    """``3 ms``, ``1.2 s`` or ``3:07``."""
    if seconds >= 100:
        return duration(seconds)
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
