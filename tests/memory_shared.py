"""What instances of the service share, in memory, for tests without Redis."""

import time
from collections.abc import Sequence

from tonearm.errors import ServiceUnavailable
from tonearm.progress.service_instances import LEAD_S, SharedEvent

KEPT = 300


class MemoryShared:
    """Keeps what Redis would keep. ``away``: whether it does not answer. is_full: whether it accepts no events."""

    def __init__(self) -> None:
        self.away = self.is_full = False
        self._number = 0
        self._events: list[SharedEvent] = []
        self._leader = ""
        self._leads_until = 0.0
        self._values: dict[str, bytes] = {}

    def lead(self, instance: str, for_s: float = LEAD_S) -> bool:
        self._answer()
        if self._leader in ("", instance) or time.monotonic() > self._leads_until:
            self._leader, self._leads_until = instance, time.monotonic() + for_s
        return self._leader == instance

    def append(self, data: str) -> SharedEvent:
        self._answer()
        if self.is_full:
            raise ServiceUnavailable("Redis accepts nothing")
        self._number += 1
        self._events.append(SharedEvent(f"{self._number}-0", data))
        del self._events[:-KEPT]
        return self._events[-1]

    def after(self, last_id: str) -> Sequence[SharedEvent] | None:
        self._answer()
        ids = [event.id for event in self._events]
        return self._events[ids.index(last_id) + 1 :] if last_id in ids else None

    def newest(self) -> SharedEvent | None:
        self._answer()
        return self._events[-1] if self._events else None

    def get(self, name: str) -> bytes | None:
        self._answer()
        return self._values.get(name)

    def put(self, name: str, value: bytes, for_s: float) -> None:  # noqa: ARG002  nothing expires here
        self._answer()
        self._values[name] = value

    def flush(self) -> None:
        """Lose everything, as a flushed Redis does; later ids still follow the earlier ones."""
        self._events.clear()
        self._values.clear()
        self._leader = ""

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self) -> None:
        if self.away:
            raise ServiceUnavailable("Redis does not answer")
