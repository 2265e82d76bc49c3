"""Spectral peaks vote for the right pitches, however the stream is cut and however long it is."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.analysis.sounds import RATE_HZ, cadence, noise, tone
from tonearm.analysis.chroma import Chroma, PitchVotes, Votes
from tonearm.analysis.peaks import find_peaks


def votes_of(samples: np.ndarray, cuts: list[int]) -> Votes | None:
    votes = PitchVotes(RATE_HZ)
    for piece in np.split(samples, sorted(cut % len(samples) for cut in cuts)):
        votes.push(piece)
    return votes.finish()


def chroma_of(samples: np.ndarray) -> Chroma:
    votes = votes_of(samples, [])
    assert votes is not None
    return votes.whole()


@given(st.lists(st.integers(0, 200_000), max_size=6))
@settings(max_examples=15, deadline=None)
def test_the_way_a_stream_is_cut_changes_nothing(cuts: list[int]) -> None:
    samples = cadence(5, "minor")
    whole, cut = votes_of(samples, []), votes_of(samples, cuts)
    assert whole is not None
    assert cut is not None
    assert np.array_equal(whole.windows, cut.windows)
    assert (whole.tuning_cents, whole.concentration) == (cut.tuning_cents, cut.concentration)


@pytest.mark.parametrize("pitch", range(45, 82, 4))
def test_a_single_note_is_its_own_pitch_class(pitch: int) -> None:
    votes = votes_of(tone(440 * 2 ** ((pitch - 69) / 12), 3.0), [])
    assert votes is not None
    assert votes.whole().classes.argmax() == pitch % 12
    assert votes.tuning_cents == pytest.approx(0.0, abs=1.0)


def test_a_low_and_a_high_note_are_told_apart_by_register() -> None:
    registers = chroma_of(
        tone(110.0, 3.0, overtones=1) + tone(880 * 2 ** (3 / 12), 3.0, overtones=1)
    ).registers
    assert registers[0].argmax() == 9
    assert registers[2].argmax() == 0


def test_music_is_far_more_tonal_than_noise() -> None:
    assert chroma_of(cadence(0, "major")).tonality > 100 * chroma_of(noise(8.0)).tonality


def test_only_sounding_time_counts() -> None:
    samples = np.concatenate([np.zeros(10 * RATE_HZ, np.float32), noise(4.0)])
    assert chroma_of(samples).sounding_s == pytest.approx(4.0, abs=0.4)


def test_windows_hold_what_sounds_in_them() -> None:
    votes = votes_of(np.concatenate([cadence(0, "major")] * 3 + [cadence(6, "minor")] * 3), [])
    assert votes is not None
    first, last = votes.of_window(0), votes.of_window(len(votes.windows) - 1)
    assert first is not None
    assert last is not None
    assert first.classes[0] > 3 * last.classes[0]


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
    spectrum = np.fft.rfft(wave).astype(np.complex64)[None, :]
    peaks = find_peaks(spectrum, 0, spectrum.shape[1])
    assert peaks.bins + peaks.offsets == pytest.approx([bin_], abs=0.03)
    assert peaks.strengths == pytest.approx([1.0])
