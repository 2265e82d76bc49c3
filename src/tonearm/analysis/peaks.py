"""Peaks of amplitude spectra, placed between the bins."""

from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float32
from tonearm.analysis.fourier import Complex64
from tonearm.analysis.kernels import peaks
from tonearm.analysis.kernels_numpy import Int32

RELATIVE_FLOOR = 0.02
"""A peak more than 34 dB below the frame's strongest is ignored."""

SILENCE = 1e-5
"""A peak below −100 dB full scale is ignored."""


_FLOORS = np.array([RELATIVE_FLOOR, SILENCE], np.float32)


@dataclass(frozen=True, slots=True)
class Peaks:
    """The peaks of some frames, all in one list.

    bins: (peaks,) the bin each peak is in, and offsets: (peaks,) float32, where in it, −0.5 to 0.5.
    strengths: (peaks,) float32, amplitude relative to the strongest of the frame, 0 to 1.
    frames: how many frames were not silent.
    """

    bins: Int32
    offsets: Float32
    strengths: Float32
    frames: int


def find_peaks(spectra: Complex64, first: int, count: int) -> Peaks:
    """Find the peaks of (frames, all bins) spectra, of amplitude 1 for a full-scale sine, among some of the bins.

    first, count: which bins; the outermost of them are no peaks.
    """
    place, around, number, strongest = peaks(spectra, first, count, _FLOORS)
    frame = np.repeat(np.arange(len(number)), number)
    sounding = int(np.count_nonzero(strongest >= _FLOORS[1]))
    return Peaks(place + first, _vertex(around), around[:, 1] / strongest[frame], sounding)


def _vertex(around: Float32) -> Float32:
    """(peaks,) distance of each peak from its bin, −0.5 to 0.5: the vertex of the parabola through three log
    amplitudes (J. O. Smith and X. Serra, "PARSHL: an analysis/synthesis program for non-harmonic sounds based
    on a sinusoidal representation", ICMC 1987)."""
    left, centre, right = np.log(around + np.float32(1e-12)).T
    curvature = np.minimum(left - 2 * centre + right, np.float32(-1e-6))
    vertex: Float32 = np.clip((left - right) / (2 * curvature), -0.5, 0.5)
    return vertex
