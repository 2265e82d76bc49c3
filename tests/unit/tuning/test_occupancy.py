"""What slots did is noted from the facts of a supervisor, within the time in which all of them had files."""

import pytest

from tests.clock import Clock
from tests.unit.facts import job_ref
from tonearm.events.facts import (
    ChildEnded,
    ChildReady,
    ChildStarted,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
)
from tonearm.tuning.occupancy import Occupancy


@pytest.fixture
def clock() -> Clock:
    return Clock(0.0)


def finished(job: int, store_s: float = 0.0) -> JobFinished:
    return JobFinished(job_ref(job), "done", 1.0, store_s, {"decode": 0.5}, 200.0)


def test_the_window_begins_when_every_slot_has_had_a_file(clock: Clock) -> None:
    occupancy = Occupancy(2, jobs=100, clock=clock)
    occupancy(JobStarted(job_ref(1), pid=11))
    assert occupancy.window(9.0) is None
    clock.now = 1.0
    occupancy(finished(1, store_s=0.25))
    occupancy(JobStarted(job_ref(2), pid=11))
    assert not occupancy.full.is_set()
    clock.now = 2.0
    occupancy(JobStarted(job_ref(3), pid=12))
    assert occupancy.full.is_set()
    clock.now = 5.0
    occupancy(JobReturned(job_ref(3), "given back"))
    occupancy(finished(2))
    assert occupancy.window(5.0) == (2.0, 5.0)
    assert occupancy.busy_share((2.0, 5.0)) == 1.0
    assert [(work.began, work.ended) for work in occupancy.finished_in((2.0, 5.0))] == [(1.0, 5.0)]
    assert occupancy.works[0].ended == 0.75  # the result waited for a quarter of a second


def test_the_window_ends_when_a_slot_finds_the_queue_empty(clock: Clock) -> None:
    occupancy = Occupancy(1, jobs=2, clock=clock)
    for job in (1, 2):
        occupancy(JobStarted(job_ref(job), pid=11))
        clock.now += 3.0
        occupancy(finished(job))
    assert occupancy.window(60.0) == (0.0, 6.0)
    assert occupancy.has_finished(2)
    assert not occupancy.has_finished(3)


def test_time_without_a_file_counts_as_idle(clock: Clock) -> None:
    occupancy = Occupancy(1, jobs=9, clock=clock)
    occupancy(JobStarted(job_ref(1), pid=11))
    clock.now = 1.0
    occupancy(finished(1))
    clock.now = 3.0
    occupancy(JobStarted(job_ref(2), pid=11))
    clock.now = 4.0
    occupancy(finished(2))
    assert occupancy.busy_share((0.0, 4.0)) == 0.5


def test_failures_and_children_are_noted(clock: Clock) -> None:
    occupancy = Occupancy(1, jobs=9, clock=clock)
    occupancy(ChildStarted(11))
    occupancy(ChildReady(11, 0.7))
    occupancy(JobStarted(job_ref(1), pid=11))
    occupancy(JobRetrying(job_ref(1), "x", "it can't be read", 1.0))
    occupancy(ChildEnded(11, "killed by signal 9", "killed", job_ref(1)))
    assert occupancy.failures == ["it can't be read", "killed by signal 9"]
    assert (occupancy.start_s, occupancy.children) == ([0.7], set())
    assert occupancy.finished_in((0.0, 1.0)) == []
