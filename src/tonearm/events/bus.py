"""Delivers facts to subscribers, each isolated from the others and from the work."""

import threading
import time

from tonearm.events.event import Event, Subscriber
from tonearm.events.facts import Warned
from tonearm.events.queued import CLOSE_S, DEFAULT_ROOM, STALLED_S, QueuedSubscriber
from tonearm.events.report import report, unheard, where
from tonearm.events.states import Severity, WarningCode


class EventBus:
    """Delivers each event to every subscriber, one event at a time, whichever thread announces it.

    A subscriber that raises an error is reported once for each kind of error, and is called with the next event; the
    other subscribers get every event. ``subscribe`` is for those that need every event and return at once, such as
    counters and the live view; ``subscribe_queued`` is for those that may be slow. The bus ends when it is closed.
    """

    def __init__(self) -> None:
        self._in_line: tuple[tuple[str, Subscriber], ...] = ()
        self._tellers: frozenset[str] = frozenset()
        self._queued: tuple[tuple[QueuedSubscriber, tuple[type[Event], ...]], ...] = ()
        self._lock = threading.RLock()
        self._closed = False
        self._reported: set[tuple[str, type[Exception]]] = set()

    def subscribe(self, subscriber: Subscriber, name: str = "", tells: bool = False) -> None:
        """Call a subscriber with every event, in the thread that announces it. ``name`` is shown if it fails.

        tells: whether it writes every warning where a person reads it, as the log does. Without such a subscriber the
        mistakes of this program are reported.
        """
        name = name or type(subscriber).__name__
        with self._lock:
            self._in_line = (*self._in_line, (name, subscriber))
            if tells:
                self._tellers |= {name}

    def subscribe_queued(
        self,
        subscriber: Subscriber,
        name: str,
        room: int = DEFAULT_ROOM,
        stalled_s: float = STALLED_S,
        close_s: float = CLOSE_S,
        leave_out: tuple[type[Event], ...] = (),
    ) -> None:
        """Call a subscriber with events in a thread of its own, named ``name``, through a queue of ``room`` events.

        When the queue is full the newest event is dropped and counted. stalled_s: how long ``close`` waits for a
        subscriber that takes nothing off its queue. close_s: how long it waits for a slow one; what is left then is
        dropped and counted. leave_out: kinds of events that are not for it.
        """
        queued = QueuedSubscriber(subscriber, name, room, stalled_s, close_s, self._failed)
        with self._lock:
            self._queued = (*self._queued, (queued, leave_out))

    def __call__(self, event: Event) -> None:
        """Announce an event. Returns at once and never raises; after ``close`` no subscriber is called."""
        with self._lock:
            if self._closed or not self._tellers:
                unheard(event)
            if self._closed:
                return
            for queued, leave_out in self._queued:
                if not isinstance(event, leave_out):
                    queued.put(event)
            for name, subscriber in self._in_line:
                try:
                    subscriber(event)
                except Exception as error:  # noqa: BLE001  an error in a subscriber must not stop the analysis
                    self._failed(name, error)

    def dropped(self) -> dict[str, int]:
        """Number of events that each queued subscriber has missed, by its name."""
        return {queued.name: queued.dropped for queued, _ in self._queued}

    def close(self) -> None:
        """Announce what was dropped, take no more events, and wait until every queue is delivered.

        A subscriber that takes nothing off its queue for its ``stalled_s``, or needs more than its ``close_s`` for all
        of it, is not waited for any longer. All times count from the start of this call.
        """
        with self._lock:
            if self._closed:
                return
            for name, count in self.dropped().items():
                if not count:
                    continue
                text = f"{name} was too slow and missed {count:,} events; what was analysed is stored all the same"
                if not self._tellers:
                    report(text)
                self(Warned(WarningCode.EVENTS_DROPPED, text))
            self._closed = True
        began = time.monotonic()
        for queued, _ in self._queued:
            queued.end()
        for queued, _ in self._queued:
            if missed := queued.close(began):
                report(f"{queued.name} {queued.trouble}; it missed the last {missed:,} events")

    def _failed(self, name: str, error: Exception) -> None:
        """Report a subscriber's error, once for each kind, not again and again."""
        with self._lock:
            if (name, type(error)) in self._reported:
                return
            self._reported.add((name, type(error)))
        text = f"{name} failed; it goes on with the next event: {where(error)}"
        if name in self._tellers:
            report(text)
        self(Warned(WarningCode.SUBSCRIBER_FAILED, text, severity=Severity.ERROR))
