"""Facts become spans, with the times that the facts tell."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.unit.facts import job_ref
from tonearm.events.batches import GraphUpdated, JobsEnqueued, MessagesPublished, PublishedMessage
from tonearm.events.event import Event
from tonearm.events.facts import (
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    JobTaken,
    Remote,
    RunStarted,
    ScanFinished,
    ScanStarted,
    StageReached,
    Summary,
)
from tonearm.events.job_ref import JobRef
from tonearm.events.job_trace import JobTrace
from tonearm.jobs.trace_context import TraceContext
from tonearm.telemetry.trace_ids import TraceIds
from tonearm.telemetry.traces import Traces
from tonearm.telemetry.traces_spans import Messaging, SpanRecord

JOB = job_ref(7, correlation_id="a" * 32)
TRACE = JobTrace("a" * 32, sampled=True, attempt=1)
BROKER = Messaging("broker", 5672, {"normal": "t.jobs:normal"}, {"normal": "t.jobs:normal:t.jobs"})
SECOND = 1_000_000_000


class Recorder:
    """A subscriber on clocks of its own, and the spans that it made. Times are in seconds since its start."""

    def __init__(self, broker: Messaging | None = None) -> None:
        self.now = 0.0
        self.spans: list[SpanRecord] = []
        self.traces = Traces(
            TraceIds(self.sampler),
            self.sampler,
            self.put,
            broker,
            lambda: 500 + self.now,
            lambda: int((1000 + self.now) * SECOND),
        )

    @staticmethod
    def sampler(trace_id: str, decided: bool | None) -> bool:
        """Record everything that was not decided against, except one trace."""
        return decided is not False and trace_id != "0" * 31 + "9"

    def put(self, count: int, spans: Iterable[SpanRecord]) -> None:
        """Build at once."""
        made = list(spans)
        assert len(made) <= count
        self.spans += made

    def at(self, now: float, *events: Event) -> None:
        """Announce facts at a time."""
        self.now = now
        for event in events:
            self.traces(event)

    def times(self) -> dict[str, tuple[float, float]]:
        """Start and end of each span by its name."""
        return {
            span.name: (
                round(span.start_ns / SECOND - 1000, 3),
                round(span.end_ns / SECOND - 1000, 3),
            )
            for span in self.spans
        }

    def named(self, name: str) -> SpanRecord:
        [found] = [span for span in self.spans if span.name.split(" ")[0] == name]
        return found


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def finished(job: JobRef = JOB, **changes: Any) -> JobFinished:
    values: dict[str, Any] = {"state": "done", "run_s": 4.0, "store_s": 1.0, "timings": {}}
    return JobFinished(job, **(values | changes))


def test_an_attempt_is_laid_out_backwards_from_its_end(recorder: Recorder) -> None:
    recorder.at(10.0, JobTaken(JOB, elapsed_s=0.5))
    recorder.at(10.1, JobStarted(JOB, 99))
    recorder.at(10.2, StageReached(JOB, "identify"))
    recorder.at(11.0, StageReached(JOB, "decode", 0.0))
    recorder.at(12.0, StageReached(JOB, "decode", 0.5))
    timings = {"identify": 0.5, "tags": 0.1, "decode": 2.0, "tempo": 0.7}
    recorder.at(15.1, finished(timings=timings))
    assert recorder.times() == {
        "process": (9.5, 15.1),
        "take": (9.5, 10.0),
        "identify": (10.2, 10.7),
        "tags": (10.7, 10.8),
        "decode": (11.0, 13.0),
        "tempo": (13.0, 13.7),
        "store": (14.1, 15.1),
    }
    process = recorder.named("process")
    assert (process.trace_id, process.span_id) == (TRACE.trace_id, TRACE.process_id)
    assert {span.parent_id for span in recorder.spans[1:]} == {process.span_id}
    assert recorder.named("store").span_id == TRACE.store_id


def test_stages_that_are_told_late_have_their_durations_all_the_same(recorder: Recorder) -> None:
    recorder.at(0.0, JobTaken(JOB))
    recorder.at(0.1, JobStarted(JOB, 99))
    recorder.at(1.9, StageReached(JOB, "identify"), StageReached(JOB, "decode"))
    recorder.at(3.0, finished(run_s=2.0, timings={"identify": 0.5, "decode": 0.9, "tempo": 0.2}))
    assert recorder.times() == {
        "process": (0.0, 3.0),
        "take": (0.0, 0.0),
        "identify": (0.4, 0.9),
        "decode": (0.9, 1.8),
        "tempo": (1.8, 2.0),
        "store": (2.0, 3.0),
    }


def test_a_file_that_could_not_be_opened_has_no_stages(recorder: Recorder) -> None:
    recorder.at(0.0, JobTaken(JOB))
    recorder.at(1.0, JobRetrying(JOB, "read-error", "The disk failed.", 2.0))
    assert set(recorder.times()) == {"process", "take"}
    process = recorder.named("process")
    assert process.error == "The disk failed."
    assert (process.attributes["error.type"], process.attributes["tonearm.outcome"]) == (
        "read-error",
        "retrying",
    )


@pytest.mark.parametrize(
    ("event", "outcome", "error"),
    [
        (finished(), "done", None),
        (finished(state="partial", code="cut-off", reason="Half is missing."), "partial", None),
        (finished(state="quarantined", code="not-audio", reason="No."), "quarantined", "No."),
        (JobReturned(JOB, "given back"), "returned", None),
        (JobReturned(JOB, "gone", "cancelled"), "cancelled", None),
    ],
)
def test_the_status_is_an_error_only_when_the_attempt_failed(
    recorder: Recorder, event: Event, outcome: str, error: str | None
) -> None:
    recorder.at(0.0, JobTaken(JOB))
    recorder.at(1.0, event)
    process = recorder.named("process")
    assert (process.attributes["tonearm.outcome"], process.error) == (outcome, error)


def test_names_of_files_are_escaped(recorder: Recorder) -> None:
    job = job_ref(7, b"/m/\n\x1b[31m\xff.flac")
    recorder.at(0.0, JobTaken(job), finished(job))
    path = str(recorder.named("process").attributes["file.path"])
    assert path.isprintable()


def test_a_job_is_enqueued_below_nothing_and_linked_to_its_scan(recorder: Recorder) -> None:
    recorder.at(0.0, RunStarted(3, 2, f"{3:032x}"))
    recorder.at(1.0, ScanStarted(b"/music"))
    recorder.at(2.0, JobsEnqueued(3, 2, 0.25, (TRACE,)))
    recorder.at(3.0, ScanFinished(b"/music", 2, 2, 0, 0, 0, 0, 0, 2.0))
    recorder.at(9.0, Summary(3, 2, 2, 0, 0, 0, 0, 9.0, 60.0))
    enqueue, scan, run = recorder.spans
    assert recorder.times() == {"enqueue": (1.75, 2.0), "scan": (1.0, 3.0), "run": (0.0, 9.0)}
    assert (enqueue.span_id, enqueue.parent_id) == (TRACE.enqueue_id, None)
    assert enqueue.links == (TraceContext(scan.trace_id, scan.span_id),)
    assert (scan.parent_id, run.parent_id, scan.trace_id) == (run.span_id, None, run.trace_id)
    assert run.trace_id == f"{3:032x}"
    assert (scan.attributes["tonearm.new"], run.attributes["tonearm.done"]) == (2, 2)


def test_a_scan_and_a_run_that_are_cut_off_end_with_the_process(recorder: Recorder) -> None:
    recorder.at(0.0, RunStarted(3, 2, f"{3:032x}"), ScanStarted(b"/a"))
    recorder.at(1.0, ScanStarted(b"/b"))
    recorder.now = 2.0
    recorder.traces.close()
    assert [(span.name, span.error is None) for span in recorder.spans] == [
        ("scan", False),
        ("scan", False),
        ("run", False),
    ]


def test_a_retry_is_a_new_trace_that_is_linked_to_the_former_one(recorder: Recorder) -> None:
    again = JobTrace("a" * 32, retried=1, sampled=True)
    recorder.at(0.0, JobsEnqueued(3, 1, 0.0, (again,)))
    enqueue = recorder.named("enqueue")
    assert enqueue.trace_id == again.trace_id != TRACE.trace_id
    assert enqueue.links == (TraceContext(TRACE.trace_id, TRACE.enqueue_id),)


def test_the_first_span_of_a_retry_has_the_link_where_the_retry_itself_was_not_recorded() -> None:
    recorder = Recorder(BROKER)
    former = (TraceContext(TRACE.trace_id, TRACE.enqueue_id),)
    again = JobTrace("a" * 32, retried=1)
    recorder.at(0.0, MessagesPublished(1, 0.1, None, (PublishedMessage(7, "normal", again, "b" * 16),)))
    assert recorder.named("publish").links == former
    job = job_ref(7, correlation_id="a" * 32, retried=1)
    recorder.at(1.0, JobTaken(job), finished(job))
    assert recorder.named("process").links == former


def test_a_message_and_what_becomes_of_it_follow_the_messaging_conventions() -> None:
    recorder = Recorder(BROKER)
    message = PublishedMessage(7, "normal", JobTrace("a" * 32, sampled=True), "b" * 16)
    recorder.at(1.0, MessagesPublished(1, 0.5, None, (message,)))
    recorder.at(2.0, JobTaken(JOB, f"00-{'a' * 32}-{'b' * 16}-01", True))
    recorder.at(3.0, finished())
    publish, process = recorder.named("publish"), recorder.named("process")
    common = {
        "messaging.system": "rabbitmq",
        "messaging.rabbitmq.destination.routing_key": "normal",
        "messaging.message.id": "7",
        "messaging.message.conversation_id": "a" * 32,
        "server.address": "broker",
        "server.port": 5672,
    }
    assert publish.attributes == common | {
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "t.jobs:normal",
    }
    assert (
        process.attributes.items()
        >= (
            common
            | {
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": "t.jobs:normal:t.jobs",
            }
        ).items()
    )
    assert (publish.name, publish.kind) == ("publish t.jobs:normal", "producer")
    assert (process.name, process.kind) == ("process t.jobs:normal:t.jobs", "consumer")
    assert (publish.parent_id, process.parent_id) == (TRACE.enqueue_id, "b" * 16)


def test_a_message_that_was_not_confirmed_has_a_span_as_it_may_have_arrived() -> None:
    recorder = Recorder(BROKER)
    message = PublishedMessage(7, "normal", TRACE, "b" * 16)
    recorder.at(1.0, MessagesPublished(1, 0.5, "no confirm in time", (message,)))
    publish = recorder.named("publish")
    assert (publish.span_id, publish.error) == ("b" * 16, "no confirm in time")
    assert publish.attributes["error.type"] == "not-confirmed"


def test_the_graph_continues_the_span_that_stored_the_result(recorder: Recorder) -> None:
    dropped = JobTrace("c" * 32, sampled=False, attempt=1)
    recorder.at(5.0, GraphUpdated(2, 0.5, (TRACE, dropped)))
    [graph] = recorder.spans
    assert (graph.trace_id, graph.parent_id) == (TRACE.trace_id, TRACE.store_id)
    assert recorder.times() == {"graph": (4.5, 5.0)}


def test_what_the_message_says_is_not_recorded_is_not(recorder: Recorder) -> None:
    recorder.at(0.0, JobTaken(JOB, f"00-{'a' * 32}-{'b' * 16}-00"), JobStarted(JOB, 9), finished())
    assert recorder.spans == []


def test_what_other_workers_do_is_theirs_to_record(recorder: Recorder) -> None:
    recorder.at(0.0, Remote(JobStarted(JOB)), Remote(finished()))
    assert recorder.spans == []


def test_the_job_of_a_lost_worker_is_recorded_by_the_process_that_recovers_it(recorder: Recorder) -> None:
    recorder.at(5.0, JobRetrying(JOB, "interrupted", "Its worker was lost.", 1.0))
    recover = recorder.named("recover")
    assert (recover.trace_id, recover.error) == (TRACE.trace_id, "Its worker was lost.")
    assert recorder.times() == {"recover": (5.0, 5.0)}


def test_a_second_attempt_has_a_span_of_its_own_in_the_same_trace(recorder: Recorder) -> None:
    recorder.at(0.0, JobTaken(JOB, sampled=True))
    recorder.at(1.0, JobRetrying(JOB, "killed", "It was killed.", 0.1))
    second = job_ref(7, correlation_id="a" * 32, attempt=2)
    recorder.at(2.0, JobTaken(second, sampled=True))
    recorder.at(3.0, finished(second))
    first, last = (span for span in recorder.spans if span.name == "process")
    assert first.trace_id == last.trace_id
    assert first.span_id != last.span_id
    assert first.parent_id == last.parent_id == TRACE.enqueue_id
