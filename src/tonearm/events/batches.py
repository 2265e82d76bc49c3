"""Facts about many jobs at once: one for each transaction or message exchange, whatever the number of jobs."""

from dataclasses import dataclass, field

from tonearm.events.event import NOT_SHOWN, Event
from tonearm.events.job_trace import JobTrace


@dataclass(frozen=True, slots=True)
class JobsEnqueued(Event):
    """Jobs were queued, in one transaction that took ``elapsed_s``.

    run: to which they were added; ``None`` for a retry, whose jobs may be of several runs. traces: those of the jobs
    whose traces are recorded.
    """

    run: int | None
    count: int
    elapsed_s: float
    traces: tuple[JobTrace, ...] = field(default=(), metadata=NOT_SHOWN)


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """A message whose trace is recorded. span_id: of the span that the message names as its parent."""

    job: int
    level: str
    trace: JobTrace
    span_id: str


@dataclass(frozen=True, slots=True)
class MessagesPublished(Event):
    """Messages were sent to the broker together, which took ``elapsed_s``.

    error: why the broker did not confirm them all; it may have some of them. messages: those whose traces are recorded.
    """

    count: int
    elapsed_s: float
    error: str | None = None
    messages: tuple[PublishedMessage, ...] = field(default=(), metadata=NOT_SHOWN)


@dataclass(frozen=True, slots=True)
class GraphUpdated(Event):
    """The graph was updated with the changes of so many files, which took ``elapsed_s``.

    traces: those of the jobs whose results were among the changes.
    """

    files: int
    elapsed_s: float
    traces: tuple[JobTrace, ...] = field(default=(), metadata=NOT_SHOWN)
