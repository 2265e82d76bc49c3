"""What every fact is, and what takes one. Kept apart from the facts, so that naming the types loads none of them."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. Paths are the exact bytes, times are seconds."""


Announce = Callable[[Event], None]
"""Takes an event and returns at once; never raises."""
