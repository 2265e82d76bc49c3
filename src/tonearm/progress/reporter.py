"""Reports the work of this process to the shared live view. No job waits for it.

One thread, about twice a second, in this order:

1. report the running files, when they changed or were not reported for a while;
2. send the notices of what happened meanwhile;
3. when this process is the leader: count the library and post the snapshot.

Everything is repeated every few seconds, so that a live view which lost its data is complete again within seconds.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from tonearm.errors import ServiceUnavailable, StorageError
from tonearm.events.event import Announce, Event
from tonearm.events.facts import Warned
from tonearm.events.states import Severity, WarningCode
from tonearm.progress.live import LiveView
from tonearm.progress.notices import Outgoing, notice_of
from tonearm.progress.port import LEAD_S, SNAPSHOT_VALID_S, Progress, RunningFile, Snapshot
from tonearm.resilience.backoff import Backoff, Rounds

ROUND_S = 0.5
REPEAT_S = 5.0
LONGEST_PAUSE_S = 5.0
PATIENCE_S = 3.0
"""How long the live view may be unavailable before a warning is announced."""
COUNT_S = 1.0
PAUSE_FACTOR = 20.0
"""The pause after counting, as a multiple of how long counting took: at most 5 % of the time is spent on it."""


class Reporter:
    """A subscriber for the events of this process, and the body of the thread that reports them."""

    def __init__(
        self,
        progress: Progress,
        take_snapshot: Callable[[], Snapshot],
        view: LiveView,
        worker: str,
        announce: Announce,
    ) -> None:
        """``view``: gets each event before this subscriber does; files of other workers in it are not reported.

        take_snapshot: counts the library; may raise StorageError.
        worker: the name by which this process takes jobs. announce: called in the reporter's own thread.
        """
        self._progress = progress
        self._view = view
        self._worker = worker
        self._announce = announce
        self._outgoing = Outgoing()
        self._count = _Count(progress, take_snapshot, worker)
        self._reported: tuple[RunningFile, ...] | None = None
        self._report_at = 0.0
        self._failing_since: float | None = None
        self._unavailable = False

    def __call__(self, event: Event) -> None:
        """Queue the notice of an event, if it has one, and return at once."""
        message = notice_of(event)
        if message is not None:
            self._outgoing.add(message)

    @property
    def dropped(self) -> int:
        """Number of notices that were dropped, because the live view was not available or too slow."""
        return self._outgoing.dropped

    def run(self, stop: threading.Event) -> None:
        """Report until stopped, then leave; while the live view is unavailable, try again after longer pauses."""
        rounds = Rounds(Backoff(2 * ROUND_S, LONGEST_PAUSE_S, least=0.5), stop.wait)
        for _ in rounds:
            if self.report():
                rounds.succeeded(ROUND_S)
        try:
            self._progress.leave(self._worker)
        except ServiceUnavailable:
            return  # what was reported expires by itself

    def report(self) -> bool:
        """Report once; returns whether that succeeded."""
        try:
            self._send()
            self._count.turn()
        except ServiceUnavailable as error:
            self._failed(str(error))
            return False
        self._succeeded()
        return True

    def _send(self) -> None:
        files = self._running_files()
        now = time.monotonic()
        same = tuple(replace(file, since_s=0.0) for file in files)
        if same != self._reported or now >= self._report_at:
            self._progress.report(self._worker, files)
            self._reported, self._report_at = same, now + REPEAT_S
        messages = self._outgoing.collect()
        if messages:
            self._progress.announce(self._worker, messages)

    def _running_files(self) -> tuple[RunningFile, ...]:
        now = time.monotonic()
        running = self._view.running.copy()  # atomic, while another thread changes it
        return tuple(
            RunningFile(
                worker=self._worker,
                job=job,
                run=file.job.run,
                path=file.job.path,
                extension=file.job.extension,
                size=file.job.size,
                stage=file.stage,
                fraction=file.fraction,
                attempt=file.job.attempt,
                since_s=now - file.since,
            )
            for job, file in running.items()
            if not file.remote
        )

    def _failed(self, reason: str) -> None:
        now = time.monotonic()
        self._reported = None
        self._outgoing.drop()
        if self._failing_since is None:
            self._failing_since = now
        if not self._unavailable and now - self._failing_since >= PATIENCE_S:
            self._unavailable = True
            text = f"the live view is not updated; everything else goes on: {reason}"
            self._announce(Warned(WarningCode.LIVE_VIEW_UNAVAILABLE, text))

    def _succeeded(self) -> None:
        self._failing_since = None
        if self._unavailable:
            self._unavailable = False
            text = "the live view is updated again"
            self._announce(Warned(WarningCode.LIVE_VIEW_AVAILABLE, text, severity=Severity.INFO))


class _Count:
    """Counts the library while this process is the leader."""

    def __init__(self, progress: Progress, take_snapshot: Callable[[], Snapshot], worker: str) -> None:
        self._progress = progress
        self._take_snapshot = take_snapshot
        self._worker = worker
        self._look_at = 0.0
        self._count_at = 0.0
        self._took_s = 0.0
        self._failed_s = 0.0
        self._snapshot: Snapshot | None = None
        self._post_at = 0.0

    def turn(self) -> None:
        """Count and post when that is due and this process leads. Raises ServiceUnavailable for the live view only."""
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
            self._progress.post(self._snapshot, SNAPSHOT_VALID_S + 2 * self._took_s)
            self._post_at = time.monotonic() + REPEAT_S

    def _take(self) -> None:
        began = time.monotonic()
        try:
            self._snapshot = self._take_snapshot()
        except StorageError:  # reported by what needs the database
            took_s = time.monotonic() - began
            self._failed_s = min(max(COUNT_S, PAUSE_FACTOR * took_s), max(COUNT_S, self._failed_s * 2))
            self._count_at = time.monotonic() + self._failed_s
            return
        ended = time.monotonic()
        self._took_s, self._failed_s, self._post_at = ended - began, 0.0, 0.0
        self._count_at = ended + max(COUNT_S, PAUSE_FACTOR * self._took_s)
