"""Sending notices never delays the work, and gaps are reported."""

import pytest

from tests.unit.facts import job_ref
from tonearm.events.event import Event
from tonearm.events.facts import (
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    Remote,
    RunStarted,
    RunStateChanged,
    StageReached,
    Warned,
    WorkerStateChanged,
)
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import RunState, StorageState, WarningCode, WorkerState
from tonearm.progress.notices import Outgoing, notice_of

JOB = job_ref(7, attempt=2, correlation_id="c7")
NAMED = {"job": 7, "correlation_id": "c7"}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (JobStarted(JOB), {"what": "job_started", "run": 3, "attempt": 2, **NAMED}),
        (StageReached(JOB, "identify"), {"what": "stage_reached", "stage": "identify", **NAMED}),
        (StageReached(JOB, "decode", 0.0), {"what": "stage_reached", "stage": "decode", **NAMED}),
        (
            JobFinished(JOB, "quarantined", 1.0, code="not-audio"),
            {"what": "job_finished", "state": "quarantined", "code": "not-audio", **NAMED},
        ),
        (
            JobRetrying(JOB, "crashed", "why", 2.5),
            {"what": "job_retrying", "code": "crashed", "delay_s": 2.5, **NAMED},
        ),
        (JobReturned(JOB, "why", "cancelled"), {"what": "job_returned", "state": "cancelled", **NAMED}),
        (
            RunStateChanged(3, RunState.PAUSED, "why"),
            {"what": "run_state_changed", "run": 3, "state": "paused"},
        ),
        (
            StorageStateChanged(StorageState.WAITING),
            {"what": "storage_state_changed", "state": "waiting"},
        ),
        (
            WorkerStateChanged("here", WorkerState.DRAINING),
            {"what": "worker_state_changed", "state": "draining"},
        ),
    ],
)
def test_what_happens_here_is_told_in_a_few_plain_values(event: Event, told: dict[str, object]) -> None:
    assert notice_of(event) == told


@pytest.mark.parametrize(
    "event",
    [
        StageReached(JOB, "decode", 0.5),
        RunStarted(1, 2, f"{1:032x}"),
        Warned(WarningCode.NO_SANDBOX, "something"),
        Remote(JobStarted(JOB)),
        Remote(StageReached(JOB, "identify")),
        Remote(JobFinished(JOB, "done", 1.0)),
        Remote(JobRetrying(JOB, "crashed", "why", 2.5)),
        Remote(JobReturned(JOB, "why")),
    ],
)
def test_what_would_be_too_much_and_what_others_tell_themselves_is_left_out(event: Event) -> None:
    assert notice_of(event) is None


def test_notices_are_collected_once_in_their_order() -> None:
    outgoing = Outgoing()
    for number in range(5):
        outgoing.add({"what": number})
    assert [message["what"] for message in outgoing.collect()] == list(range(5))
    assert outgoing.collect() == []


def test_when_there_is_no_room_the_oldest_are_dropped_and_their_number_is_told() -> None:
    outgoing = Outgoing(3)
    for number in range(10):
        outgoing.add({"what": number})
    assert outgoing.collect() == [{"what": "dropped", "notices": 7}, *({"what": n} for n in (7, 8, 9))]
    outgoing.add({"what": 10})
    assert outgoing.collect() == [{"what": 10}]
    assert outgoing.dropped == 7


def test_what_could_not_be_sent_in_time_counts_as_dropped() -> None:
    outgoing = Outgoing(3)
    for number in range(5):
        outgoing.add({"what": number})
    outgoing.drop()
    outgoing.add({"what": 5})
    assert outgoing.collect() == [{"what": "dropped", "notices": 5}, {"what": 5}]
    assert outgoing.dropped == 5
