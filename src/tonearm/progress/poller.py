"""Reads the shared live view in a thread of its own, so that no job waits for it."""

import threading
import time

from tonearm.errors import ServiceUnavailable
from tonearm.progress.port import REPORT_VALID_S, Progress, RunningFile
from tonearm.resilience.backoff import Backoff, Rounds

EVERY_S = 1.0
LONGEST_PAUSE_S = 5.0


class ProgressPoller:
    """The running files of all workers, as they were read last."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seen: tuple[RunningFile, ...] = ()
        self._seen_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Read about once a second until stopped, less often while the live view is unavailable."""
        rounds = Rounds(Backoff(EVERY_S, LONGEST_PAUSE_S, least=0.5), stop.wait)
        for _ in rounds:
            try:
                seen = self._progress.running()
            except ServiceUnavailable:
                continue
            self._seen_at, self._seen = time.monotonic(), seen
            rounds.succeeded(EVERY_S)

    def running(self) -> tuple[RunningFile, ...]:
        """What was read last, unless that is older than ``REPORT_VALID_S``. Returns at once."""
        return self._seen if time.monotonic() - self._seen_at < REPORT_VALID_S else ()
