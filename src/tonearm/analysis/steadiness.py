"""Measures how long a sound stays as it is: how alike the levels of its bands are to those shortly before."""

import numpy as np

from tonearm.analysis.analyser import Float32

EVERY = 2
"""Only every second frame is compared."""

SHORT, LONG = 3, 86
"""Distances in such frames: 70 ms, within a note, and 2 s, from one chord to another."""


class Steadiness:
    """Sums the likeness of frames over a stream; what is pushed at once is compared with itself only."""

    def __init__(self) -> None:
        self._sums = np.zeros(2)
        self._pairs = np.zeros(2)

    def push(self, levels: Float32) -> None:
        """Take (n, bands) float32 logarithms of the bands' powers."""
        chosen = levels[::EVERY]
        shapes = chosen - chosen.mean(axis=1, keepdims=True)
        shapes /= np.sqrt(np.einsum("ij,ij->i", shapes, shapes))[:, None] + np.float32(1e-6)
        for number, lag in enumerate((SHORT, LONG)):
            if len(shapes) > lag:
                self._sums[number] += np.vdot(shapes[lag:], shapes[:-lag])
                self._pairs[number] += len(shapes) - lag

    def mean(self) -> tuple[float, float]:
        """The mean correlation of the bands' levels over either distance, −1 to 1; 0 where it was not measured."""
        short, long = self._sums / np.maximum(self._pairs, 1)
        return float(short), float(long)
