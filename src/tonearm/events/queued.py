"""A subscriber with a thread and a bounded queue of its own, so that announcing an event never waits for it."""

import threading
import time
from collections import deque
from collections.abc import Callable

from tonearm.events.event import Event, Subscriber

DEFAULT_ROOM = 10_000
STALLED_S = 5.0
"""How long the end waits for a subscriber that takes no event off its queue."""
FLUSH_PAUSE_S = 0.01
CLOSE_S = 10.0
"""How long the end waits in all for a subscriber that goes on taking events, but slowly."""


class QueuedSubscriber:
    """Delivers events to one subscriber, in their order, in a thread named after it.

    dropped: how many events the full queue did not take. trouble: why ``close`` did not wait until all were delivered.
    """

    def __init__(
        self,
        subscriber: Subscriber,
        name: str,
        room: int,
        stalled_s: float,
        close_s: float,
        failed: Callable[[str, Exception], None],
    ) -> None:
        """``failed``: called with the name and the error when the subscriber raises; the next event follows.

        room: number of events the queue holds. stalled_s: how long ``close`` waits for one delivery. close_s: how long
        it waits in all.
        """
        self.name = name
        self.dropped = 0
        self.trouble = "is too slow"
        self._subscriber = subscriber
        self._room = room
        self._stalled_s = stalled_s
        self._close_s = close_s
        self._failed = failed
        self._changed = threading.Condition()
        self._queue: deque[Event] = deque()
        self._closing = False
        self._accepted = 0
        self._delivered = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Queue an event and return at once; when the queue is full the event is dropped and counted."""
        with self._changed:
            if len(self._queue) >= self._room:
                self.dropped += 1
                return
            self._queue.append(event)
            self._accepted += 1
            self._changed.notify()

    def flush(self, at_most_s: float) -> None:
        """Wait until all events that are queued now are delivered, ``at_most_s`` seconds."""
        accepted, until = self._accepted, time.monotonic() + at_most_s
        while self._delivered < accepted and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(FLUSH_PAUSE_S)

    def end(self) -> None:
        """Deliver what is queued, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def close(self, began: float) -> int:
        """Wait until the queue is delivered and the thread has ended; returns how many events were not delivered.

        Waiting ends early when nothing was delivered for ``stalled_s``, and in any case ``close_s`` after ``began``, a
        time by ``time.monotonic``. The events that are left are dropped.
        """
        self.end()
        if threading.current_thread() is self._thread:
            return 0
        now = since = time.monotonic()
        delivered = self._delivered
        while self._thread.is_alive() and now - since < self._stalled_s and now - began < self._close_s:
            self._thread.join(0.2)
            now = time.monotonic()
            if self._delivered != delivered:
                delivered, since = self._delivered, now
        with self._changed:
            if now - since >= self._stalled_s:
                self.trouble = "does not respond"
            missed = len(self._queue) + self._thread.is_alive()
            self._queue.clear()
        return missed

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._closing:
                    self._changed.wait()
                if not self._queue:
                    return
                event = self._queue.popleft()
            try:
                self._subscriber(event)
            except Exception as error:  # noqa: BLE001  an error in a subscriber must not end its thread
                self._failed(self.name, error)
            self._delivered += 1
