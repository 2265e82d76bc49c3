"""The base class of facts, and the types of what announces and what receives them.

It is apart from the facts, so that naming these types loads none of them.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

NOT_SHOWN = {"shown": False}
"""Metadata of a field that is not for people or programs that follow a run, such as the ids of thousands of traces."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Paths are the exact bytes, times are seconds."""


def shown_fields(part: object) -> tuple[str, ...]:
    """The names of the fields of a fact, or of a part of one, that are for people and programs that follow a run."""
    kind: Any = type(part)
    return _shown_fields(kind)


@functools.cache
def _shown_fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.metadata.get("shown", True))


Announce = Callable[[Event], None]
"""Announces an event to all subscribers. Returns at once and never raises."""

Subscriber = Callable[[Event], None]
"""Called with every event, by the bus. It may raise an error, and may be slow where it has a queue."""
