"""The loudness of several tracks together follows from their counted blocks."""

import math
from typing import Any

import numpy as np
import pytest

from tests.unit.analysis.test_loudness import measure, tone
from tonearm.analysis.analyser import Float64
from tonearm.analysis.loudness import integrated_loudness
from tonearm.analysis.loudness_blocks import counted, joined_loudness, lufs_of, power_of

STEP_ERROR_LU = 0.05
"""Half of the tenth of a unit to which blocks are counted."""


def joined_of(*tracks: Float64) -> float | None:
    found = [counted(map(lufs_of, track.tolist())) for track in tracks]
    return joined_loudness(blocks for blocks in found if blocks is not None)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_off_by_half_a_step_at_most(seed: int) -> None:
    random = np.random.default_rng(seed)
    tracks = [
        power_of(0) * 10 ** random.normal(-2.5, random.uniform(0.05, 0.6), random.integers(50, 3000))
        for _ in range(5)
    ]
    exact = integrated_loudness(np.concatenate(tracks))
    joined = joined_of(*tracks)
    assert exact is not None
    assert joined == pytest.approx(exact, abs=STEP_ERROR_LU)


def test_tones_at_several_levels_have_the_mean_of_their_powers() -> None:
    levels = {-20.0: 20, -26.0: 10, -50.0: 40}
    tracks: list[Any] = [measure(tone((level, s))).series["loudness_blocks"] for level, s in levels.items()]
    heard = {level: 10 * seconds - 3 for level, seconds in levels.items() if level > -40}
    power = sum(number * 10 ** (level / 10) for level, number in heard.items()) / sum(heard.values())
    assert joined_loudness(tracks) == pytest.approx(10 * math.log10(power), abs=0.1)


def test_silence_has_no_blocks_and_changes_nothing() -> None:
    assert counted([-71.0, -80.0]) is None
    assert joined_loudness([]) is None
    one = counted([-20.0] * 10)
    assert one == {"lowest_lufs": -20.0, "counts": [10]}
    assert joined_loudness([one]) == pytest.approx(-20.0)
