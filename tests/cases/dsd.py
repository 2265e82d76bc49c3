"""Turns samples into DSD: a sigma-delta modulator of the second order."""

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from tests.material import Float32

TIMES = 64
"""Bits for each sample (DSD64)."""
SEGMENT = 256
"""Samples that are modulated by themselves, all such stretches at once."""


def second_order(samples: Float32) -> NDArray[np.uint8]:
    """Return (n, channels) of 0 and 1, 64 for each of the (n, channels) samples."""
    count, channels = samples.shape
    finer = np.asarray(signal.resample_poly(samples.astype(np.float64), 8, 1, axis=0))
    padded = np.zeros((-(-count // SEGMENT) * SEGMENT * 8, channels))
    padded[: len(finer)] = finer
    stretches = padded.reshape(-1, SEGMENT * 8, channels).swapaxes(0, 1).reshape(SEGMENT * 8, -1)
    bits = np.empty((SEGMENT * TIMES, stretches.shape[1]), np.uint8)
    first, second = np.zeros(stretches.shape[1]), np.zeros(stretches.shape[1])
    place = 0
    for level in stretches:
        for _ in range(TIMES // 8):
            out = np.where(second >= 0, 1.0, -1.0)
            first += level - out
            second += first - 2 * out
            bits[place] = out > 0
            place += 1
    whole = bits.reshape(SEGMENT * TIMES, -1, channels).swapaxes(0, 1).reshape(-1, channels)
    return whole[: count * TIMES]
