"""Measures the share of each pitch class, register by register: spectral peaks vote for pitches."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.fourier import fast_length, rfft
from tonearm.analysis.peaks import Peaks, find_peaks

FRAME_S = 4096 / 11025
"""Length of a frame, long enough to tell C2 from C♯2; the same at every sample rate, so that a recording gives
the same frames in every format. Frames overlap by half: without, the key of one in a hundred changed with the
format, by where the frames happened to begin."""

Edge = tuple[float, float]

REGISTERS: tuple[tuple[Edge, Edge], ...] = (
    ((40.0, 60.0), (160.0, 250.0)),
    ((160.0, 250.0), (500.0, 800.0)),
    ((500.0, 800.0), (1500.0, 2500.0)),
    ((40.0, 60.0), (1000.0, 2000.0)),
)
"""Bass, middle, melody and the whole: where each fades in and out, in Hz. The soft edges make notes near them count
alike in similar recordings."""

LOWEST_HZ, HIGHEST_HZ = 40.0, 2500.0

COMPRESSION = 0.6
"""Votes are peak amplitude, relative to the frame's strongest, to this power: quiet passages count as
much as loud ones, and the melody is not masked by the bass."""

HARMONICS = tuple((harmonic, 0.6 ** (harmonic - 1)) for harmonic in (1, 3, 5))
"""A peak at f votes for f as a note, and less for f/3 and f/5, of which it may be an overtone; the decay is that
of E. Gómez, "Tonal description of polyphonic audio for music content processing", INFORMS Journal on Computing
18(3), 2006. Even overtones have the pitch class of lower ones."""

STEP_CENTS = 10
"""Width of a bin of the histogram of votes."""

BINS = round(1200 * np.log2(HIGHEST_HZ / LOWEST_HZ) / STEP_CENTS) + 1
"""Bins from ``LOWEST_HZ`` to ``HIGHEST_HZ``."""

WINDOW_S = 20.0
"""Music for which votes are kept together, so that the key can be told over time."""

FRAMES_AT_ONCE = 32

_CENTS = 1200 * np.log2(LOWEST_HZ / 440.0) + 900 + STEP_CENTS * np.arange(BINS)
"""Pitch of each bin in cents above C4."""


@dataclass(frozen=True, slots=True)
class Chroma:
    """The pitch classes of a piece or of a part of it, C first.

    registers: (REGISTERS, 12) float64, the shares within each register, sum 1; even where a register is silent.
    tonality: how far the sound is from unpitched, 0 to about 3: the coefficient of variation of the classes (do
    some sound more than others?) times the concentration of the votes around the semitones, 0 to 1 (do they
    keep to a scale?). Noise has neither, drums little of the second.
    sounding_s: seconds that were not silent.
    """

    registers: Float64
    tonality: float
    sounding_s: float

    @property
    def classes(self) -> Float64:
        """(12,) float64, share of each over the whole, sum 1."""
        whole: Float64 = self.registers[-1]
        return whole


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of a stream: of each window of ``WINDOW_S``, (windows, BINS), its sounding seconds, and the tuning.

    tuning_cents: offset of the music's A from 440 Hz, −50 to 50.
    """

    windows: Float32
    sounding_s: Float64
    tuning_cents: float
    concentration: float

    def whole(self) -> Chroma:
        """The chroma of everything."""
        return self._chroma(self.windows.sum(axis=0, dtype=np.float64), float(self.sounding_s.sum()))

    def of_window(self, number: int) -> Chroma | None:
        """The chroma of one window, ``None`` where there was no peak."""
        votes = self.windows[number].astype(np.float64)
        return self._chroma(votes, float(self.sounding_s[number])) if votes.any() else None

    def _chroma(self, votes: Float64, sounding_s: float) -> Chroma:
        parts = [fold(votes * weight, self.tuning_cents / 100) for weight in _WEIGHTS]
        shares = np.array([part / part.sum() if part.any() else np.full(12, 1 / 12) for part in parts])
        tonality = 12 * float(shares[-1].std()) * self.concentration
        return Chroma(shares, tonality, sounding_s)


class PitchVotes:
    """Collects the votes of a stream's spectral peaks; memory grows by 2.4 kB a window."""

    def __init__(self, rate_hz: float) -> None:
        self._size = max(16, round(rate_hz * FRAME_S))
        self._hop = self._size // 2
        self._fft_size = fast_length(self._size)
        bin_hz = rate_hz / self._fft_size
        self._first = max(2, int(LOWEST_HZ / bin_hz))
        self._last = min(self._fft_size // 2 - 1, int(HIGHEST_HZ / bin_hz) + 1)
        self._cents_of_first_bin = 1200 * np.log2(bin_hz / LOWEST_HZ)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self._size) / self._size)
        self._window = (window * 2 / window.sum()).astype(np.float32)
        self._window_frames = round(WINDOW_S * rate_hz / self._hop)
        self._waiting = np.zeros(0, np.float32)
        self._around = np.zeros(100)
        self._votes: list[Float32] = []
        self._sounding: list[int] = []
        self._room = 0

    def push(self, samples: Float32) -> None:
        """Take (n,) float32 mono samples."""
        self._waiting = np.concatenate([self._waiting, samples])
        while len(self._waiting) >= self._size + (FRAMES_AT_ONCE - 1) * self._hop:
            self._vote(FRAMES_AT_ONCE)

    def finish(self) -> Votes | None:
        """Add the last samples, padded with silence, and return the result; ``None`` where there was no peak."""
        frames = max(0, -(-(len(self._waiting) - self._size) // self._hop)) + 1
        missing = self._size + (frames - 1) * self._hop - len(self._waiting)
        self._waiting = np.concatenate([self._waiting, np.zeros(missing, np.float32)])
        self._vote(frames)
        if not self._around.any():
            return None
        tuning, concentration = tuning_of(self._around)
        sounding_s = np.array(self._sounding) * FRAME_S / 2
        return Votes(np.array(self._votes), sounding_s, 100 * tuning, concentration)

    def _vote(self, count: int) -> None:
        """Add the votes of the next ``count`` frames."""
        frames = np.lib.stride_tricks.sliding_window_view(self._waiting, self._size)[:: self._hop][:count]
        spectra = rfft(frames * self._window, self._fft_size)
        self._waiting = self._waiting[count * self._hop :]
        while len(spectra):
            if not self._room:
                self._votes.append(np.zeros(BINS, np.float32))
                self._sounding.append(0)
                self._room = self._window_frames
            peaks = find_peaks(spectra[: self._room], self._first - 1, self._last - self._first + 3)
            self._sounding[-1] += peaks.frames
            self._add(peaks)
            done = min(self._room, len(spectra))
            self._room -= done
            spectra = spectra[done:]

    def _add(self, peaks: Peaks) -> None:
        strengths = peaks.strengths ** np.float32(COMPRESSION)
        bins = peaks.bins.astype(np.float32) + peaks.offsets
        cents = 1200 * np.log2(bins) + np.float32(self._cents_of_first_bin)
        steps = np.rint(cents / STEP_CENTS).astype(np.int64)
        inside = (steps >= 0) & (steps < BINS)
        self._votes[-1] += np.bincount(steps[inside], strengths[inside], BINS).astype(np.float32)
        around = np.rint(cents + np.float32(_CENTS[0])).astype(np.int64) % 100
        self._around += np.bincount(around, strengths, 100)


def _weights() -> Float64:
    """(REGISTERS, BINS) weights of the bins: raised cosines over log frequency at both edges."""
    hz = LOWEST_HZ * 2 ** (STEP_CENTS * np.arange(BINS) / 1200)

    def rise(edge: Edge) -> Float64:
        part: Float64 = np.clip(np.log(hz / edge[0]) / np.log(edge[1] / edge[0]), 0, 1)
        return np.sin(np.pi / 2 * part) ** 2

    return np.array([rise(low) * (1 - rise(high)) for low, high in REGISTERS])


_WEIGHTS = _weights()


def tuning_of(votes: Float64) -> tuple[float, float]:
    """Where the semitones lie, of (100,) votes by cents above the note below, and how closely they keep to them.

    The angle and the length of the votes' circular mean over a semitone: first, in semitones from −0.5 to 0.5,
    the offset from the equal-tempered scale on A = 440 Hz; second, 0 (votes everywhere) to 1 (only on the scale).
    """
    around = np.exp(2j * np.pi * np.arange(100) / 100)
    mean = complex(np.dot(votes, around)) / float(votes.sum())
    return float(np.angle(mean) / (2 * np.pi)), abs(mean)


def fold(votes: Float64, tuning: float) -> Float64:
    """Reduce (BINS,) votes to (12,) votes by pitch class, C first.

    A vote is weighted by the squared cosine of its distance from the semitone, so that a vote midway between
    two semitones counts for neither. tuning: in semitones.
    """
    classes = np.zeros(12)
    for nearest, closeness in _semitones(tuning):
        classes += np.bincount(nearest, weights=votes * closeness, minlength=12)
    return classes


@lru_cache(maxsize=1)  # a file is folded by register and by window, all with one tuning
def _semitones(tuning: float) -> list[tuple[NDArray[np.int64], Float64]]:
    """By harmonic: the pitch class that each bin votes for, and its weight."""
    found = []
    semitones = _CENTS / 100 - tuning
    for harmonic, weight in HARMONICS:
        notes = semitones - 12 * np.log2(harmonic)
        nearest = np.rint(notes)
        closeness = weight * np.cos(np.pi * (notes - nearest)) ** 2
        found.append((nearest.astype(np.int64) % 12, closeness))
    return found
