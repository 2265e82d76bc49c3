"""Log lines and metrics of a job get the ids of its trace, if the trace is recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.facts import job_ref
from tonearm.events.facts import JobTaken
from tonearm.events.job_trace import JobTrace, trace_id
from tonearm.jobs.enqueue import new_correlation_id
from tonearm.telemetry.trace_ids import KEPT, TraceIds, no_ids

CORRELATION = "4bf92f3577b34da6a3ce929d0e0e4736"


def follows(trace: str, decided: bool | None) -> bool:  # noqa: ARG001  the form of a Sampler
    """Record what was not decided against, as the standard samplers do."""
    return decided is not False


def test_the_trace_of_a_job_is_its_correlation_id_until_a_person_retries_it() -> None:
    traces = [JobTrace(CORRELATION, retried) for retried in range(3)]
    assert traces[0].trace_id == CORRELATION
    assert len({trace.trace_id for trace in traces}) == 3
    assert [trace.former for trace in traces] == [None, traces[0], traces[1]]


@given(st.integers(0, 5), st.integers(0, 5))
def test_ids_have_the_lengths_of_the_standard_and_differ_for_each_attempt(retried: int, attempt: int) -> None:
    trace = JobTrace(CORRELATION, retried, attempt=attempt)
    ids = [trace.enqueue_id, trace.process_id, trace.store_id]
    assert len(bytes.fromhex(trace.trace_id)) == 16
    assert {len(bytes.fromhex(one)) for one in ids} == {8}
    later = JobTrace(CORRELATION, retried, attempt=attempt + 1)
    assert len({*ids, later.process_id, later.store_id}) == 5


def test_correlation_ids_are_random_in_the_bits_that_samplers_look_at() -> None:
    tops = {int(new_correlation_id()[16:18], 16) >> 4 for _ in range(400)}
    assert tops == set(range(16))


def test_an_attempt_has_the_ids_of_its_trace_and_of_its_span() -> None:
    ids = TraceIds(follows)
    job = job_ref(correlation_id=CORRELATION, attempt=2)
    assert ids.current_ids(job) is None  # not taken by this process
    ids.taken(JobTaken(job))
    assert ids.current_ids(job) == (CORRELATION, JobTrace(CORRELATION, attempt=2).process_id)


def test_what_is_not_recorded_has_no_ids() -> None:
    ids = TraceIds(follows)
    job = job_ref(correlation_id=CORRELATION)
    ids.taken(JobTaken(job, f"00-{CORRELATION}-00f067aa0ba902b7-00"))
    assert ids.current_ids(job) is None
    assert ids.knows(job)
    assert no_ids(job) is None


@pytest.mark.parametrize(
    ("header", "sampled", "parent"),
    [
        (f"00-{CORRELATION}-00f067aa0ba902b7-01", None, "00f067aa0ba902b7"),
        (f"00-{CORRELATION}-00f067aa0ba902b7-01", True, "00f067aa0ba902b7"),
        (None, True, JobTrace(CORRELATION).enqueue_id),
        (None, None, None),
        ("not a header", None, None),
    ],
)
def test_the_parent_is_the_span_that_is_known_to_be_recorded(
    header: str | None, sampled: bool | None, parent: str | None
) -> None:
    found = TraceIds(follows).taken(JobTaken(job_ref(correlation_id=CORRELATION), header, sampled))
    assert found is not None
    assert (found.parent_id, found.message) == (parent, None)


def test_a_message_from_before_a_retry_is_no_parent_in_the_new_trace() -> None:
    job = job_ref(correlation_id=CORRELATION, retried=1)
    found = TraceIds(follows).taken(JobTaken(job, f"00-{CORRELATION}-00f067aa0ba902b7-00"))
    assert found is not None
    assert found.trace.trace_id == trace_id(CORRELATION, 1)
    assert found.parent_id is None
    assert found.message is not None
    assert found.message.parent_id == "00f067aa0ba902b7"


def test_attempts_that_ended_long_ago_are_forgotten() -> None:
    ids = TraceIds(follows)
    for job in range(KEPT + 1):
        ids.taken(JobTaken(job_ref(job + 1)))
    assert not ids.knows(job_ref(1))
    assert ids.knows(job_ref(2))
