"""A person relies on: telling others what happens never holds up what happens, and gaps are told as gaps."""

import pytest

from tonearm.events.facts import (
    Event,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    RunStarted,
    StageReached,
    StateChanged,
    Warned,
)
from tonearm.progress.notices import Outgoing, notice_of

PATH = b"/m/a.flac"


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            JobStarted(7, PATH, 9, "flac", 2, "low", 3),
            {"what": "job_started", "job": 7, "run": 3, "attempt": 2},
        ),
        (StageReached(7, "identify"), {"what": "stage_reached", "job": 7, "stage": "identify"}),
        (StageReached(7, "decode", 0.0), {"what": "stage_reached", "job": 7, "stage": "decode"}),
        (
            JobFinished(7, PATH, "quarantined", 1.0, code="not-audio"),
            {"what": "job_finished", "job": 7, "state": "quarantined", "code": "not-audio"},
        ),
        (
            JobRetrying(7, PATH, "crashed", "why", 1, 2.5),
            {"what": "job_retrying", "job": 7, "code": "crashed", "delay_s": 2.5},
        ),
        (
            JobReturned(7, PATH, "why", "cancelled"),
            {"what": "job_returned", "job": 7, "state": "cancelled"},
        ),
        (StateChanged(3, "paused", "why"), {"what": "state_changed", "run": 3, "state": "paused"}),
    ],
)
def test_what_happens_here_is_told_in_a_few_plain_values(event: Event, told: dict[str, object]) -> None:
    assert notice_of(event) == told


@pytest.mark.parametrize(
    "event",
    [
        StageReached(7, "decode", 0.5),
        RunStarted(1, 2),
        Warned("something"),
        JobStarted(7, PATH, 9, "flac", 2, "low", 3, worker="there"),
        JobFinished(7, PATH, "done", 1.0, worker="there"),
        JobRetrying(7, PATH, "crashed", "why", 1, 2.5, worker="there"),
        JobReturned(7, PATH, "why", worker="there"),
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


def test_what_could_not_be_sent_in_time_counts_as_dropped() -> None:
    outgoing = Outgoing(3)
    for number in range(5):
        outgoing.add({"what": number})
    outgoing.drop()
    outgoing.add({"what": 5})
    assert outgoing.collect() == [{"what": "dropped", "notices": 5}, {"what": 5}]
