"""Shows in /ready whether this worker rests: a process that rests is ready."""

import time

from tonearm.events.event import Event
from tonearm.events.rests import WorkerResting, WorkerResumed
from tonearm.telemetry.probes import Checks, Finding, Status

COMPONENT = "worker"


class RestCheck:
    """A subscriber that keeps what is shown."""

    def __init__(self, checks: Checks) -> None:
        self._checks = checks
        checks.expect(COMPONENT, required=False)
        self._found(None)

    def __call__(self, event: Event) -> None:
        """Note what an event says."""
        match event:
            case WorkerResting():
                until = "" if event.until is None else f" until {_local(event.until)}"
                self._found(f"it rests{until}: {event.reason}")
            case WorkerResumed():
                self._found(None)

    def _found(self, output: str | None) -> None:
        self._checks.found(COMPONENT, Finding(Status.PASS, None, "", output))


def _local(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
