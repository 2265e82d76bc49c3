"""How long a sound stays as it is."""

import numpy as np
import pytest

from tonearm.analysis.analyser import Float32
from tonearm.analysis.steadiness import Steadiness


def measured(levels: Float32) -> tuple[float, float]:
    """What is found in (n, bands) levels."""
    found = Steadiness()
    found.push(levels)
    return found.mean()


def random_levels(frames: int) -> Float32:
    """Levels of 40 bands that know nothing of each other."""
    return np.random.default_rng(1).random((frames, 40)).astype(np.float32)


def test_a_held_chord_stays_and_noise_does_not() -> None:
    held = np.repeat(random_levels(1), 2000, axis=0)
    assert measured(held) == pytest.approx((1, 1), abs=1e-3)
    assert measured(random_levels(2000)) == pytest.approx((0, 0), abs=0.02)


def test_chords_stay_for_a_moment_and_change_within_two_seconds() -> None:
    short, long = measured(np.repeat(random_levels(50), 60, axis=0))
    assert short > 0.85
    assert long < 0.1


def test_short_and_silent_sounds_have_no_steadiness() -> None:
    assert measured(random_levels(5)) == (0, 0)
    assert measured(np.zeros((500, 40), np.float32)) == (0, 0)
