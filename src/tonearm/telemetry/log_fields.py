"""The fields of a log line, from what was logged: a fact, or a record of a library."""

import dataclasses
import logging
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tonearm.events.event import Event, shown_fields
from tonearm.events.event_name import event_name
from tonearm.events.facts import JobFinished, JobRetrying, JobReturned, JobTaken
from tonearm.events.job_ref import JobRef
from tonearm.names import printable
from tonearm.settings import without_passwords
from tonearm.telemetry.log_context import LogContext

COMMON = (
    "timestamp",
    "level",
    "service",
    "event",
    "correlation_id",
    "run",
    "job",
    "attempt",
    "worker",
    "duration_ms",
)
"""The fields that every line has, in this order; ``null`` where one does not apply."""

_NAMES = {
    "level": "priority",
    "pid": "child_pid",
    "service": "server",
    "seconds": "duration_ms",
    "elapsed_s": "duration_ms",
    "run_s": "duration_ms",
    "waited_s": "queue_wait_ms",
}
"""Fields of facts that have another name here, as those of the process keep theirs. Other durations get ``_ms``."""
_AUDIO = {"decoded_s"}
"""Seconds of audio, which are no duration of work."""
_JOB = tuple(field.name for field in dataclasses.fields(JobRef))
_WHICH_JOB = ("job", "run", "attempt", "correlation_id", "worker", "path")
_WIDE = (JobTaken, JobFinished, JobRetrying, JobReturned)
"""Facts whose lines have everything that is known of the job; the others say which job it is."""


def line_fields(record: logging.LogRecord) -> dict[str, Any]:
    """All fields of a line but the text of an exception."""
    context: LogContext = record.context  # type: ignore[attr-defined]  # set by LogHandler.emit
    fact: Event | None = getattr(record, "fact", None)
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    fields: dict[str, Any] = dict.fromkeys(COMMON)
    fields |= {
        "timestamp": at.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "service": context.service,
        "correlation_id": context.correlation_id,
        "run": context.run,
        "worker": context.worker,
        "logger": record.name,
        "host": context.host,
        "pid": context.pid,
    }
    if fact is None:
        fields["event"] = printable(without_passwords(record.getMessage()))
        repeated = getattr(record, "repeated", 0)
        return fields | {"repeated": repeated} if repeated else fields
    return fields | {"event": event_name(fact)} | _trace_fields(record) | fact_fields(fact)


def _trace_fields(record: logging.LogRecord) -> dict[str, str]:
    """The ids of the trace and the span of an attempt, where it is recorded."""
    ids: tuple[str, str] | None = getattr(record, "trace_ids", None)
    return {} if ids is None else {"trace_id": ids[0], "span_id": ids[1]}


def fact_fields(fact: Event) -> dict[str, Any]:
    """The fields of a fact, those of its job beside its own. Durations are in milliseconds, paths are escaped."""
    fields: dict[str, Any] = {}
    for own in shown_fields(fact):
        value = getattr(fact, own)
        if isinstance(value, JobRef):
            names = _JOB if isinstance(fact, _WIDE) else _WHICH_JOB
            fields |= {_name(name): _plain(name, getattr(value, name)) for name in names}
        elif own == "timings":
            fields["stages_ms"] = {printable(stage): _ms(seconds) for stage, seconds in value.items()}
        elif value is not None or not isinstance(fact, JobFinished | JobRetrying):
            fields[_name(own)] = _plain(own, value)
    return fields


def _name(name: str) -> str:
    if name in _NAMES:
        return _NAMES[name]
    return f"{name[:-2]}_ms" if _is_duration(name) else name


def _is_duration(name: str) -> bool:
    return name == "seconds" or (name.endswith("_s") and name not in _AUDIO)


def _ms(seconds: float) -> float | None:
    return round(seconds * 1000, 1) if math.isfinite(seconds) else None


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, bytes | str):
        return printable(value)
    if isinstance(value, float):
        if _is_duration(name):
            return _ms(value)
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {printable(str(key)): _plain("", inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, inner) for inner in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            _name(field.name): _plain(field.name, getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    return value
