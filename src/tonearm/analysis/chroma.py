"""Measures the share of each pitch class: spectral peaks vote for pitches; the tuning is found from all votes."""

from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.fourier import fast_length, rfft
from tonearm.analysis.peaks import Peaks, find_peaks

FRAME_S = 4096 / 11025
"""Length of a frame, long enough to tell C2 from C♯2; the same at every sample rate, so that a recording gives
the same frames in every format. Frames overlap by half: without, the key of one in a hundred changed with the
format, by where the frames happened to begin."""

FADE_IN_HZ, FADE_OUT_HZ = (40.0, 60.0), (1000.0, 2000.0)
"""Peaks vote from E1 to B6, fully between B1 and B5: below, drums dominate, and above, overtones. The soft
edges make notes near them count alike in similar recordings."""

TILT_HZ, TILT = 440.0, -0.5
"""A vote at f is multiplied by (f / 440 Hz)^−0.5: low peaks are more often fundamentals, and the bass
distinguishes a key from its relative."""

COMPRESSION = 0.6
"""Votes are peak amplitude, relative to the frame's strongest, to this power: quiet passages count as
much as loud ones, and the melody is not masked by the bass."""

HARMONICS = tuple((harmonic, 0.6 ** (harmonic - 1)) for harmonic in (1, 3, 5))
"""A peak at f votes for f as a note, and less for f/3 and f/5, of which it may be an overtone; the decay is that
of E. Gómez, "Tonal description of polyphonic audio for music content processing", INFORMS Journal on Computing
18(3), 2006. Even overtones have the pitch class of lower ones."""

CENTS = 1200
"""Bins an octave of the histogram of votes: one a cent, the first on C."""

FRAMES_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Chroma:
    """The result of all votes of a file.

    classes: (12,) float64, share of each pitch class, C first, sum 1.
    tuning_cents: offset of the music's A from 440 Hz, −50 to 50.
    tonality: how far the sound is from unpitched, 0 to about 3: the coefficient of variation of the classes (do
    some sound more than others?) times the concentration of the votes around the semitones, 0 to 1 (do they
    keep to a scale?). Noise has neither, drums little of the second.
    sounding_s: seconds that were not silent.
    """

    classes: Float64
    tuning_cents: float
    tonality: float
    sounding_s: float


class PitchVotes:
    """Collects the votes of a stream's spectral peaks; memory does not grow with the stream."""

    def __init__(self, rate_hz: float) -> None:
        self._size = max(16, round(rate_hz * FRAME_S))
        self._hop = self._size // 2
        self._fft_size = fast_length(self._size)
        bin_hz = rate_hz / self._fft_size
        self._first = max(2, int(FADE_IN_HZ[0] / bin_hz))
        self._last = min(self._fft_size // 2 - 1, int(FADE_OUT_HZ[1] / bin_hz) + 1)
        self._weight = _band_weight(np.arange(self._first - 1, self._last + 2, dtype=np.float64) * bin_hz)
        self._cents_of_first_bin = 1200 * np.log2(bin_hz / 440.0) + 900
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self._size) / self._size)
        self._window = (window * 2 / window.sum()).astype(np.float32)
        self._waiting = np.zeros(0, np.float32)
        self._votes = np.zeros(CENTS)
        self._sounding = 0

    def push(self, samples: Float32) -> None:
        """Take (n,) float32 mono samples."""
        self._waiting = np.concatenate([self._waiting, samples])
        while len(self._waiting) >= self._size + (FRAMES_AT_ONCE - 1) * self._hop:
            self._vote(FRAMES_AT_ONCE)

    def finish(self) -> Chroma | None:
        """Add the last samples, padded with silence, and return the result; ``None`` where there was no peak."""
        frames = max(0, -(-(len(self._waiting) - self._size) // self._hop)) + 1
        missing = self._size + (frames - 1) * self._hop - len(self._waiting)
        self._waiting = np.concatenate([self._waiting, np.zeros(missing, np.float32)])
        self._vote(frames)
        if not self._votes.any():
            return None
        tuning, concentration = tuning_of(self._votes)
        classes = fold(self._votes, tuning)
        classes /= classes.sum()
        tonality = 12 * float(classes.std()) * concentration
        return Chroma(classes, 100 * tuning, tonality, self._sounding * FRAME_S / 2)

    def _vote(self, count: int) -> None:
        """Add the votes of the next ``count`` frames."""
        frames = np.lib.stride_tricks.sliding_window_view(self._waiting, self._size)[:: self._hop][:count]
        spectra = rfft(frames * self._window, self._fft_size)
        self._waiting = self._waiting[count * self._hop :]
        peaks = find_peaks(np.abs(spectra[:, self._first - 1 : self._last + 2]))
        self._sounding += peaks.frames
        self._add(peaks)

    def _add(self, peaks: Peaks) -> None:
        weights = peaks.strengths ** np.float32(COMPRESSION) * self._weight[peaks.bins]
        bins = (self._first - 1 + peaks.bins).astype(np.float32) + peaks.offsets
        cents = np.rint(1200 * np.log2(bins) + np.float32(self._cents_of_first_bin)).astype(np.int64) % CENTS
        self._votes += np.bincount(cents, weights=weights, minlength=CENTS)


def _band_weight(hz: Float64) -> Float64:
    """Weight of votes at ``hz``: the tilt, and raised cosines over log frequency at both edges."""
    low = np.clip(np.log(hz / FADE_IN_HZ[0]) / np.log(FADE_IN_HZ[1] / FADE_IN_HZ[0]), 0, 1)
    high = np.clip(np.log(FADE_OUT_HZ[1] / hz) / np.log(FADE_OUT_HZ[1] / FADE_OUT_HZ[0]), 0, 1)
    edges = (np.sin(np.pi / 2 * low) * np.sin(np.pi / 2 * high)) ** 2
    weight: Float64 = edges * (hz / TILT_HZ) ** TILT
    return weight


def tuning_of(votes: Float64) -> tuple[float, float]:
    """Where the semitones of (1200,) votes lie, and how closely the votes keep to them.

    The angle and the length of the votes' circular mean over a semitone: first, in semitones from −0.5 to 0.5,
    the offset from the equal-tempered scale on A = 440 Hz; second, 0 (votes everywhere) to 1 (only on the scale).
    """
    around = np.exp(2j * np.pi * np.arange(CENTS) / 100)
    mean = complex(np.dot(votes, around)) / float(votes.sum())
    return float(np.angle(mean) / (2 * np.pi)), abs(mean)


def fold(votes: Float64, tuning: float) -> Float64:
    """Reduce (1200,) votes by cent to (12,) votes by pitch class, C first.

    A vote is weighted by the squared cosine of its distance from the semitone, so that a vote midway between
    two semitones counts for neither.
    """
    classes = np.zeros(12)
    semitones = np.arange(CENTS) / 100 - tuning
    for harmonic, weight in HARMONICS:
        notes = semitones - 12 * np.log2(harmonic)
        nearest = np.rint(notes)
        closeness = weight * np.cos(np.pi * (notes - nearest)) ** 2
        classes += np.bincount(nearest.astype(np.int64) % 12, weights=votes * closeness, minlength=12)
    return classes
