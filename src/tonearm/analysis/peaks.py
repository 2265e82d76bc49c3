"""Peaks of amplitude spectra, placed between the bins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tonearm.analysis.analyser import Float32

Indices = NDArray[np.intp]

RELATIVE_FLOOR = 0.02
"""A peak more than 34 dB below the frame's strongest is ignored."""

SILENCE = 1e-5
"""A peak below −100 dB full scale is ignored."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """The peaks of some frames, all in one list.

    bins: (peaks,) the bin each peak is in, and offsets: (peaks,) float32, where in it, −0.5 to 0.5.
    strengths: (peaks,) float32, amplitude relative to the strongest of the frame, 0 to 1.
    frames: how many frames were not silent.
    """

    bins: Indices
    offsets: Float32
    strengths: Float32
    frames: int


def find_peaks(spectra: Float32) -> Peaks:
    """Find the peaks of (frames, bins) amplitudes, 1 for a full-scale sine; the outermost bins are no peaks."""
    strongest = spectra[:, 1:-1].max(axis=1)
    floor = np.maximum(strongest * np.float32(RELATIVE_FLOOR), np.float32(SILENCE))
    is_peak = np.zeros(spectra.shape, bool)
    inner = spectra[:, 1:-1]
    is_peak[:, 1:-1] = (inner > spectra[:, :-2]) & (inner >= spectra[:, 2:]) & (inner >= floor[:, None])
    at = np.flatnonzero(is_peak)
    frame, bins = np.divmod(at, spectra.shape[1])
    flat = spectra.ravel()
    sounding = int(np.count_nonzero(strongest >= SILENCE))
    return Peaks(bins, _vertex(flat, at), flat[at] / strongest[frame], sounding)


def _vertex(spectra: Float32, at: Indices) -> Float32:
    """(peaks,) distance of each peak from its bin, −0.5 to 0.5: the vertex of the parabola through three log
    amplitudes (J. O. Smith and X. Serra, "PARSHL: an analysis/synthesis program for non-harmonic sounds based
    on a sinusoidal representation", ICMC 1987)."""
    left, centre, right = (np.log(spectra[at + shift] + np.float32(1e-12)) for shift in (-1, 0, 1))
    curvature = np.minimum(left - 2 * centre + right, np.float32(-1e-6))
    vertex: Float32 = np.clip((left - right) / (2 * curvature), -0.5, 0.5)
    return vertex
