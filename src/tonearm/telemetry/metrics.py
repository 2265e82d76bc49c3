"""The metrics of one process: counts the facts of the bus, in the names and units of Prometheus.

docs/reference/metrics.md lists every metric.
"""

import platform
from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from tonearm import __version__
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished
from tonearm.telemetry.label_values import LabelValues

JOB_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 1800)
"""Most files take a child between a fifth of a second and some seconds; a mix of hours takes minutes."""

REALTIME_RATIOS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.125, 0.25, 0.5, 1)
"""0.125 is the limit of the service level for processing, which infrastructure/prometheus/rules.yml reads."""


class Metrics:
    """A subscriber that counts; each call takes some microseconds."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not annotate it
        self.registry = CollectorRegistry()
        self._codecs = LabelValues(r"[a-z0-9_]{1,20}", 64)
        build = Gauge(
            "tonearm_build_info",
            "The version that runs; the value is always 1.",
            ("version", "python"),
            registry=self.registry,
        )
        build.labels(__version__, platform.python_version()).set(1)
        self._jobs_finished = Counter(
            "tonearm_jobs_finished_total",
            "Jobs that ended: done, partial or quarantined.",
            ("state", "codec", "cause"),
            registry=self.registry,
        )
        self._job_duration = Histogram(
            "tonearm_job_duration_seconds",
            "How long a child had the file, in the attempt that ended its job.",
            buckets=JOB_SECONDS,
            registry=self.registry,
        )
        self._realtime_ratio = Histogram(
            "tonearm_job_realtime_ratio",
            "How long a child had the file, divided by the duration of the audio that it decoded.",
            buckets=REALTIME_RATIOS,
            registry=self.registry,
        )
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {JobFinished: self._job_finished}

    def __call__(self, event: Event) -> None:
        """Count an event. What other workers did is counted by them."""
        handle = self._handlers.get(type(event))
        if handle is not None:
            handle(event)

    def _job_finished(self, event: JobFinished) -> None:
        codec = self._codecs.bounded(event.codec)
        self._jobs_finished.labels(event.state, codec, event.cause or "").inc()
        if event.run_s:
            self._job_duration.observe(event.run_s, {"correlation_id": event.job.correlation_id})
        if event.decoded_s:
            self._realtime_ratio.observe(event.run_s / event.decoded_s)
