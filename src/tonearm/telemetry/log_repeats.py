"""Keeps libraries from repeating themselves: while a server is away, its driver logs the same at every attempt."""

import logging
import time
from collections.abc import Callable

AGAIN_S = 60.0
MOST_KINDS = 500
"""Messages that are remembered; when there are more, all are forgotten."""


class Repeats(logging.Filter):
    """Lets the same warning of a library pass once in ``AGAIN_S``, with the number of those in between.

    Messages are the same when their texts before values are put in are. Those of this program and those below warnings
    always pass.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._passed: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be written; its number of repetitions is set as ``repeated``."""
        if record.name.startswith("tonearm") or record.levelno < logging.WARNING:
            return True
        now = self._clock()
        kind = (record.name, record.levelno, str(record.msg)[:200])
        passed_at, repeated = self._passed.get(kind, (-AGAIN_S, 0))
        if now - passed_at < AGAIN_S:
            self._passed[kind] = (passed_at, repeated + 1)
            return False
        if len(self._passed) >= MOST_KINDS:
            self._passed.clear()
        self._passed[kind] = (now, 0)
        record.repeated = repeated
        return True
