"""The rounds that are measured cover the likely numbers of workers within the time that there is."""

import pytest

from tonearm.tuning.plan import Budget, candidates, contenders, least_measured, most_workers
from tonearm.tuning.throughput import Speed


@pytest.mark.parametrize(
    ("cores", "now", "most", "expected"),
    [
        (1, 1, 512, [1, 2]),
        (2, 2, 512, [1, 2, 3, 4]),
        (4, 4, 512, [1, 2, 3, 4, 5, 6, 8]),
        (2, 9, 512, [1, 2, 3, 4, 9]),
        (2, 9, 3, [1, 2, 3]),
        (2, 0, 512, [1, 2, 3, 4]),
        (0.5, 1, 512, [1, 2]),
        (4, 4, 0, [1]),
    ],
)
def test_numbers_from_one_to_twice_the_cores_and_the_present_one_are_measured(
    cores: float, now: int, most: int, expected: list[int]
) -> None:
    assert candidates(cores, now, most) == expected


def test_many_cores_are_covered_in_steps_that_grow() -> None:
    found = candidates(64, 64, 512)
    assert len(found) < 18
    assert {1, 2, 64, 65, 128} <= set(found)


def test_the_fastest_and_the_present_number_are_measured_again_in_turn() -> None:
    speeds = {1: Speed((50.0,)), 2: Speed((100.0,)), 3: Speed((98.0,)), 4: Speed((90.0, 91.0))}
    assert contenders(speeds, 1) == [1, 2, 3]
    assert contenders(speeds, 2) == [2, 3, 4]
    assert least_measured(speeds, [1, 2, 4]) == 2
    assert contenders({}, 1) == []


def test_a_round_is_as_long_as_the_time_allows() -> None:
    assert Budget(80).window_s(4) == pytest.approx(80 / 13 - 2)
    assert Budget(3).window_s(4) == 0.5
    assert Budget(3600).window_s(2) == 30


def test_workers_are_limited_by_the_memory() -> None:
    assert most_workers(None, 60, 50) == 512
    assert most_workers(1000, 60, 50) == 16
    assert most_workers(100, 90, 50) == 1
