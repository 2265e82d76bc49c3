"""Spectral peaks vote for the right pitches, however the stream is cut and however long it is."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis.sounds import RATE_HZ, cadence, noise, tone
from tonearm.analysis.chroma import Chroma, PitchVotes
from tonearm.analysis.peaks import find_peaks


def chroma_of(samples: np.ndarray, cuts: list[int]) -> Chroma | None:
    votes = PitchVotes(RATE_HZ)
    for piece in np.split(samples, sorted(cut % len(samples) for cut in cuts)):
        votes.push(piece)
    return votes.finish()


@given(st.lists(st.integers(0, 200_000), max_size=6))
@settings(max_examples=15, deadline=None)
def test_the_way_a_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    samples = cadence(5, "minor")
    whole, cut = chroma_of(samples, []), chroma_of(samples, cuts)
    assert whole is not None
    assert cut is not None
    assert np.array_equal(whole.classes, cut.classes)
    assert (whole.tuning_cents, whole.tonality) == (cut.tuning_cents, cut.tonality)


@pytest.mark.parametrize("pitch", range(45, 82, 4))
def test_a_single_note_is_its_own_pitch_class(pitch: int) -> None:
    chroma = chroma_of(tone(440 * 2 ** ((pitch - 69) / 12), 3.0), [])
    assert chroma is not None
    assert chroma.classes.argmax() == pitch % 12
    assert chroma.tuning_cents == pytest.approx(0.0, abs=1.0)


def test_music_is_far_more_tonal_than_noise() -> None:
    music, hiss = chroma_of(cadence(0, "major"), []), chroma_of(noise(8.0), [])
    assert music is not None
    assert hiss is not None
    assert music.tonality > 100 * hiss.tonality


def test_only_sounding_time_counts() -> None:
    samples = np.concatenate([np.zeros(10 * RATE_HZ, np.float32), noise(4.0)])
    chroma = chroma_of(samples, [])
    assert chroma is not None
    assert chroma.sounding_s == pytest.approx(4.0, abs=0.4)


def test_memory_does_not_grow_with_the_stream() -> None:
    votes, block = PitchVotes(RATE_HZ), noise(10.0)
    votes.push(block)
    tracemalloc.start()
    for _ in range(30):
        votes.push(block)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_a_peak_between_two_bins_is_placed_between_them() -> None:
    size, bin_ = 1024, 100.3
    window = np.hanning(size + 1)[:-1]
    wave = np.cos(2 * np.pi * bin_ * np.arange(size) / size) * window * 2 / window.sum()
    spectrum = np.abs(np.fft.rfft(wave)).astype(np.float32)[None, :]
    peaks = find_peaks(spectrum)
    assert peaks.bins + peaks.offsets == pytest.approx([bin_], abs=0.03)
    assert peaks.strengths == pytest.approx([1.0])
