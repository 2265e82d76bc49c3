"""The anchors of a grid put its beats where the beats of the music are."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.export.beat_anchors import Anchor, anchors


def beats_at(*parts: tuple[float, int], start_s: float = 0.5) -> list[float]:
    """Beats of some tempi, each for a number of intervals."""
    found = [start_s]
    for bpm, count in parts:
        found += [found[-1] + number * 60 / bpm for number in range(1, count + 1)]
    return found


def nearest_s(grid: Sequence[Anchor], at_s: float) -> float:
    """The distance of a time from the nearest beat of a grid."""
    anchor = max((each for each in grid if each.at_s <= at_s + 0.1), key=lambda each: each.at_s)
    period_s = 60 / anchor.bpm
    return abs((at_s - anchor.at_s + period_s / 2) % period_s - period_s / 2)


def test_steady_music_has_one_anchor_of_the_tempo_of_the_track() -> None:
    [anchor] = anchors([round(at, 3) for at in beats_at((128.0, 600))], 128.004)
    assert anchor.at_s == pytest.approx(0.5, abs=0.01)
    assert (anchor.bpm, anchor.number) == (128.004, 0)


def test_a_change_of_tempo_begins_a_new_stretch_with_the_number_of_its_beat() -> None:
    first, second = anchors(beats_at((120.0, 64), (90.0, 32)), 120.0)
    assert [first.bpm, second.bpm] == pytest.approx([120.0, 90.0], abs=0.05)
    assert (first.number, second.number) == (0, 64)
    assert second.at_s == pytest.approx(32.5, abs=0.01)


def test_beats_go_on_being_counted_through_a_gap() -> None:
    before = beats_at((120.0, 7))
    after = beats_at((120.0, 8), start_s=before[-1] + 4.0)
    first, second = anchors(before + after, 120.0)
    assert (first.number, second.number) == (0, 7 + 8)


@given(
    st.lists(st.tuples(st.floats(60, 180), st.integers(8, 60)), min_size=1, max_size=5),
    st.lists(st.floats(-0.005, 0.005), min_size=1, max_size=20),
)
def test_no_beat_is_far_from_the_grid(parts: list[tuple[float, int]], errors: list[float]) -> None:
    beats = [at + errors[number % len(errors)] for number, at in enumerate(beats_at(*parts))]
    grid = anchors(beats, None)
    assert max(nearest_s(grid, at) for at in beats) < 0.06
    assert [each.number for each in grid] == sorted({each.number for each in grid})


def test_one_beat_is_no_grid() -> None:
    assert [anchors(beats, 120.0) for beats in ([], [1.0])] == [[], []]
