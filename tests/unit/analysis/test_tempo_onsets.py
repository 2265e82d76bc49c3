import numpy as np
import pytest

from tonearm.analysis import onsets
from tonearm.analysis.analyser import Float32
from tonearm.analysis.onsets import LAG, SEGMENT_FRAMES, OnsetStream, spread


def steps(at: list[int], frames: int) -> Float32:
    mel = np.full((frames, 40), 1e-3, np.float32)
    for frame in at:
        mel[frame : frame + 10] = 1.0
    return mel


def test_strength_rises_where_sound_starts_and_nowhere_else() -> None:
    stream = OnsetStream(86.13)
    stream.push(steps([100, 200, 300], 400))
    full = stream.finish().full
    inside = [frame for start in (100, 200, 300) for frame in range(start, start + LAG)]
    assert full[inside].min() > 1
    assert np.delete(full, inside).max() == 0


def test_a_quiet_second_segment_is_heard_at_its_own_level() -> None:
    mel = steps(list(range(50, 2 * SEGMENT_FRAMES - 50, 100)), 2 * SEGMENT_FRAMES)
    mel[SEGMENT_FRAMES:] *= 1e-4
    stream = OnsetStream(86.13)
    for start in range(0, len(mel), 5000):
        stream.push(mel[start : start + 5000])
    full = stream.finish().full
    first, second = full[SEGMENT_FRAMES // 2 : SEGMENT_FRAMES], full[SEGMENT_FRAMES + SEGMENT_FRAMES // 2 :]
    assert second.max() > 0.5 * first.max()


def test_no_more_than_a_segment_of_mel_powers_is_kept() -> None:
    stream = OnsetStream(86.13)
    for _ in range(3 * SEGMENT_FRAMES // 10_000):
        stream.push(np.ones((10_000, 40), np.float32))
        assert stream.held <= SEGMENT_FRAMES


def test_normalising_in_chunks_equals_normalising_at_once() -> None:
    random = np.random.default_rng(0).random(3 * onsets.CHUNK + 17).astype(np.float32)
    span = 87
    found, unit = onsets.normalised([random], span, 1e-3)
    around = np.convolve(random.astype(np.float64), np.ones(span) / span, "same")
    expected = np.maximum(random - around, 0)
    assert np.allclose(found, expected / expected.std(), atol=1e-4)
    assert unit == pytest.approx(expected.std(), rel=1e-4)


def test_spread_takes_the_greatest_of_three_neighbours() -> None:
    assert list(spread(np.array([0, 3, 0, 0, 1], np.float32))) == [3, 3, 3, 1, 1]


def test_repetition_peaks_at_the_distance_of_onsets() -> None:
    stream = OnsetStream(86.13)
    stream.push(steps(list(range(50, 3000, 43)), 3000))
    curve = stream.finish().repetition
    assert curve[0] == 1
    assert curve[20:60].argmax() + 20 == 43
    assert curve[43] > 0.9
    assert curve[21] < 0.1


def test_repetition_is_not_measured_beyond_the_file() -> None:
    stream = OnsetStream(86.13)
    stream.push(steps([20, 60], 100))
    assert not stream.finish().repetition[100:].any()
