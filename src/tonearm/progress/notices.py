"""Events as small notices for whoever looks on from elsewhere, kept in bounded room until they can be sent."""

import threading
from collections import deque
from typing import Any

from tonearm.events.facts import (
    Event,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    StageReached,
    StateChanged,
)

ROOM = 2000
Message = dict[str, Any]


def notice_of(event: Event) -> Message | None:
    """What is told of an event, or ``None``. File names are left out: whoever wants one has the job's number.

    Most shares of decoded audio are left out too, as there would be many; ``running`` tells them.
    """
    match event:
        case JobStarted(worker=""):
            return {"what": "job_started", "job": event.job, "run": event.run, "attempt": event.attempt}
        case StageReached(fraction=None | 0.0):
            return {"what": "stage_reached", "job": event.job, "stage": event.stage}
        case JobFinished(worker=""):
            return {"what": "job_finished", "job": event.job, "state": event.state, "code": event.code}
        case JobRetrying(worker=""):
            return {"what": "job_retrying", "job": event.job, "code": event.code, "delay_s": event.delay_s}
        case JobReturned(worker=""):
            return {"what": "job_returned", "job": event.job, "state": event.state}
        case StateChanged():
            return {"what": "state_changed", "run": event.run, "state": event.state}
        case _:
            return None


class Outgoing:
    """Notices on their way. Adding one never waits; when there is no room, the oldest are dropped and counted."""

    def __init__(self, room: int = ROOM) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque(maxlen=room)
        self._dropped = 0

    def add(self, message: Message) -> None:
        """Keep a notice for the next call of ``collect``."""
        with self._lock:
            self._dropped += len(self._waiting) == self._waiting.maxlen
            self._waiting.append(message)

    def collect(self) -> list[Message]:
        """Everything that waits, led by how many were dropped, if any were."""
        with self._lock:
            waiting, self._waiting = self._waiting, deque(maxlen=self._waiting.maxlen)
            dropped, self._dropped = self._dropped, 0
        return [{"what": "dropped", "notices": dropped}, *waiting] if dropped else list(waiting)

    def drop(self) -> None:
        """Count everything that waits as dropped: by the time it could be sent it is no news."""
        with self._lock:
            self._dropped += len(self._waiting)
            self._waiting.clear()
