"""The inner loops of the analysis in C; importing this raises ImportError without code that was built of this version.

``kernels_numpy`` describes what the functions compute. These allocate the results and call the C code.
"""

from functools import cache

import numpy as np

from tonearm.analysis import _kernels
from tonearm.analysis.analyser import Float32, Float64
from tonearm.analysis.filters import HALF_BAND, TRUE_PEAK_BOUNDS, TRUE_PEAK_PHASES
from tonearm.analysis.fourier import Complex64
from tonearm.analysis.kernels_numpy import Int32, Int64

FORM = 1
"""Of the C code that belongs to this module; raised with every change of it."""

if getattr(_kernels, "FORM", None) != FORM:
    raise ImportError("the compiled code is another than that of this version")


def mix(samples: Float32) -> tuple[Float32, float]:
    out = np.empty(len(samples), np.float32)
    return out, _kernels.mix(samples, samples.shape[1], out)


def halve(samples: Float32, out: Float32) -> None:
    _kernels.halve(samples, HALF_BAND, out)


def band_powers(samples: Float32, hop: int, window: Float32, weights: Float32, count: int) -> Float32:
    out = np.empty((count, len(weights)), np.float32)
    size = len(window)
    _kernels.band_powers(
        samples, hop, window, _turns(size // 2, size // 2), _turns(size, size // 4 + 1), weights, out
    )
    return out


@cache
def _turns(whole: int, count: int) -> Float32:
    """(count, 2) float32: cosine and sine of 0, 1, 2, … ``whole``-ths of a turn, clockwise."""
    angles = -2 * np.pi * np.arange(count) / whole
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def octave(whole: Float32, halved: Float32, columns: int) -> tuple[Float32, Float32]:
    taken, means = np.empty(len(halved), np.float32), np.empty(columns, np.float32)
    _kernels.octave(whole, halved, means, taken)
    return taken, means


def overlap(whole: Float32, halved: Float32, columns: int) -> Float32:
    means = np.empty(columns, np.float32)
    _kernels.overlap(whole, halved, means)
    return means


def peaks(
    spectra: Complex64, first: int, count: int, floors: Float32
) -> tuple[Int32, Float32, Int32, Float32]:
    rows, bins = spectra.shape
    most = rows * (count // 2)
    place, around = np.empty(most, np.int32), np.empty((most, 3), np.float32)
    number, strongest = np.empty(rows, np.int32), np.empty(rows, np.float32)
    parts = spectra.view(np.float32)
    found = _kernels.peaks(parts, bins, first, count, floors, place, around, number, strongest)
    return place[:found], around[:found], number, strongest


def rises(mel: Float32, before: Float32) -> tuple[Float32, Float32]:
    amplitude = np.empty((len(before) + len(mel), mel.shape[1]), np.float32)
    amplitude[: len(before)] = before
    sums = np.empty((len(mel), 2), np.float32)
    _kernels.rises(mel, mel.shape[1], amplitude, sums)
    return amplitude, sums


def shapes(mel: Float32, amplitude: Float32, tables: Float32, limits: Float32) -> tuple[Float32, Float64]:
    sums, products = np.empty((len(mel), 6), np.float32), np.empty(len(mel))
    _kernels.shapes(mel, amplitude, tables, limits, sums, products)
    return sums, products


def weigh(samples: Float32, coefficients: Float64, state: Float64, ends: Int64) -> Float64:
    energy = np.empty((len(ends), samples.shape[1]))
    _kernels.weigh(samples, samples.shape[1], coefficients, state, ends, energy)
    return energy


def sample_peak(samples: Float32) -> float:
    return _kernels.sample_peak(samples)


def levels(samples: Float32) -> tuple[float, float]:
    return _kernels.levels(samples)


def true_peak(samples: Float32, peak: float) -> float:
    return _kernels.true_peak(samples, samples.shape[1], TRUE_PEAK_PHASES, TRUE_PEAK_BOUNDS, peak)


def link_beats(
    strength: Float32, log_period: Float32, longest: int, shortest: int, tightness: float
) -> tuple[Float32, Int32]:
    log_lags = np.log(np.arange(longest, shortest - 1, -1)).astype(np.float32)
    best = np.zeros(longest + len(strength), np.float32)
    earlier = np.empty(len(strength), np.int32)
    _kernels.link_beats(strength, log_period, log_lags, longest, tightness, best, earlier)
    return best[longest:], earlier
