"""Computes the tempogram: how periodic the onsets are at each tempo, over the whole file and around each moment."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.fourier import irfft, rfft

TEMPI = np.exp(np.arange(np.log(40), np.log(240), 0.008))
"""The tempi considered, in beats a minute: 0.8 % apart from 40 to 240."""

WINDOW = 1024
"""Frames in the window of an autocorrelation: 11.9 s."""

HOP = 172
"""Frames between windows: 2 s."""

COMPRESSION = 1.4
"""The spectrum's magnitude is raised to this power: a generalised autocorrelation, sharper than the plain one
(Tolonen and Karjalainen, "A computationally efficient multipitch analysis model", 2000)."""

CHUNK = 30
"""Windows that are yielded at a time: a minute."""


def autocorrelations(strength: Float32) -> Iterator[Float32]:
    """Yield (windows, WINDOW) float32 autocorrelations by lag in frames, 1 at lag 0, a chunk at a time.

    A file shorter than a window is padded with zeros.
    """
    if len(strength) < WINDOW:
        strength = np.pad(strength, (0, WINDOW - len(strength)))
    frames = np.lib.stride_tricks.sliding_window_view(strength, WINDOW)[::HOP]
    window = np.hanning(WINDOW).astype(np.float32)
    for start in range(0, len(frames), CHUNK):
        cut = frames[start : start + CHUNK] * window
        cut -= cut.mean(axis=1, keepdims=True)
        spectra = np.abs(rfft(cut, 2 * WINDOW)) ** np.float32(COMPRESSION)
        lags = irfft(spectra, 2 * WINDOW)[:, :WINDOW]
        yield lags / (lags[:, :1] + np.float32(1e-9))


@dataclass(frozen=True, slots=True)
class Comb:
    """Sums an autocorrelation at multiples of the beat: weights by multiple, as one sparse lookup."""

    frame_rate_hz: float
    weights: tuple[tuple[float, float], ...] = ((1.0, 1.0), (2.0, 0.5), (3.0, 0.3), (4.0, 0.4), (8.0, 0.3))

    def score(self, lags: Float32, tempi: Float64 = TEMPI) -> Float64:
        """(…, WINDOW) autocorrelations → (…, tempi) scores; lags beyond the window add nothing."""
        total = np.zeros((*lags.shape[:-1], len(tempi)))
        for multiple, weight in self.weights:
            at = 60 * self.frame_rate_hz / tempi * multiple
            inside = at < WINDOW - 2
            low = np.where(inside, at, 0).astype(int)
            part = np.where(inside, at - low, 0)
            total += np.where(inside, weight * (lags[..., low] * (1 - part) + lags[..., low + 1] * part), 0)
        return total


CHANGE = 30.0
"""Cost of a change of tempo between two windows, per unit of its natural logarithm, where comb scores are about 1. A
ramp and a jump cost the same; either must gain that much within a few windows."""

REACH = 1.32
"""The path stays within this factor of the main tempo, short of 4/3 and 3/2 of it."""


def tempo_path(strength: Float32, main_bpm: float, frame_rate_hz: float) -> tuple[Float64, Float64]:
    """Follow the tempo near ``main_bpm`` through the file: (windows,) seconds of centres, (windows,) BPM.

    The best path (Viterbi) through the tempogram's comb scores, where changes cost CHANGE.
    """
    near = np.sort(np.append(TEMPI[np.abs(np.log(TEMPI / main_bpm)) < np.log(REACH)], main_bpm))
    comb = Comb(frame_rate_hz)
    away = np.abs(np.log(near)[:, None] - np.log(near)[None, :])
    cost = CHANGE * away
    links: list[NDArray[np.int16]] = []
    total = np.zeros(len(near))
    columns = np.arange(len(near))
    for chunk in autocorrelations(strength):
        for row in comb.score(chunk, near):
            arrived = total[:, None] - cost
            link = arrived.argmax(axis=0)
            total = arrived[link, columns] + row
            links.append(link.astype(np.int16))
    state = int(total.argmax())
    states = np.empty(len(links), int)
    for index in range(len(links) - 1, -1, -1):
        states[index] = state
        state = int(links[index][state])
    centres = (np.arange(len(links)) * HOP + WINDOW / 2) / frame_rate_hz
    return centres.astype(np.float64), near[states]
