"""The base class of facts, and the types of what announces and what receives them.

It is apart from the facts, so that naming these types loads none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass

NOT_SHOWN = {"shown": False}
"""Metadata of a field that is not for people or programs that follow a run, such as the ids of thousands of traces."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Paths are the exact bytes, times are seconds."""


Announce = Callable[[Event], None]
"""Announces an event to all subscribers. Returns at once and never raises."""

Subscriber = Callable[[Event], None]
"""Called with every event, by the bus. It may raise an error, and may be slow where it has a queue."""
