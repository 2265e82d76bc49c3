"""An idle worker queries the database rarely, and the more rarely the slower the answers are."""

from collections.abc import Collection, Sequence

import pytest

from tests.clock import Clock
from tonearm.errors import StorageUnavailable
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome, Result
from tonearm.names import PathMap
from tonearm.worker import job_taker, pending_writes
from tonearm.worker.job_taker import LONGEST_PAUSE_S, PAUSE_FACTOR, SHORTEST_PAUSE_S, JobTaker
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.pending_writes import PendingWrites


class EmptyQueue:
    """A queue without jobs that answers after a while."""

    def __init__(self, clock: Clock, answer_s: float) -> None:
        self._clock = clock
        self._answer_s = answer_s

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:  # noqa: ARG002  the port's
        """Nothing."""
        self._clock.now += self._answer_s
        return ()

    def finish_and_take(
        self,
        finished: Sequence[tuple[Lease, Result]],
        unmounted: Collection[UnmountedPlace],
        at_most: int,
    ) -> tuple[Sequence[AttemptOutcome | None], Sequence[Lease]]:
        """Not called."""
        raise NotImplementedError

    def rest(self) -> None:
        """Not called."""

    def count_waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:  # noqa: ARG002  the port's
        """None."""
        self._clock.now += self._answer_s
        return 0

    def acknowledge(self, lease: Lease) -> None:
        """Not called."""

    def dead_letter(self, lease: Lease) -> None:
        """Not called."""

    def close(self) -> None:
        """Not called."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(job_taker, "time", clock)
    return clock


def taker(clock: Clock, answer_s: float) -> JobTaker:
    return JobTaker(
        EmptyQueue(clock, answer_s),
        PendingWrites(1.0),
        MountGuard(PathMap(()), lambda *_: ()),
        lambda _: None,
    )


def test_an_empty_queue_is_left_alone_for_a_moment_and_asked_at_once_after_a_wake_up(clock: Clock) -> None:
    jobs = taker(clock, 0.0)
    now = clock.now
    assert not jobs.is_paused(now)
    taken: list[Sequence[Lease]] = []
    jobs.take(3, taken.append)
    assert not taken
    assert jobs.is_paused(now + SHORTEST_PAUSE_S - 0.01)
    assert not jobs.is_paused(now + SHORTEST_PAUSE_S)
    jobs.wake()
    assert not jobs.is_paused(now)


@pytest.mark.parametrize(
    ("answer_s", "pause_s"), [(0.1, 0.1 * PAUSE_FACTOR), (LONGEST_PAUSE_S, LONGEST_PAUSE_S)]
)
def test_a_slow_answer_is_followed_by_a_long_rest_that_has_a_limit(
    clock: Clock, answer_s: float, pause_s: float
) -> None:
    jobs = taker(clock, answer_s)
    assert jobs.count_waiting(3) == 0
    assert jobs.is_paused(clock.now + pause_s - 0.01)
    assert not jobs.is_paused(clock.now + pause_s + 0.01)


def test_an_empty_answer_of_a_queue_does_not_tell_that_the_database_answers_again(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(pending_writes, "PAUSE_S", 0.0)
    pending = PendingWrites(1.0)
    jobs = JobTaker(EmptyQueue(clock, 0.0), pending, MountGuard(PathMap(()), lambda *_: ()), lambda _: None)

    def unreachable() -> None:
        raise StorageUnavailable("it does not answer")

    pending.read(unreachable)
    jobs.take(1, lambda _: None)
    assert jobs.count_waiting(1) == 0
    assert pending.failure == "it does not answer"
    pending.read(lambda: None)
    assert pending.failure is None
