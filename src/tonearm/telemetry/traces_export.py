"""Sends spans from a thread of its own, in batches. Those that do not fit or are not accepted are lost and counted."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tonearm.events.report import where
from tonearm.telemetry.traces_spans import SpanRecord

CLOSE_S = 1.0
"""How long the end of the process waits for the last spans to be sent."""
SHUTDOWN_S = 0.1
"""The part of it that is left for interrupting an exporter that waits."""


class SpanExporter(Protocol):
    """Sends spans. Called by one thread only, except ``interrupt``."""

    def export(self, spans: Sequence[SpanRecord]) -> str | None:
        """Send spans; returns why they were not accepted, or ``None``. May take as long as its time limit."""

    def interrupt(self) -> None:
        """Give up what is being sent and repeated; nothing is exported afterwards."""


@dataclass(frozen=True, slots=True)
class ExportPolicy:
    """How spans are batched, as ``OTEL_BSP_…`` says. room: number of spans that may wait."""

    room: int = 20_000
    batch: int = 512
    delay_s: float = 5.0


@dataclass(slots=True)
class SpanCounts:
    """What became of the spans of this process. dropped: not sent for lack of room or time. failed: not accepted."""

    exported: int = 0
    failed: int = 0
    dropped: int = 0

    @property
    def lost(self) -> int:
        """Spans that are missing from their traces."""
        return self.failed + self.dropped


class ExportThread:
    """A queue of spans that are still to be built, and the thread that builds and sends them."""

    def __init__(
        self, exporter: SpanExporter, policy: ExportPolicy, changed: Callable[[str | None], None]
    ) -> None:
        """``changed``: called with the reason when spans are lost for the first time, with ``None`` when sending works
        again.
        """
        self.counts = SpanCounts()
        self._exporter = exporter
        self._policy = policy
        self._changed = changed
        self._failing = False
        self._wake = threading.Condition()
        self._waiting: deque[tuple[int, Iterable[SpanRecord]]] = deque()
        self._spans_waiting = 0
        self._first_at = 0.0
        self._sending = 0
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, count: int, spans: Iterable[SpanRecord]) -> None:
        """Queue spans, which the thread builds by iterating; without room for all of them, none is taken."""
        with self._wake:
            full = self._spans_waiting + count > self._policy.room
            if full or self._closing:
                self.counts.dropped += count
            else:
                if not self._waiting:
                    self._first_at = time.monotonic()
                self._waiting.append((count, spans))
                self._spans_waiting += count
                if self._spans_waiting >= self._policy.batch or len(self._waiting) == 1:
                    self._wake.notify()
        if full:
            self._report("more spans are made than can be sent")

    def close(self) -> None:
        """Send what waits, for up to ``CLOSE_S`` seconds; the rest is dropped and counted."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(CLOSE_S - SHUTDOWN_S)
        late = self._thread.is_alive()
        self._exporter.interrupt()
        if late:
            self._thread.join(SHUTDOWN_S)
            with self._wake:
                self.counts.dropped += self._spans_waiting + self._sending
                self._waiting.clear()
                self._spans_waiting = self._sending = 0
            self._report("they could not be sent within a second at the end")

    def _run(self) -> None:
        for batch in self._batches():
            with self._wake:
                self._sending = len(batch)
            error = self._exported(batch)
            with self._wake:
                if self._sending == 0:
                    return  # ``close`` has counted it
                self._sending = 0
                if error is None:
                    self.counts.exported += len(batch)
                else:
                    self.counts.failed += len(batch)
            if error is not None:
                self._report(error)
            elif self._failing:
                self._failing = False
                self._changed(None)

    def _exported(self, batch: Sequence[SpanRecord]) -> str | None:
        try:
            return self._exporter.export(batch)
        except Exception as error:  # noqa: BLE001  any exporter may be installed, and raise anything
            return f"the exporter failed: {where(error)}"

    def _report(self, reason: str) -> None:
        if not self._failing:
            self._failing = True
            self._changed(reason)

    def _batches(self) -> Iterator[list[SpanRecord]]:
        """Spans in batches; one that is not full is sent when its first span has waited for ``delay_s``."""
        batch: list[SpanRecord] = []
        while self._wait():
            for count, spans in iter(self._next, None):
                for span in self._built(count, spans):
                    batch.append(span)
                    if len(batch) >= self._policy.batch:
                        yield batch
                        batch = []
            if batch:
                yield batch
                batch = []

    def _built(self, count: int, spans: Iterable[SpanRecord]) -> list[SpanRecord]:
        try:
            return list(spans)
        except Exception as error:  # noqa: BLE001  an error in building some spans must not end the thread
            with self._wake:
                self.counts.dropped += count
            self._report(f"some could not be built: {where(error)}")
            return []

    def _next(self) -> tuple[int, Iterable[SpanRecord]] | None:
        with self._wake:
            if not self._waiting:
                return None
            count, spans = self._waiting.popleft()
            self._spans_waiting -= count
            return count, spans

    def _wait(self) -> bool:
        """Wait until a batch is due; ``False`` when everything is sent and the end has come."""
        with self._wake:
            while not self._closing:
                left = self._first_at + self._policy.delay_s - time.monotonic() if self._waiting else None
                if self._spans_waiting >= self._policy.batch or (left is not None and left <= 0):
                    return True
                self._wake.wait(left)
            return bool(self._waiting)
