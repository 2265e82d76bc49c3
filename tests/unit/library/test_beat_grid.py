"""Beats that are counted in another way stay on the music."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.library.beat_grid import RATIOS, constant_grid, counted_anew, ratio_of


@pytest.mark.parametrize(
    ("ratio", "beats"),
    [
        ("1", [1.0, 2.0, 3.0, 4.0]),
        ("2", [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]),
        ("1/2", [1.0, 3.0]),
        ("3/2", [1.0, 1.667, 2.333, 3.0, 3.667]),
        ("2/3", [1.0, 2.5, 4.0]),
        ("3/4", [1.0, 2.333, 3.667]),
    ],
)
def test_beats_are_halved_doubled_and_parted_in_thirds(ratio: str, beats: list[float]) -> None:
    assert counted_anew([1.0, 2.0, 3.0, 4.0], Fraction(ratio)) == beats


def test_a_gap_without_beats_stays_one_and_the_count_begins_anew_behind_it() -> None:
    assert counted_anew([0, 1, 2, 3, 9, 10, 11], Fraction(2))[6:9] == [3, 9, 9.5]
    assert counted_anew([0, 1, 2, 3, 9, 10, 11], Fraction(1, 2)) == [0, 2, 9, 11]


def test_nothing_comes_of_nothing() -> None:
    assert [counted_anew(beats, Fraction(2)) for beats in ([], [1.0])] == [[], [1.0]]


@given(
    st.lists(st.floats(0.3, 0.6), min_size=2, max_size=50),
    st.sampled_from(RATIOS),
)
def test_the_number_of_beats_follows_the_factor(intervals: list[float], ratio: Fraction) -> None:
    beats = [sum(intervals[:number]) for number in range(len(intervals) + 1)]
    between = [later - earlier for earlier, later in pairwise(beats)]  # rounded as the beats are
    if any(long > 1.8 * short for short, long in pairwise(between)):
        return
    counted = counted_anew(beats, ratio)
    assert len(counted) == int(len(intervals) * ratio) + 1
    assert counted == sorted(counted)
    assert counted[-1] <= round(beats[-1], 3) + 0.001


@pytest.mark.parametrize(
    ("bpm", "measured", "ratio"),
    [(174, 87.02, "2"), (86.5, 87.0, "1"), (65.5, 87.0, "3/4"), (100, 87.0, None), (100, None, None)],
)
def test_a_tempo_near_a_multiple_counts_the_same_beats(
    bpm: float, measured: float | None, ratio: str | None
) -> None:
    assert ratio_of(bpm, measured) == (None if ratio is None else Fraction(ratio))


def test_a_constant_grid_ends_with_the_sound() -> None:
    assert constant_grid(120, 0.1, 1.2) == [0.1, 0.6, 1.1]
    assert constant_grid(120, 2.0, 1.0) == []
