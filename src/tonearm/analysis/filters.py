"""The fixed filters behind the kernels: half-band, K-weighting and true-peak interpolation."""

import math

import numpy as np

from tonearm.analysis.analyser import Float32, Float64

HALF_BAND_REACH = 15
"""The half-band filter reaches this many samples to either side of its centre."""


def _half_band() -> Float32:
    """Side taps at distance 1, 3, … 15 and the centre tap of a Kaiser-windowed (β = 6) half-band filter."""
    at = np.arange(-HALF_BAND_REACH, HALF_BAND_REACH + 1)
    taps = 0.5 * np.sinc(at / 2) * np.kaiser(len(at), 6.0)
    taps /= taps.sum()
    centre = HALF_BAND_REACH
    return np.array([*taps[centre + 1 :: 2], taps[centre]], np.float32)


HALF_BAND = _half_band()

TRUE_PEAK_TAPS = 24


def _interpolator() -> Float32:
    """(3, 24) float32: the values a quarter, a half and three quarters of the way between two samples.

    ITU-R BS.1770-5 Annex 2 specifies fourfold oversampling and gives a filter of order 48 as an example. That one
    measures sines of a quarter of the sample rate up to 0.22 dB too high and clipped music up to 0.3 dB too low;
    this Kaiser-windowed (β = 6) sinc of twice its length stays within 0.1 dB of sixteenfold oversampling on such
    music. The fourth phase is the samples themselves.
    """
    at = np.arange(TRUE_PEAK_TAPS) - (TRUE_PEAK_TAPS // 2 - 1)
    distance = at - np.array([[0.25], [0.5], [0.75]])
    window = np.i0(6.0 * np.sqrt(1 - (distance / (TRUE_PEAK_TAPS / 2)) ** 2))
    taps = np.sinc(distance) * window
    taps /= taps.sum(axis=1, keepdims=True)
    return np.asarray(taps, np.float32)


TRUE_PEAK_PHASES = _interpolator()


def interpolation_bounds(phases: Float32) -> Float32:
    """(2,) float32 factors a, b such that no phase's output exceeds ``a · level + b · sharpness``.

    ``level`` is the largest magnitude among the samples under the filter, ``sharpness`` that of their second
    differences. A phase is a weighted mean of its two middle samples plus a rest without sum and first
    moment; such a rest is a filter over second differences, whose taps are the rest summed up twice. Both
    factors are slightly enlarged, so that rounding cannot exceed the bound.
    """
    taps = phases.astype(np.float64)
    at = np.arange(taps.shape[1])
    middle = taps.shape[1] // 2
    total, moment = taps.sum(axis=1), taps @ at
    rest = taps.copy()
    rest[:, middle - 1] -= middle * total - moment
    rest[:, middle] -= moment - (middle - 1) * total
    means = np.abs(taps - rest).sum(axis=1)
    bends = np.abs(np.cumsum(np.cumsum(rest, axis=1), axis=1)).sum(axis=1)
    return np.array([means.max(), bends.max()], np.float32) * np.float32(1.0001)


TRUE_PEAK_BOUNDS = interpolation_bounds(TRUE_PEAK_PHASES)


def k_weighting(sample_rate_hz: float) -> Float64:
    """The two biquads of ITU-R BS.1770-5 Annex 1 for any sample rate: b0 b1 b2 a1 a2 of each, (10,) float64.

    The standard gives coefficients for 48 kHz only. Here they are derived by the bilinear transform from the
    analogue filters that they were designed from: a shelf of +4 dB above 1682 Hz and a high-pass at 38 Hz,
    with the constants that reproduce the printed digits (De Man, "Evaluation of Implementations of the EBU
    R128 Loudness Measurement", AES 145, 2018). Below 3.5 kHz, where the shelf lies
    beyond half the sample rate, it is moved to just below that.
    """

    def warped(frequency_hz: float) -> float:
        return math.tan(math.pi * min(frequency_hz / sample_rate_hz, 0.48))

    k, q = warped(1681.974450955533), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    norm = 1 + k / q + k * k
    shelf = [
        (high + band * k / q + k * k) / norm,
        2 * (k * k - high) / norm,
        (high - band * k / q + k * k) / norm,
        2 * (k * k - 1) / norm,
        (1 - k / q + k * k) / norm,
    ]
    k, q = warped(38.13547087602444), 0.5003270373238773
    norm = 1 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm]
    return np.array([*shelf, *high_pass])
