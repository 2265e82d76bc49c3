"""Facts for the log: what children write, and how much is logged."""

from collections.abc import Mapping
from dataclasses import dataclass

from tonearm.events.event import Event
from tonearm.events.job_ref import JobRef
from tonearm.events.states import Severity


@dataclass(frozen=True, slots=True)
class ChildMessage(Event):
    """A line that a child has written to standard error or logged; it may quote a hostile file.

    source: name of the logger. job: the job that it was working on, if any.
    """

    pid: int
    text: str
    source: str = "stderr"
    severity: Severity = Severity.INFO
    job: JobRef | None = None


@dataclass(frozen=True, slots=True)
class LogLevelsChanged(Event):
    """A person has changed how much this worker logs. levels: by logger; for all others those of the settings."""

    worker: str
    levels: Mapping[str, str]
