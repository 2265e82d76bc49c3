"""What takes long to count is counted once for each revision of the library, and shared by the instances."""

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tonearm.errors import ServiceUnavailable
from tonearm.progress.service_instances import Shared

LOOK_S = 2.0
"""Seconds for which a number is shown without a look at the revision."""
PAUSE_FACTOR = 10.0
"""The same as a multiple of how long counting took, where that is longer: it takes a tenth of the time at most."""
LONGEST_S = 60.0
"""Seconds after which something is counted again even if no change was seen."""
KEPT = 500


@dataclass(frozen=True, slots=True)
class _Value:
    revision: str
    counted_at: float
    shown_until: float
    value: Any


class Counted:
    """Remembers what was counted, here and, where instances share a place, there."""

    def __init__(
        self,
        revision: Callable[[], str],
        shared: Shared | None,
        seen: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``revision``: reads the library's. seen: told of each call whether it was a hit: here, shared, or a miss."""
        self._read_revision = revision
        self._shared = shared
        self._seen = seen
        self._clock = clock
        self._lock = threading.Lock()
        self._revision = ""
        self._looked_at = float("-inf")
        self._values: OrderedDict[str, _Value] = OrderedDict()
        self._counting: dict[str, threading.Lock] = {}

    def get(self, name: str, count: Callable[[], Any]) -> Any:
        """What ``count`` gives for the library as it is, or was ``LOOK_S`` ago: a JSON value. name: what is counted.

        Raises:
            StorageError: it has to be counted, and the database can't be asked.
        """
        with self._lock:
            one_at_a_time = self._counting.setdefault(name, threading.Lock())
        with one_at_a_time:  # so that many who ask cause one count
            try:
                return self._get(name, count)
            finally:
                with self._lock:
                    if len(self._counting) > KEPT:
                        self._counting.clear()

    def _get(self, name: str, count: Callable[[], Any]) -> Any:
        now = self._clock()
        known = self._values.get(name)
        if known is not None and now < known.shown_until:
            self._seen("here")
            return known.value
        revision = self._known_revision(now)
        if known is not None and known.revision == revision and now - known.counted_at < LONGEST_S:
            self._seen("here")
            return known.value
        key = hashlib.sha256(f"{revision}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()
        if (text := self._of_others(key)) is not None:
            self._seen("shared")
            value, took = json.loads(text), 0.0
        else:
            self._seen("miss")
            value = count()
            took = self._clock() - now
            self._tell_others(key, json.dumps(value).encode())
        with self._lock:
            self._values[name] = _Value(revision, now, now + max(LOOK_S, PAUSE_FACTOR * took), value)
            self._values.move_to_end(name)
            while len(self._values) > KEPT:
                self._values.popitem(last=False)
        return value

    def _known_revision(self, now: float) -> str:
        if now - self._looked_at >= LOOK_S:
            self._revision = self._read_revision()
            self._looked_at = now
        return self._revision

    def _of_others(self, key: str) -> bytes | None:
        if self._shared is None:
            return None
        try:
            return self._shared.get(key)
        except ServiceUnavailable:
            return None

    def _tell_others(self, key: str, text: bytes) -> None:
        if self._shared is not None:
            try:
                self._shared.put(key, text, LONGEST_S)
            except ServiceUnavailable:
                return
