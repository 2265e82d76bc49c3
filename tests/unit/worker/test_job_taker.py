"""An idle worker queries the database rarely, and the more rarely the slower the answers are."""

import time
from collections.abc import Collection, Sequence

import pytest

from tonearm.errors import StorageUnavailable
from tonearm.jobs.job import Lease, UnmountedPlace
from tonearm.jobs.port import AttemptOutcome, Result
from tonearm.names import PathMap
from tonearm.worker import pending_writes
from tonearm.worker.job_taker import LONGEST_PAUSE_S, PAUSE_FACTOR, SHORTEST_PAUSE_S, JobTaker
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.pending_writes import PendingWrites


class EmptyQueue:
    """A queue without jobs that answers after a while."""

    def __init__(self, answer_s: float) -> None:
        self._answer_s = answer_s

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:  # noqa: ARG002  the port's
        """Nothing."""
        time.sleep(self._answer_s)
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
        time.sleep(self._answer_s)
        return 0

    def acknowledge(self, lease: Lease) -> None:
        """Not called."""

    def dead_letter(self, lease: Lease) -> None:
        """Not called."""

    def close(self) -> None:
        """Not called."""


def taker(answer_s: float) -> JobTaker:
    return JobTaker(
        EmptyQueue(answer_s), PendingWrites(1.0), MountGuard(PathMap(()), lambda *_: ()), lambda _: None
    )


def test_an_empty_queue_is_left_alone_for_a_moment_and_asked_at_once_after_a_wake_up() -> None:
    jobs = taker(0.0)
    now = time.monotonic()
    assert not jobs.is_paused(now)
    taken: list[Sequence[Lease]] = []
    jobs.take(3, taken.append)
    assert not taken
    assert jobs.is_paused(now + SHORTEST_PAUSE_S - 0.01)
    assert not jobs.is_paused(now + SHORTEST_PAUSE_S + 0.4)
    jobs.wake()
    assert not jobs.is_paused(now)


def test_a_slow_answer_is_followed_by_a_long_rest_that_has_a_limit() -> None:
    jobs = taker(0.1)
    now = time.monotonic()
    assert jobs.count_waiting(3) == 0
    assert jobs.is_paused(now + 0.1 * PAUSE_FACTOR)
    assert not jobs.is_paused(time.monotonic() + LONGEST_PAUSE_S + 0.1)


def test_an_empty_answer_of_a_queue_does_not_tell_that_the_database_answers_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pending_writes, "PAUSE_S", 0.0)
    pending = PendingWrites(1.0)
    jobs = JobTaker(EmptyQueue(0.0), pending, MountGuard(PathMap(()), lambda *_: ()), lambda _: None)

    def unreachable() -> None:
        raise StorageUnavailable("it does not answer")

    pending.read(unreachable)
    jobs.take(1, lambda _: None)
    assert jobs.count_waiting(1) == 0
    assert pending.failure == "it does not answer"
    pending.read(lambda: None)
    assert pending.failure is None
