"""A thread of its own keeps looking at the live view, so that whoever wants to know does not wait for it."""

import threading
import time

from tonearm.errors import ServiceAway
from tonearm.progress.port import HELD_S, Progress, RunningFile

EVERY_S = 1.0
LONGEST_PAUSE_S = 5.0


class ProgressPoller:
    """What all workers have in hand, as it was seen a moment ago."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._seen: tuple[RunningFile, ...] = ()
        self._seen_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Look about once a second until stopped; a live view that is away is looked at now and then."""
        pause_s = 0.0
        while not stop.wait(pause_s):
            try:
                seen = self._progress.running()
            except ServiceAway:
                pause_s = min(LONGEST_PAUSE_S, max(EVERY_S, pause_s * 2))
                continue
            self._seen_at, self._seen = time.monotonic(), seen
            pause_s = EVERY_S

    def running(self) -> tuple[RunningFile, ...]:
        """What was seen last, unless that is too long ago to be believed. Returns at once."""
        return self._seen if time.monotonic() - self._seen_at < HELD_S else ()
