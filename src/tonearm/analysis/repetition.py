"""Measures how alike the onsets of a piece are to those some time before: by lag, band by band."""

import numpy as np

from tonearm.analysis.analyser import Float32
from tonearm.analysis.fourier import fast_length, irfft, rfft

COARSE_BANDS = 8
"""The mel bands are joined five by five: a drum and a voice are told apart, a vibrato is not."""

LAGS = 1100
"""Lags of the curve, in frames: 12.8 s, eight beats at 40 BPM."""

STRETCH = 4096
"""Frames that are compared with each other: 47.6 s."""

LEAST_FRAMES = 50
"""A lag at which fewer frames of the stretch meet is not measured."""


class Repetition:
    """Sums the autocorrelations of the bands' onsets over a stream; memory does not grow with it."""

    def __init__(self) -> None:
        self._products = np.zeros(LAGS)
        self._pairs = np.zeros(LAGS)
        self._power = 0.0
        self._frames = 0

    def push(self, rises: Float32) -> None:
        """Take (n, COARSE_BANDS) float32 onset strengths; what is pushed at once is compared with itself only."""
        for start in range(0, len(rises), STRETCH):
            self._compare(rises[start : start + STRETCH])

    def _compare(self, rises: Float32) -> None:
        count = len(rises)
        lags = min(LAGS, count - LEAST_FRAMES)
        if lags < 1:
            return
        centred = np.ascontiguousarray((rises - rises.mean(axis=0)).T)
        length = fast_length(count + lags)
        spectra = rfft(centred, length)
        power = np.square(np.abs(spectra)).sum(axis=0, dtype=np.float32)
        products = irfft(power[None, :], length)[0, :lags].astype(np.float64)
        self._products[:lags] += products
        self._pairs[:lags] += count - np.arange(lags)
        self._power += float(products[0])
        self._frames += count

    def curve(self) -> Float32:
        """(LAGS,) by lag in frames: the mean product of onsets that far apart over their mean square, 1 at lag 0.

        0 at lags that were not measured.
        """
        mean_square = self._power / self._frames if self._frames else 0.0
        means = self._products / np.maximum(self._pairs, 1)
        return (means / max(mean_square, 1e-12)).astype(np.float32)
