"""The speed of a round does not depend on which files it got to."""

import pytest

from tests.unit.tuning.rounds import FILES, a_round
from tonearm.tuning.throughput import Speed, speeds


def test_rounds_that_got_to_other_files_are_compared_as_if_with_the_same() -> None:
    expensive_first = sorted(FILES, key=lambda file: -file[1])
    cheap_first = sorted(FILES, key=lambda file: file[1])
    rounds = [
        a_round(1, 1.0, files=FILES),
        a_round(2, 1.1, files=expensive_first),
        a_round(1, 1.0, files=cheap_first),
        a_round(4, 2.2, files=expensive_first),
    ]
    one, two, again, four = speeds([each.times for each in rounds])
    assert again == pytest.approx(one, rel=0.001)
    assert two == pytest.approx(one * 2 / 1.1, rel=0.001)
    assert four == pytest.approx(one * 4 / 2.2, rel=0.001)


def test_the_speed_is_in_files_a_second_with_idle_slots_counted_out() -> None:
    busy = speeds([a_round(2, 1.0, files=[(b"/m/a", 0.5)] * 40).times])
    half = speeds([a_round(2, 1.0, files=[(b"/m/a", 0.5)] * 40, busy=0.5).times])
    assert busy == pytest.approx([4.0])
    assert half == pytest.approx([2.0])


def test_a_round_without_a_file_has_no_speed() -> None:
    assert speeds([]) == []
    assert speeds([a_round(1, 1.0, window_s=0.1).times]) == [0.0]
    assert speeds([a_round(1, 1.0, window_s=0.1).times, a_round(1, 1.0).times])[0] == 0.0


def test_one_speed_is_above_another_only_if_it_was_each_time() -> None:
    assert Speed((110.0, 112.0, 111.0)).is_above(Speed((100.0, 101.0, 99.0)), 0.03)
    assert not Speed((110.0, 112.0, 100.5)).is_above(Speed((100.0, 101.0, 99.0)), 0.03)
    assert not Speed((102.0, 102.5, 102.2)).is_above(Speed((100.0, 101.0, 99.0)), 0.03)
    assert Speed((90.0, 100.0, 120.0)).spread == pytest.approx(0.15)
