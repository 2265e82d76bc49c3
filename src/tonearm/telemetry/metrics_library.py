"""What is counted over a whole library. One process at a time exports it, so that sums over all processes are right."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric

from tonearm.library.leader import Leadership
from tonearm.telemetry.refreshed import Refreshed
from tonearm.views.queue_figures import Figures, read_figures

LIMIT_S = 4.0
"""Seconds that a scrape waits for all figures; those that do not come are absent from it."""


class QueueMessages(Protocol):
    """The messages of one queue of the broker."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def ready(self) -> int:
        """Messages that wait."""

    @property
    def unacknowledged(self) -> int:
        """Messages that were delivered to workers."""


AskBroker = Callable[[], Sequence[QueueMessages]]
"""Asks the broker for the messages of every queue. May raise a TonearmError."""


class LibraryFigures:
    """A collector of the figures over a library, empty while another process leads or the database does not answer."""

    def __init__(self, leadership: Leadership, has_outbox: bool, ask_broker: AskBroker | None) -> None:
        """``has_outbox``: whether jobs are published to a broker. ask_broker: ``None`` without a management API."""
        self._leadership = leadership
        self._has_outbox = has_outbox
        self._figures = Refreshed(self._read, "metrics of the library")
        self._messages = Refreshed(ask_broker, "metrics of the broker") if ask_broker is not None else None

    def collect(self) -> Iterator[Metric]:
        """The metrics of one scrape."""
        until = time.monotonic() + LIMIT_S
        figures = self._figures.get(LIMIT_S)
        if figures is None:
            return
        yield from _families(figures, self._has_outbox)
        if self._messages is not None:
            messages = self._messages.get(max(0.0, until - time.monotonic()))
            if messages is not None:
                yield _of_broker(messages)

    def expire(self) -> None:
        """Have everything read anew by the next scrape."""
        for refreshed in (self._figures, self._messages):
            if refreshed is not None:
                refreshed.expire()

    def close(self) -> None:
        """Read no more, and let another process lead."""
        for refreshed in (self._figures, self._messages):
            if refreshed is not None:
                refreshed.close(LIMIT_S / 4)
        self._leadership.close()

    def _read(self) -> Figures | None:
        with self._leadership.reading() as connection:
            return None if connection is None else read_figures(connection)


def _families(figures: Figures, has_outbox: bool) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "tonearm_queue_jobs",
        "Open jobs of the library: queued, retrying (waiting for the next attempt), running, and paused "
        "(waiting in a paused run).",
        labels=("level", "state"),
    )
    for (level, state), count in figures.jobs.items():
        jobs.add_metric((level, state), count)
    yield jobs
    oldest = GaugeMetricFamily(
        "tonearm_queue_oldest_age_seconds",
        "How long the first of the waiting jobs of a level has been ready to be taken; 0 if none waits.",
        labels=("level",),
    )
    for level, age_s in figures.oldest_s.items():
        oldest.add_metric((level,), age_s)
    yield oldest
    workers = GaugeMetricFamily(
        "tonearm_workers",
        "Workers of the library that have not ended: working, idle, resting, draining and lost ones.",
        labels=("state",),
    )
    for state, count in figures.workers.items():
        workers.add_metric((state,), count)
    yield workers
    yield GaugeMetricFamily(
        "tonearm_suspect_files",
        "Files that were being analysed when children died more than once, and that were not analysed since.",
        value=figures.suspects,
    )
    if has_outbox:
        yield GaugeMetricFamily(
            "tonearm_outbox_jobs",
            "Waiting jobs whose message is still to be sent to the broker.",
            value=figures.outbox,
        )


def _of_broker(messages: Sequence[QueueMessages]) -> Metric:
    family = GaugeMetricFamily(
        "tonearm_broker_messages",
        "Messages in RabbitMQ's queues: ready, and unacknowledged (delivered to a worker).",
        labels=("queue", "state"),
    )
    for queue in messages:
        family.add_metric((queue.name, "ready"), queue.ready)
        family.add_metric((queue.name, "unacknowledged"), queue.unacknowledged)
    return family
