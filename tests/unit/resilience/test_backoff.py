"""Failed calls are repeated at growing, random intervals until stopped."""

import pytest

from tonearm.resilience.backoff import Backoff, Rounds, retry


def test_pauses_double_up_to_the_cap() -> None:
    backoff = Backoff(0.5, 3.0, least=1.0)
    assert [backoff.delay_s(failures) for failures in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.delay_s(10_000) == 3.0


@pytest.mark.parametrize("least", [0.0, 0.5])
def test_pauses_are_spread(least: float) -> None:
    pauses = [Backoff(8.0, 8.0, least).delay_s(1) for _ in range(500)]
    assert least * 8.0 <= min(pauses) < least * 8.0 + 0.5
    assert 7.5 < max(pauses) <= 8.0


class Clock:
    """Notes the pauses, and stops after some."""

    def __init__(self, rounds: int) -> None:
        self.pauses: list[float] = []
        self._rounds = rounds

    def __call__(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return len(self.pauses) > self._rounds


def test_rounds_that_fail_come_ever_less_often() -> None:
    clock = Clock(4)
    assert list(Rounds(Backoff(1.0, 100.0, least=1.0), clock)) == [0, 1, 2, 3]
    assert clock.pauses == [0.0, 1.0, 2.0, 4.0, 8.0]


def test_a_round_that_succeeds_says_when_the_next_comes_and_ends_the_backing_off() -> None:
    clock = Clock(4)
    rounds = Rounds(Backoff(1.0, 100.0, least=1.0), clock)
    seen = []
    for failures in rounds:
        seen.append(failures)
        if failures == 2:
            rounds.succeeded(0.25)
    assert seen == [0, 1, 2, 0]
    assert clock.pauses == [0.0, 1.0, 2.0, 0.25, 1.0]


def test_who_is_stopped_already_begins_no_round() -> None:
    assert list(Rounds(Backoff(1.0, 1.0), lambda _: True)) == []


def test_a_call_is_made_again_until_it_succeeds() -> None:
    results = [OSError(), OSError(), "answer"]
    clock = Clock(99)

    def call() -> str:
        result = results.pop(0)
        if isinstance(result, OSError):
            raise result
        return str(result)

    assert retry(call, lambda error, _: isinstance(error, OSError), Backoff(1.0, 9.0, 1.0), clock) == "answer"
    assert clock.pauses == [1.0, 2.0]


def test_what_is_not_to_be_tried_again_is_raised() -> None:
    clock = Clock(99)

    def call() -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        retry(call, lambda _, failures: failures < 3, Backoff(1.0, 9.0, 1.0), clock)
    assert clock.pauses == [1.0, 2.0]
