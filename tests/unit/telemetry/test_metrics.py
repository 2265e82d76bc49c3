"""Each fact is counted once, under the names that the reference gives."""

import pytest

from tests.unit.facts import job_ref
from tonearm.events.event import Event
from tonearm.events.facts import (
    ChildEnded,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobTaken,
    LeaseExpired,
    Remote,
)
from tonearm.events.services import ServiceCalled
from tonearm.events.states import CallOutcome, ChildEnding
from tonearm.telemetry.metrics import Metrics

JOB = job_ref(waited_s=2.0, size=5_000_000)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(["tempo", "key"])


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"tonearm_{name}", labels)


def changed(metrics: Metrics, *events: Event) -> dict[str, float]:
    """The samples that the events change, and by how much; buckets are left out."""

    def samples() -> dict[str, float]:
        return {
            " ".join(
                [sample.name, *(f"{k}={v}" for k, v in sorted(sample.labels.items()) if v)]
            ): sample.value
            for metric in metrics.registry.collect()
            for sample in metric.samples
            if "le" not in sample.labels
        }

    before = samples()
    for event in events:
        metrics(event)
    return {
        name.removeprefix("tonearm_"): value - before.get(name, 0.0)
        for name, value in samples().items()
        if value != before.get(name, 0.0)
    }


def test_a_job_that_was_taken(metrics: Metrics) -> None:
    assert changed(metrics, JobTaken(JOB)) == {
        "jobs_taken_total level=normal": 1,
        "queue_wait_seconds_count level=normal": 1,
        "queue_wait_seconds_sum level=normal": 2.0,
    }


def test_a_file_that_was_analysed(metrics: Metrics) -> None:
    fact = JobFinished(JOB, "done", 4.0, 0.5, {"decode": 2.0, "tempo": 1.0}, decoded_s=200.0, codec="mp3")
    assert changed(metrics, fact) == {
        "jobs_finished_total codec=mp3 state=done": 1,
        "job_duration_seconds_count": 1,
        "job_duration_seconds_sum": 4.0,
        "job_realtime_ratio_count": 1,
        "job_realtime_ratio_sum": 0.02,
        "audio_seconds_total": 200.0,
        "read_bytes_total": 5_000_000,
        "stage_duration_seconds_count stage=decode": 1,
        "stage_duration_seconds_sum stage=decode": 2.0,
        "stage_duration_seconds_count stage=tempo": 1,
        "stage_duration_seconds_sum stage=tempo": 1.0,
        "stage_duration_seconds_count stage=store": 1,
        "stage_duration_seconds_sum stage=store": 0.5,
    }


def test_a_file_of_which_a_part_came_out_has_not_failed(metrics: Metrics) -> None:
    fact = JobFinished(JOB, "partial", 0.0, codec="flac", code="incomplete", cause="file")
    assert changed(metrics, fact) == {"jobs_finished_total cause=file codec=flac state=partial": 1}


def test_a_file_that_failed_for_good(metrics: Metrics) -> None:
    fact = JobFinished(JOB, "quarantined", 0.0, code="not-audio", cause="file")
    assert changed(metrics, fact) == {
        "jobs_finished_total cause=file codec=unknown state=quarantined": 1,
        "attempts_failed_total cause=file code=not-audio": 1,
    }


def test_an_attempt_after_which_another_one_follows(metrics: Metrics) -> None:
    fact = JobRetrying(JOB, "killed", "…", 1.0, cause="system")
    assert changed(metrics, fact) == {
        "retries_total": 1,
        "attempts_failed_total cause=system code=killed": 1,
    }


def test_a_lease_that_expired_and_what_became_of_its_job(metrics: Metrics) -> None:
    facts = LeaseExpired(JOB), JobRetrying(JOB, "interrupted", "…", 1.0, cause="system")
    assert changed(metrics, *facts) == {
        "leases_expired_total": 1,
        "retries_total": 1,
        "attempts_failed_total cause=system code=interrupted": 1,
    }


def test_a_job_that_was_given_back_has_not_failed(metrics: Metrics) -> None:
    assert changed(metrics, JobReturned(JOB, "…")) == {}


def test_an_attempt_that_failed_while_its_run_was_cancelled(metrics: Metrics) -> None:
    fact = JobReturned(JOB, "…", "cancelled", 1.0, "crashed")
    assert changed(metrics, fact) == {"attempts_failed_total cause=system code=crashed": 1}


def test_what_other_workers_did_is_not_counted(metrics: Metrics) -> None:
    assert changed(metrics, Remote(JobFinished(JOB, "done", 1.0))) == {}


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (ChildEnded(1, "…", "crashed"), "crashed"),
        (ChildEnded(1, "…", ending=ChildEnding.RECYCLED), "recycled"),
        (ChildEnded(1, "…", ending=ChildEnding.NOT_NEEDED), "not-needed"),
        (ChildEnded(1, "…", "made up by a file"), "other"),
    ],
)
def test_a_child_that_ended(metrics: Metrics, fact: Event, reason: str) -> None:
    assert changed(metrics, fact) == {f"child_ended_total reason={reason}": 1}


def test_calls_of_a_server(metrics: Metrics) -> None:
    metrics.expect_services(["RabbitMQ management"])
    name = "service=rabbitmq-management"
    facts = [
        ServiceCalled("RabbitMQ management", outcome, seconds)
        for outcome, seconds in (
            (CallOutcome.SUCCEEDED, 0.25),
            (CallOutcome.FAILED, 5.0),
            (CallOutcome.REFUSED, 0.0),
        )
    ]
    assert changed(metrics, *facts) == {
        f"service_calls_total outcome=succeeded {name}": 1,
        f"service_calls_total outcome=failed {name}": 1,
        f"service_calls_total outcome=refused {name}": 1,
        f"service_call_duration_seconds_count {name}": 2,
        f"service_call_duration_seconds_sum {name}": 5.25,
    }


def test_what_a_hostile_file_says_makes_no_series_without_end(metrics: Metrics) -> None:
    for number in range(200):
        job = job_ref(number)
        stages = {f"stage {number}": 1.0}
        metrics(JobFinished(job, "quarantined", 1.0, 0.0, stages, codec=f"codec{number}", code=f"x{number}"))
        metrics(JobFinished(job, "quarantined", 1.0, codec="any text\nat all"))
    series = [sample for metric in metrics.registry.collect() for sample in metric.samples]
    assert len([one for one in series if one.name == "tonearm_jobs_finished_total"]) < 80
    assert value(metrics, "attempts_failed_total", code="other", cause="system") == 400
    assert value(metrics, "stage_duration_seconds_count", stage="other") == 200


def test_counters_of_failures_and_levels_are_exported_before_the_first_one(metrics: Metrics) -> None:
    assert value(metrics, "attempts_failed_total", code="crashed", cause="system") == 0
    assert value(metrics, "jobs_taken_total", level="critical") == 0
    assert value(metrics, "child_ended_total", reason="killed") == 0


@pytest.mark.parametrize("ids", [None, ("a" * 32, "b" * 16)])
def test_exemplars_lead_to_the_log_and_to_the_trace_if_there_is_one(
    metrics: Metrics, ids: tuple[str, str] | None
) -> None:
    metrics.current_ids = lambda _: ids
    metrics(JobTaken(JOB))
    metrics(JobFinished(JOB, "done", 1.0, 0.1, {"decode": 0.5}, decoded_s=100.0))
    exemplars = [
        sample.exemplar.labels
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if sample.exemplar is not None
    ]
    expected = {"correlation_id": JOB.correlation_id}
    if ids is not None:
        expected |= {"trace_id": ids[0], "span_id": ids[1]}
    assert len(exemplars) == 5  # wait, job, ratio, and two stages
    assert all(exemplar == expected for exemplar in exemplars)
