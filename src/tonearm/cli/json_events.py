"""Events for programs: one JSON object a line."""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any

from tonearm.cli.options import print_json
from tonearm.events.event import Event, shown_fields
from tonearm.events.event_name import event_name
from tonearm.events.facts import Remote
from tonearm.events.job_ref import JobRef
from tonearm.names import path_fields


def as_json(event: Event) -> dict[str, Any]:
    """An event as plain values, with the fields of its job beside its own.

    A path that is not UTF-8 has its bytes in a second field, ``…_b64``.
    """
    return {"event": event_name(event)} | _fields(event.fact if isinstance(event, Remote) else event)


def _fields(value: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name in shown_fields(value):
        inner = getattr(value, name)
        if isinstance(inner, bytes):
            fields |= path_fields(inner, name)
        elif isinstance(inner, JobRef):
            fields |= _fields(inner)
        else:
            fields[name] = _plain(inner)
    return fields


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _fields(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def show_json(event: Event) -> None:
    """Print an event at once."""
    print_json(as_json(event))
    sys.stdout.flush()
