import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tonearm.analysis.beats import fit_line, track_beats


def impulses(frames: list[int], count: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    strength = np.zeros(count, np.float32)
    strength[frames] = 5
    return strength


def test_beats_are_placed_on_the_onsets() -> None:
    onsets = list(range(10, 1000, 43))
    found = track_beats(impulses(onsets, 1000), np.full(1000, 43, np.float32))
    assert list(found) == onsets


def test_a_missing_onset_is_bridged() -> None:
    onsets = list(range(10, 1000, 43))
    played = [onset for onset in onsets if onset != onsets[9]]
    found = list(track_beats(impulses(played, 1000), np.full(1000, 43, np.float32)))
    assert len(found) == len(onsets)
    assert abs(found[9] - onsets[9]) <= 1


def test_beats_follow_a_period_that_changes() -> None:
    onsets = [*range(10, 500, 40), *range(515, 1000, 50)]
    period = np.where(np.arange(1000) < 500, 40, 50).astype(np.float32)
    found = set(track_beats(impulses(onsets, 1000), period).tolist())
    assert len(found & set(onsets)) >= len(onsets) - 2


def test_without_frames_there_are_no_beats() -> None:
    assert len(track_beats(np.zeros(0, np.float32), np.zeros(0, np.float32))) == 0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.floats(4, 130))
def test_beats_ascend_within_the_allowed_intervals(seed: int, count: int, period: float) -> None:
    strength = np.random.default_rng(seed).random(count).astype(np.float32)
    gaps = np.diff(track_beats(strength, np.full(count, period, np.float32)))
    assert (gaps >= max(1, int(0.7 * np.float32(period)))).all()
    assert (gaps <= np.ceil(1.4 * np.float32(period))).all()


def test_a_line_through_jittered_beats_has_their_mean_period() -> None:
    random = np.random.default_rng(0)
    times = 0.3 + 0.5 * np.arange(200) + random.normal(0, 0.01, 200)
    line = fit_line(times, 0.502)
    assert line is not None
    assert line.period_s == pytest.approx(0.5, rel=2e-4)
    assert line.spread_s < 0.015


def test_a_line_counts_missed_beats() -> None:
    times = 0.5 * np.array([0, 1, 2, 4, 5, 8, 9, 10])
    line = fit_line(times, 0.5)
    assert line is not None
    assert line.period_s == pytest.approx(0.5)


def test_three_beats_have_no_line() -> None:
    assert fit_line(np.array([0.0, 0.5, 1.0]), 0.5) is None
