"""A value that is slow to read delays nobody for long, and is never shown when it is old or can't be read."""

import threading
from collections.abc import Callable

import pytest

from tests.clock import Clock
from tonearm.errors import StorageUnavailable
from tonearm.telemetry.refreshed import LONGEST_VALID_S, VALID_S, Refreshed


@pytest.fixture
def clock() -> Clock:
    return Clock()


def counting() -> Callable[[], int]:
    count = 0

    def read() -> int:
        nonlocal count
        count += 1
        return count

    return read


def test_a_value_is_kept_for_some_seconds(clock: Clock) -> None:
    value = Refreshed(counting(), "x", clock)
    assert [value.get(60), value.get(60)] == [1, 1]
    clock.now += VALID_S
    assert value.get(60) == 2


def test_a_value_that_takes_long_to_read_is_kept_longer_but_never_for_long(clock: Clock) -> None:
    def slow() -> int:
        clock.now += 60
        return 1

    value = Refreshed(slow, "x", clock)
    assert value.get(60) == 1
    clock.now += LONGEST_VALID_S - 0.1
    began = clock.now
    assert (value.get(60), clock.now) == (1, began)


def test_a_value_that_does_not_come_in_time_is_absent_and_read_once() -> None:
    let_go, began = threading.Event(), []

    def slow() -> int:
        began.append(1)
        let_go.wait(60)
        return 1

    value = Refreshed(slow, "x")
    assert [value.get(0.01), value.get(0.01)] == [None, None]
    let_go.set()
    assert value.get(60) == 1
    assert len(began) == 1


def test_after_a_failure_there_is_no_value_and_the_next_call_reads_again(clock: Clock) -> None:
    answers: list[int | Exception] = [1, StorageUnavailable("away"), 2]

    def read() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = Refreshed(read, "x", clock)
    assert value.get(60) == 1
    clock.now += VALID_S
    assert [value.get(60), value.get(60)] == [None, 2]


def test_an_error_of_ours_is_reported_once(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    def read() -> int:
        raise ValueError("mine")

    value = Refreshed(read, "the reader", clock)
    assert [value.get(60), value.get(60)] == [None, None]
    assert capsys.readouterr().err.count("the reader failed: ValueError: mine") == 1


def test_after_it_is_closed_nothing_is_read(clock: Clock) -> None:
    value = Refreshed(counting(), "x", clock)
    value.close(1)
    assert value.get(60) is None
