"""Reads the activity of the library while somebody listens, and hands each change to all listeners.

One thread reads for all. Where instances of the service share a stream (in Redis), one of them appends what it reads,
and all hand out what it holds; otherwise, and while the stream can't be reached, each reads for itself. The services
are not in the stream: each instance adds those that it depends on itself, and tells an event of its own when only they
have changed. An event has an id; a listener that comes back with the last id that it had gets what it missed, from any
instance, if that is still held, and is told to begin anew otherwise. A listener that does not keep up is dropped.
"""

import asyncio
import contextlib
import json
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace

from tonearm.errors import ServiceUnavailable, TonearmError
from tonearm.events.report import report, where
from tonearm.progress.service_instances import Shared
from tonearm.views.activity import Activity, ServiceState
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

    activity: what was read last; ``None`` where nobody needed more than ``data``. trouble: why nothing newer could be
    read. services: what this process depends on.
    """

    id: str
    name: str
    data: str
    activity: Activity | None = None
    trouble: str = ""
    services: tuple[ServiceState, ...] = ()


class _Listener:
    """A queue of one client, filled by the reading thread and emptied in the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, needs_activity: bool) -> None:
        self._loop = loop
        self.needs_activity = needs_activity
        self.events: deque[FeedEvent] = deque()
        self.dropped = False
        self.ended = False
        self.arrived = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether nothing more is put."""
        return self.dropped or self.ended

    def put(self, event: FeedEvent) -> None:
        if self.dropped or len(self.events) >= BEHIND:  # once dropped, what followed would leave a hole
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

    def __init__(
        self,
        read: Callable[[], Activity],
        every_s: float = EVERY_S,
        shared: Shared | None = None,
        services: Callable[[], tuple[ServiceState, ...]] = tuple,
    ) -> None:
        """``read``: reads the activity. It is called in a thread of the feed, and only while somebody listens.

        services: tells what this process depends on, also while nothing can be read.
        """
        self._read = read
        self._services = services
        self._every_s = every_s
        self._shared = shared
        self._instance = uuid.uuid4().hex[:8]
        self._number = 0
        self._kept: deque[FeedEvent] = deque(maxlen=KEPT)
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = False
        self._said = ""
        """What was read last, without what changes with every reading; empty: the next reading is told in any case."""
        self._state = "{}"
        """What was told last as the state of the library, as JSON."""
        self._told: tuple[ServiceState, ...] | None = None
        """The services that were told last; ``None`` while there is trouble."""
        self._trouble = ""
        self._is_alone = False
        self._seen: str | None = None
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

    async def events(
        self, last_id: str | None = None, needs_activity: bool = False
    ) -> AsyncIterator[FeedEvent | None]:
        """The events from now on, first those after ``last_id``; ``None`` where nothing has happened for a while.

        Ends when the feed is closed, or when the listener was too slow. needs_activity: whether ``activity`` is needed.
        """
        listener = _Listener(asyncio.get_running_loop(), needs_activity)
        with self._lock:
            if self._closing:
                return
            self._listeners.add(listener)
            self._changed.notify_all()
        try:
            missed = await asyncio.to_thread(self._missed, last_id, needs_activity)
            sent = {event.id for event in missed}
            for event in missed:
                yield event
            while True:
                while listener.events:
                    event = listener.events.popleft()
                    if event.id not in sent:
                        yield event
                if listener.is_over:
                    return
                listener.arrived.clear()
                if listener.events or listener.is_over:
                    continue
                try:
                    await asyncio.wait_for(listener.arrived.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield None
        finally:
            with self._lock:
                self._listeners.discard(listener)

    def _missed(self, last_id: str | None, needs_activity: bool) -> list[FeedEvent]:
        """What a listener is told first: what it missed, or that it has to begin anew and the present state.

        For one that needs the activity only the last one counts, as it is the whole state.
        """
        missed = self._after(last_id)
        if not needs_activity:
            return missed
        last = missed[-1:]
        if last and last[0].name == "activity" and last[0].activity is None:
            with contextlib.suppress(TonearmError):
                last = [replace(last[0], activity=self._read())]
        return last

    def _after(self, last_id: str | None) -> list[FeedEvent]:
        with self._lock:
            kept = list(self._kept)
        if last_id is None:
            return kept[-1:]
        for place, event in enumerate(kept):
            if event.id == last_id:
                return kept[place + 1 :]
        if self._shared is not None:
            with contextlib.suppress(ServiceUnavailable):
                held = self._shared.after(last_id)
                if held is not None:
                    return [_told_as(each.id, each.data, None, self._services()) for each in held]
        return [FeedEvent(self._id(), "reset", "{}"), *kept[-1:]]

    def _id(self) -> str:
        """The id of an event that only this instance knows."""
        return f"{self._instance}-{self._number}"

    def _next_id(self) -> str:
        self._number += 1
        return self._id()

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
            if self._shared is not None:
                with contextlib.suppress(ServiceUnavailable):
                    self._take_part(self._shared)
                    self._is_alone = False
                    return
                if not self._is_alone:  # what was read last may not have been told
                    self._is_alone, self._said = True, ""
            self._read_alone()
        except TonearmError as error:
            self._tell_trouble(str(error))
        except Exception as error:  # noqa: BLE001  a mistake must not end the feed
            report(f"reading the activity failed: {where(error)}")
            self._tell_trouble("a mistake of this program; the log says more")

    def _read_alone(self) -> None:
        """Tell this instance's listeners what it has read, if it has changed."""
        self._seen = None
        if (state := self._news()) is not None:
            self._tell_state(self._next_id(), state, self._activity)
        elif self._services() != self._told:
            self._tell_state(self._next_id(), self._state, self._needed())

    def _take_part(self, shared: Shared) -> None:
        """Append what has changed, if this instance leads, and tell what the stream has, or changes of the services."""
        own, leads = None, shared.lead(self._instance)
        if self._is_alone:
            self._said = ""  # what was read alone is not in the stream
        if leads and (state := self._news()) is not None:
            own = shared.append(state).id
        newest = None
        held = shared.after(self._seen) if self._seen is not None else None
        if held is None and (newest := shared.newest()) is not None:
            if self._seen is not None:  # the stream was emptied, or this instance was away for too long
                self._tell(FeedEvent(self._next_id(), "reset", "{}"))
                self._seen = None
            held = [newest]
        if held is None and self._said:  # nothing is there any more: appended again by the next turn
            self._said, self._seen = "", None
        for event in held or ():
            self._tell_state(event.id, event.data, self._activity if event.id == own else self._needed())
            self._seen = event.id
        if self._seen is not None and self._services() != self._told:
            self._tell_state(self._next_id(), self._state, self._needed())

    def _needed(self) -> Activity | None:
        """What goes on now, if a listener needs more than the JSON."""
        if not any(listener.needs_activity for listener in tuple(self._listeners)):
            return None
        self._activity = self._read()
        return self._activity

    def _news(self) -> str | None:
        """What goes on as JSON, without the services; ``None`` if nothing has changed since the last time."""
        activity = self._read()
        found = activity.to_json()
        found.pop("services", None)
        said = json_text({**found, "at": None})
        if said == self._said:
            return None
        self._activity, self._said = activity, said
        return json_text(found)

    def _tell_state(self, event_id: str, state: str, activity: Activity | None) -> None:
        """Tell the state of the library, with what this instance depends on."""
        services = self._services()
        self._state, self._told, self._trouble = state, services, ""
        self._tell(_told_as(event_id, state, activity, services))

    def _tell_trouble(self, reason: str) -> None:
        services = self._services()
        data = json_text({"reason": reason, "services": [asdict(service) for service in services]})
        self._said, self._told = "", None
        if self._trouble != data:
            self._trouble = data
            self._tell(FeedEvent(self._next_id(), "trouble", data, self._activity, reason, services))

    def _tell(self, event: FeedEvent) -> None:
        with self._lock:
            if event.name == "reset":
                self._kept.clear()
            else:
                self._kept.append(event)
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(event)


def _told_as(
    event_id: str, state: str, activity: Activity | None, services: tuple[ServiceState, ...]
) -> FeedEvent:
    """The event of a state of the library, as JSON without services, and of the services of this instance."""
    data = json_text({**json.loads(state), "services": [asdict(service) for service in services]})
    return FeedEvent(event_id, "activity", data, activity, services=services)
