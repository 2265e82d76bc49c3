"""Work takes longer in the wall clock's time when workers rest."""

import pytest

from tonearm.events.states import Shift
from tonearm.progress.shifts import WEEK_S, elapsed_s, resting

NOW = 1_780_000_000.0
HOUR, DAY = 3600.0, 86_400.0


def nights(slots: int = 1, begins_in: float = 10 * HOUR) -> Shift:
    """Nine hours of work a day, the first of which begins in some hours."""
    begin = NOW + begins_in
    return Shift(slots, tuple((begin + day * DAY, begin + day * DAY + 9 * HOUR) for day in range(9)))


def test_without_rests_work_takes_as_long_as_it_takes() -> None:
    assert elapsed_s(5000.0, NOW, ()) == 5000.0
    assert elapsed_s(5000.0, NOW, (Shift(4), Shift(2))) == 5000.0


@pytest.mark.parametrize(
    ("work_h", "elapsed_h"),
    [
        (1, 11),
        (9, 19),
        (9.5, 10 + 24 + 0.5),
        (27, 48 + 19),
        (63, 6 * 24 + 19),
        (64, 7 * 24 + 11),
        (630, 69 * 24 + 19),
    ],
)
def test_a_worker_that_works_nine_hours_a_day_needs_the_other_fifteen_too(
    work_h: float, elapsed_h: float
) -> None:
    assert elapsed_s(work_h * HOUR, NOW, (nights(),)) == pytest.approx(elapsed_h * HOUR)


def test_now_at_work_the_rest_comes_later() -> None:
    shift = nights(begins_in=-HOUR)
    assert elapsed_s(8 * HOUR, NOW, (shift,)) == pytest.approx(8 * HOUR)
    assert elapsed_s(9 * HOUR, NOW, (shift,)) == pytest.approx(24 * HOUR)


def test_while_some_rest_the_others_work_on() -> None:
    assert elapsed_s(5 * HOUR, NOW, (Shift(1), nights(1))) == pytest.approx(10 * HOUR)
    assert elapsed_s(6 * HOUR, NOW, (Shift(1), nights(1))) == pytest.approx(11 * HOUR)
    assert elapsed_s(5 * HOUR, NOW, (Shift(3), Shift(1, stopped=True))) == pytest.approx(5 * HOUR * 4 / 3)


def test_nobody_knows_how_long_it_takes_while_all_rest_for_load_or_battery() -> None:
    assert elapsed_s(1.0, NOW, (Shift(2, stopped=True),)) is None
    assert elapsed_s(0.0, NOW, (Shift(2, stopped=True),)) == 0.0


def test_all_rest_only_if_each_does() -> None:
    assert not resting((), NOW)
    assert resting((nights(), Shift(1, stopped=True)), NOW)
    assert not resting((nights(), Shift(1)), NOW)
    assert not resting((nights(),), NOW + 11 * HOUR)
    assert resting((nights(), Shift(0)), NOW)  # who only watches takes no jobs
    assert WEEK_S == 7 * DAY
