"""The name of an event, as the JSON stream and the log show it."""

import re

from tonearm.events.event import Event
from tonearm.events.facts import Remote

_names: dict[str, str] = {}


def event_name(event: Event) -> str:
    """``JobFinished`` is ``job_finished``; the same event of another worker is ``remote_job_finished``."""
    if isinstance(event, Remote):
        return f"remote_{event_name(event.fact)}"
    kind = type(event).__name__
    return _names.get(kind) or _names.setdefault(kind, re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower())
