"""Counts the facts of one process, in the names and units of Prometheus; docs/reference/metrics.md lists them."""

import platform
from collections.abc import Callable, Collection, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, values

from tonearm import __version__
from tonearm.events.event import Event
from tonearm.events.facts import (
    ChildEnded,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobTaken,
    LeaseExpired,
)
from tonearm.events.job_ref import JobRef
from tonearm.events.rests import WorkerResumed
from tonearm.events.services import ServiceCalled
from tonearm.events.states import CallOutcome, ChildEnding, RestCode
from tonearm.jobs.failures import CHILD_LOST, CODES, Cause, cause_of
from tonearm.jobs.job import JobState
from tonearm.settings import Level
from tonearm.telemetry.label_values import OTHER, UNKNOWN, LabelValues, service_label
from tonearm.telemetry.trace_ids import CurrentIds, no_ids

JOB_SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 1800)
"""Most files keep a child busy for a fifth of a second to some seconds, and hours of audio for minutes."""
REALTIME_RATIOS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.125, 0.25, 0.5, 1)
"""0.125 is the limit of the service level for processing, which infrastructure/prometheus/rules.yml reads."""
STAGE_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 60, 600)
WAIT_SECONDS = (0.1, 1, 5, 15, 30, 60, 120, 300, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400)
"""Contains the service levels of waiting: a minute, a quarter of an hour and six hours."""
CALL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
STAGES = ("start", "identify", "tags", "lookup", "decode", "front", "store")
"""Stages beside the analysers; ``store`` is the time from the end of a result until it is stored."""
NOT_FAILURES = frozenset({"cancelled", "gone", "incomplete", "left-out", "video"})
"""Codes of attempts that did not fail."""


class Metrics:
    """A subscriber that counts; a call takes some microseconds.

    Facts of other workers come as ``Remote`` and are not counted, as those workers count them.
    current_ids: gives the ids of traces, which exemplars have.
    """

    def __init__(self, analysers: Collection[str]) -> None:
        """``analysers``: their names, which are names of stages."""
        self.current_ids: CurrentIds = no_ids
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library does not annotate it
        values.ValueClass = values.MutexValue  # whatever the environment says: this is one process
        self.registry = CollectorRegistry()
        self._stages = frozenset((*STAGES, *analysers))
        self._codecs = LabelValues(r"[a-z0-9_]{1,20}", 64)
        self._make_job_metrics()
        self._make_other_metrics()
        self._handlers: Mapping[type[Event], Callable[[Any], None]] = {
            JobTaken: self._job_taken,
            JobFinished: self._job_finished,
            JobRetrying: self._job_retrying,
            JobReturned: self._job_returned,
            LeaseExpired: lambda _: self._leases_expired.inc(),
            ChildEnded: self._child_ended,
            ServiceCalled: self._service_called,
            WorkerResumed: lambda event: self._rest_seconds.labels(event.code).inc(event.rested_s),
        }

    def __call__(self, event: Event) -> None:
        """Count an event."""
        handle = self._handlers.get(type(event))
        if handle is not None:
            handle(event)

    def expect_services(self, services: Collection[str]) -> None:
        """Export the counters of services from 0 on, so that their first failure is a change."""
        for service in services:
            self._call_duration.labels(service_label(service))
            for outcome in CallOutcome:
                self._calls.labels(service_label(service), outcome)

    def _make_job_metrics(self) -> None:
        self._jobs_taken = self._counter("jobs_taken_total", "Jobs that were taken from the queue.", "level")
        self._queue_wait = self._histogram(
            "queue_wait_seconds",
            "How long a job was ready to be taken until it was taken.",
            WAIT_SECONDS,
            "level",
        )
        self._jobs_finished = self._counter(
            "jobs_finished_total",
            "Jobs that ended: done, partial or quarantined.",
            "state",
            "codec",
            "cause",
        )
        self._job_duration = self._histogram(
            "job_duration_seconds",
            "How long a child had the file, in the attempt that ended its job.",
            JOB_SECONDS,
        )
        self._realtime_ratio = self._histogram(
            "job_realtime_ratio",
            "How long a child had the file, divided by the duration of the audio that it decoded.",
            REALTIME_RATIOS,
        )
        self._stage_duration = self._histogram(
            "stage_duration_seconds", "How long a stage of an attempt took.", STAGE_SECONDS, "stage"
        )
        self._audio_seconds = self._counter("audio_seconds_total", "Audio that was decoded.")
        self._read_bytes = self._counter(
            "read_bytes_total", "Sizes of the files that children have finished."
        )
        self._attempts_failed = self._counter(
            "attempts_failed_total", "Attempts that failed or were interrupted.", "code", "cause"
        )
        self._retries = self._counter("retries_total", "Attempts after which another one follows.")
        for level in Level:
            self._jobs_taken.labels(level.label)
            self._queue_wait.labels(level.label)
        for cause in Cause:
            self._jobs_finished.labels(JobState.QUARANTINED, UNKNOWN, cause)
        for code in sorted(CODES - NOT_FAILURES):
            self._attempts_failed.labels(code, cause_of(code))

    def _make_other_metrics(self) -> None:
        self._leases_expired = self._counter(
            "leases_expired_total", "Expired leases of other workers that this process found."
        )
        self._children_ended = self._counter("child_ended_total", "Child processes that ended.", "reason")
        for reason in (
            *sorted(CHILD_LOST),
            *(ending for ending in ChildEnding if ending != ChildEnding.DIED),
        ):
            self._children_ended.labels(reason)
        self._rest_seconds = self._counter(
            "rest_seconds_total", "Rests of this worker that are over: hours, battery or load.", "code"
        )
        for code in RestCode:
            self._rest_seconds.labels(code)
        self._calls = self._counter("service_calls_total", "Calls of servers.", "service", "outcome")
        self._call_duration = self._histogram(
            "service_call_duration_seconds",
            "How long a server took to answer or to fail; of a transaction, its slowest statement.",
            CALL_SECONDS,
            "service",
        )
        build = Gauge(
            "tonearm_build_info",
            "The version that runs; the value is always 1.",
            ("version", "python"),
            registry=self.registry,
        )
        build.labels(__version__, platform.python_version()).set(1)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tonearm_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Collection[float], *labels: str) -> Histogram:
        return Histogram(f"tonearm_{name}", text, labels, buckets=tuple(buckets), registry=self.registry)

    # Facts.

    def _job_taken(self, event: JobTaken) -> None:
        job = event.job
        self._jobs_taken.labels(job.level).inc()
        self._queue_wait.labels(job.level).observe(job.waited_s, self._exemplar(job))

    def _job_finished(self, event: JobFinished) -> None:
        codec = self._codecs.bounded(event.codec)
        self._jobs_finished.labels(event.state, codec, event.cause or "").inc()
        self._audio_seconds.inc(event.decoded_s)
        if event.state == JobState.QUARANTINED:
            self._attempt_failed(event.code)
        if event.run_s:
            self._job_duration.observe(event.run_s, self._exemplar(event.job))
            self._child_worked(event)
        if event.decoded_s:
            self._realtime_ratio.observe(event.run_s / event.decoded_s, self._exemplar(event.job))

    def _job_retrying(self, event: JobRetrying) -> None:
        self._retries.inc()
        self._attempt_failed(event.code)
        if event.run_s:
            self._child_worked(event)

    def _job_returned(self, event: JobReturned) -> None:
        if event.code is not None:
            self._attempt_failed(event.code)

    def _attempt_failed(self, code: str | None) -> None:
        known = code if code in CODES else OTHER
        self._attempts_failed.labels(known, cause_of(known)).inc()

    def _child_worked(self, event: JobFinished | JobRetrying) -> None:
        """Count what a child did with a file."""
        exemplar = self._exemplar(event.job)
        self._read_bytes.inc(event.job.size)
        for stage, seconds in event.timings.items():
            name = stage if stage in self._stages else OTHER
            self._stage_duration.labels(name).observe(seconds, exemplar)
        self._stage_duration.labels("store").observe(event.store_s, exemplar)

    def _child_ended(self, event: ChildEnded) -> None:
        died = event.code if event.code in CODES else OTHER
        self._children_ended.labels(died if event.ending == ChildEnding.DIED else event.ending).inc()

    def _service_called(self, event: ServiceCalled) -> None:
        service = service_label(event.service)
        self._calls.labels(service, event.outcome).inc()
        if event.outcome != CallOutcome.REFUSED:
            self._call_duration.labels(service).observe(event.seconds)

    def _exemplar(self, job: JobRef) -> dict[str, str]:
        """What leads from a point of a graph to the job: its log lines have the same ids."""
        exemplar = {"correlation_id": job.correlation_id}
        ids = self.current_ids(job)
        return exemplar if ids is None else exemplar | {"trace_id": ids[0], "span_id": ids[1]}
