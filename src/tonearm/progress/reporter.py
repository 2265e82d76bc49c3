"""Tells the live view what this process does. The pipeline never waits for it.

One thread, about twice a second, in this order:

1. say what is in hand, when it changed or was not said for a while;
2. pass on what happened meanwhile;
3. when this is the one process of all that leads: count the library and post that.

Everything is said again every few seconds, so a live view that forgot everything soon knows it again.
"""

import threading
import time
from dataclasses import replace

from tonearm.errors import ServiceAway, StorageError
from tonearm.events.facts import Announce, Event, StageReached, Warned
from tonearm.library.database import Database
from tonearm.progress.live import LiveView
from tonearm.progress.notices import Outgoing, notice_of
from tonearm.progress.port import KEPT_S, LEAD_S, Progress, RunningFile, Snapshot
from tonearm.progress.snapshots import take_snapshot

ROUND_S = 0.5
REPEAT_S = 5.0
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 3.0
"""A live view that is away for less is not worth a word."""
COUNT_S = 1.0
SPARING = 20.0
"""After counting comes a pause of so many times what it took: at most 5 % of the time goes into it."""


class Reporter:
    """A subscriber for events of this process, and the body of the thread that tells of them."""

    def __init__(
        self, progress: Progress, database: Database, view: LiveView, worker: str, announce: Announce
    ) -> None:
        """``view`` is fed before this is; what it shows of other workers is left to them.

        worker: the name by which this process takes jobs. announce: called in the reporter's own thread.
        """
        self._progress = progress
        self._view = view
        self._worker = worker
        self._announce = announce
        self._outgoing = Outgoing()
        self._count = _Count(progress, database, worker)
        self._said: tuple[RunningFile, ...] | None = None
        self._say_at = 0.0
        self._pause_s = ROUND_S
        self._away_since: float | None = None
        self._dim = False

    def __call__(self, event: Event) -> None:
        """Take note of an event and return at once."""
        if isinstance(event, StageReached):
            file = self._view.running.get(event.job)
            if file is None or file.worker:
                return
        message = notice_of(event)
        if message is not None:
            self._outgoing.add(message)

    def run(self, stop: threading.Event) -> None:
        """Report until stopped, then leave; a live view that is away is tried again now and then."""
        while not stop.wait(self._pause_s):
            self.report()
        try:
            self._progress.leave(self._worker)
        except ServiceAway:
            return  # it forgets by itself

    def report(self) -> None:
        """One round."""
        try:
            self._tell()
            self._count.turn()
        except ServiceAway as error:
            self._went(str(error))
        else:
            self._came()

    def _tell(self) -> None:
        files = self._in_hand()
        now = time.monotonic()
        same = tuple(replace(file, since_s=0.0) for file in files)
        if same != self._said or now >= self._say_at:
            self._progress.report(self._worker, files)
            self._said, self._say_at = same, now + REPEAT_S
        messages = self._outgoing.collect()
        if messages:
            self._progress.announce(self._worker, messages)

    def _in_hand(self) -> tuple[RunningFile, ...]:
        now = time.monotonic()
        running = self._view.running.copy()  # in one piece, while another thread changes it
        return tuple(
            RunningFile(
                worker=self._worker,
                job=job,
                run=file.run,
                path=file.path,
                extension=file.extension,
                size=file.size,
                stage=file.stage,
                fraction=file.fraction,
                attempt=file.attempt,
                since_s=now - file.since,
            )
            for job, file in running.items()
            if not file.worker
        )

    def _went(self, reason: str) -> None:
        now = time.monotonic()
        self._said = None
        self._outgoing.drop()
        self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2)
        if self._away_since is None:
            self._away_since = now
        if not self._dim and now - self._away_since >= PATIENCE_S:
            self._dim = True
            self._announce(Warned(f"the live view is dim, all else goes on: {reason}"))

    def _came(self) -> None:
        self._pause_s, self._away_since = ROUND_S, None
        if self._dim:
            self._dim = False
            self._announce(Warned("the live view is back"))


class _Count:
    """Counts the library now and then, when no other process does."""

    def __init__(self, progress: Progress, database: Database, worker: str) -> None:
        self._progress = progress
        self._database = database
        self._worker = worker
        self._look_at = 0.0
        self._count_at = 0.0
        self._took_s = 0.0
        self._failed_s = 0.0
        self._snapshot: Snapshot | None = None
        self._post_at = 0.0

    def turn(self) -> None:
        """Count and post when that is due and this process's to do. Raises ServiceAway of the live view."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + COUNT_S
        if not self._progress.lead(self._worker, LEAD_S + 2 * self._took_s):
            self._snapshot = None
            return
        if now >= self._count_at:
            self._take()
        if self._snapshot is not None and time.monotonic() >= self._post_at:
            self._progress.post(self._snapshot, KEPT_S + 2 * self._took_s)
            self._post_at = time.monotonic() + REPEAT_S

    def _take(self) -> None:
        began = time.monotonic()
        try:
            self._snapshot = take_snapshot(self._database)
        except StorageError:  # whoever needs the database tells of it
            took_s = time.monotonic() - began
            self._failed_s = min(max(COUNT_S, SPARING * took_s), max(COUNT_S, self._failed_s * 2))
            self._count_at = time.monotonic() + self._failed_s
            return
        ended = time.monotonic()
        self._took_s, self._failed_s, self._post_at = ended - began, 0.0, 0.0
        self._count_at = ended + max(COUNT_S, SPARING * self._took_s)
