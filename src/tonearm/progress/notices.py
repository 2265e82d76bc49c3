"""Facts as small notices for other processes, kept in a bounded queue until they can be sent."""

import threading
from collections import deque
from typing import Any

from tonearm.events.event import Event
from tonearm.events.facts import (
    JobEvent,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    RunStateChanged,
    StageReached,
    WorkerStateChanged,
)
from tonearm.events.services import StorageStateChanged

ROOM = 2000
Message = dict[str, Any]


def notice_of(event: Event) -> Message | None:
    """The notice of an event, or ``None`` where there is none. File names are left out: the job's number finds them.

    Shares of decoded audio between 0 and 1 are left out too, as there would be many; ``running`` has them.
    """
    match event:
        case JobStarted(job):
            return {"what": "job_started", **_job(event), "run": job.run, "attempt": job.attempt}
        case StageReached(fraction=None | 0.0):
            return {"what": "stage_reached", **_job(event), "stage": event.stage}
        case JobFinished():
            return {"what": "job_finished", **_job(event), "state": event.state, "code": event.code}
        case JobRetrying():
            return {"what": "job_retrying", **_job(event), "code": event.code, "delay_s": event.delay_s}
        case JobReturned():
            return {"what": "job_returned", **_job(event), "state": event.state}
        case RunStateChanged():
            return {"what": "run_state_changed", "run": event.run, "state": event.state}
        case StorageStateChanged():
            return {"what": "storage_state_changed", "state": event.state}
        case WorkerStateChanged():
            return {"what": "worker_state_changed", "state": event.state}
        case _:
            return None


def _job(event: JobEvent) -> Message:
    return {"job": event.job.job, "correlation_id": event.job.correlation_id}


class Outgoing:
    """Notices that wait to be sent. Adding one never waits; a full queue drops its oldest one and counts it."""

    def __init__(self, room: int = ROOM) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque(maxlen=room)
        self._dropped = 0
        self.dropped = 0
        """All notices that were dropped so far."""

    def add(self, message: Message) -> None:
        """Add a notice."""
        with self._lock:
            self._drop(len(self._waiting) == self._waiting.maxlen)
            self._waiting.append(message)

    def collect(self) -> list[Message]:
        """Everything that waits; if notices were dropped, their number comes first."""
        with self._lock:
            waiting, self._waiting = self._waiting, deque(maxlen=self._waiting.maxlen)
            dropped, self._dropped = self._dropped, 0
        return [{"what": "dropped", "notices": dropped}, *waiting] if dropped else list(waiting)

    def drop(self) -> None:
        """Drop and count everything that waits: it would be out of date by the time it could be sent."""
        with self._lock:
            self._drop(len(self._waiting))
            self._waiting.clear()

    def _drop(self, count: int) -> None:
        self._dropped += count
        self.dropped += count
