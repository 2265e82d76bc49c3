"""Delivers facts to subscribers."""

import threading

from tonearm.events.facts import Announce, Event, Summary


class EventBus:
    """Hands events to whoever has subscribed by then, one at a time, whichever thread they come from.

    Breakers are made before anybody listens. A summary is the last word: what threads say while they end is not heard.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Announce, ...] = ()
        self._lock = threading.RLock()
        self._over = False

    def subscribe(self, listener: Announce) -> None:
        """Hear every event from now on."""
        self._listeners = (*self._listeners, listener)

    def __call__(self, event: Event) -> None:
        """Announce an event."""
        with self._lock:
            if self._over:
                return
            for listener in self._listeners:
                listener(event)
            self._over = isinstance(event, Summary)
