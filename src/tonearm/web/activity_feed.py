"""Reads the activity of the library while somebody listens, and hands each change to all listeners.

One thread reads for all. It reads from the live view and the database, so that every instance of the service shows the
same. An event has an id; a listener that comes back with the last id that it had gets what it missed, if that is still
kept, and is told to begin anew otherwise. A listener that does not keep up is dropped.
"""

import asyncio
import contextlib
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from tonearm.errors import TonearmError
from tonearm.events.report import report, where
from tonearm.views.activity import Activity
from tonearm.web.json_response import json_text

EVERY_S = 1.0
PAUSE_FACTOR = 10.0
"""The pause after reading, as a multiple of how long reading took: a large library is read less often."""
KEPT = 300
"""Number of events that are kept for listeners that come back."""
BEHIND = 100
"""Number of events that a listener may be behind before it is dropped."""
HEARTBEAT_S = 15.0


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """Something that listeners are told. name: ``activity``, ``trouble`` or ``reset``. data: JSON; ``id``: its place.

    activity: what was read last. trouble: why nothing newer could be read.
    """

    id: str
    name: str
    data: str
    activity: Activity | None = None
    trouble: str = ""


class _Listener:
    """A queue of one client, filled by the reading thread and emptied in the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.events: deque[FeedEvent] = deque()
        self.dropped = False
        self.ended = False
        self.arrived = asyncio.Event()

    def put(self, event: FeedEvent) -> None:
        if len(self.events) >= BEHIND:
            self.dropped = True
        else:
            self.events.append(event)
        self._wake()

    def end(self) -> None:
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(self.arrived.set)


class ActivityFeed:
    """The events of a library."""

    def __init__(self, read: Callable[[], Activity], every_s: float = EVERY_S) -> None:
        """``read``: reads the activity. It is called in a thread of the feed, and only while somebody listens."""
        self._read = read
        self._every_s = every_s
        self._instance = uuid.uuid4().hex[:8]
        self._number = 0
        self._kept: deque[FeedEvent] = deque(maxlen=KEPT)
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = False
        self._last = "", ""
        self._activity: Activity | None = None
        self._thread = threading.Thread(target=self._run, name="activity feed", daemon=True)
        self._thread.start()

    @property
    def clients(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def close(self) -> None:
        """End the thread and every stream."""
        with self._lock:
            self._closing = True
            listeners = list(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            listener.end()
        self._thread.join()

    async def events(self, last_id: str | None = None) -> AsyncIterator[FeedEvent | None]:
        """The events from now on, first those after ``last_id``; ``None`` where nothing has happened for a while.

        Ends when the feed is closed, or when the listener was too slow.
        """
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            if self._closing:
                return
            for event in self._missed(last_id):
                listener.events.append(event)
            self._listeners.add(listener)
            self._changed.notify_all()
        try:
            while not (listener.dropped or listener.ended):
                while listener.events:
                    yield listener.events.popleft()
                listener.arrived.clear()
                if listener.events or listener.ended:
                    continue
                try:
                    await asyncio.wait_for(listener.arrived.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield None
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _missed(self, last_id: str | None) -> list[FeedEvent]:
        """What a listener is told first: what it missed, or that it has to begin anew and the present state."""
        kept = list(self._kept)
        if last_id is None:
            return kept[-1:]
        for place, event in enumerate(kept):
            if event.id == last_id:
                return kept[place + 1 :]
        return [FeedEvent(self._id(), "reset", "{}"), *kept[-1:]]

    def _id(self) -> str:
        return f"{self._instance}-{self._number}"

    def _run(self) -> None:
        while self._wait():
            began = time.monotonic()
            self._turn()
            pause_s = max(self._every_s, PAUSE_FACTOR * (time.monotonic() - began))
            with self._lock:
                self._changed.wait_for(lambda: self._closing, pause_s)

    def _wait(self) -> bool:
        """Wait until somebody listens; whether to go on."""
        with self._lock:
            self._changed.wait_for(lambda: self._closing or bool(self._listeners))
            return not self._closing

    def _turn(self) -> None:
        try:
            activity = self._read()
        except TonearmError as error:
            self._tell_trouble(str(error))
        except Exception as error:  # noqa: BLE001  a mistake must not end the feed
            report(f"reading the activity failed: {where(error)}")
            self._tell_trouble("a mistake of this program; the log says more")
        else:
            self._activity = activity
            found = activity.to_json()
            self._tell("activity", found, json_text({**found, "at": None}))

    def _tell_trouble(self, reason: str) -> None:
        self._tell("trouble", {"reason": reason}, reason, reason)

    def _tell(self, name: str, data: Any, said: str, trouble: str = "") -> None:
        """Tell the listeners, unless they know it. said: what makes it differ from the last event."""
        with self._lock:
            if (name, said) == self._last:
                return
            self._last = name, said
            self._number += 1
            event = FeedEvent(self._id(), name, json_text(data), self._activity, trouble)
            self._kept.append(event)
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(event)
