"""What the instances of the HTTP service share: one stream of events, and what one of them has counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LEAD_S = 5.0
"""For how long an instance leads unless it asks again."""


@dataclass(frozen=True, slots=True)
class SharedEvent:
    """An event of the stream. id: unique, and later ones follow."""

    id: str
    data: str


class Shared(Protocol):
    """A place that all instances reach. It may lose everything at any moment.

    Every method returns within about two seconds, or raises ServiceUnavailable.
    """

    def lead(self, instance: str, for_s: float = LEAD_S) -> bool:
        """Whether this instance appends the events, for ``for_s`` seconds from now."""

    def append(self, data: str) -> SharedEvent:
        """Append an event; the oldest ones are removed where there are too many."""

    def after(self, last_id: str) -> Sequence[SharedEvent] | None:
        """The events after one, in order; ``None`` where that one is no longer held."""

    def newest(self) -> SharedEvent | None:
        """The event that was appended last."""

    def get(self, name: str) -> bytes | None:
        """What is kept under a name."""

    def put(self, name: str, value: bytes, for_s: float) -> None:
        """Keep something for some seconds."""

    def close(self) -> None:
        """Close every connection."""
