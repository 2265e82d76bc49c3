"""Key profiles: how much each degree of the chromatic scale belongs to a major and to a minor key."""

from dataclasses import dataclass

import numpy as np

from tonearm.analysis.analyser import Float64


@dataclass(frozen=True, slots=True)
class KeyProfile:
    """Weights of the twelve degrees, tonic first, in any unit: they are compared by correlation."""

    major: tuple[float, ...]
    minor: tuple[float, ...]


SHAATH = KeyProfile(
    (6.6, 2.0, 3.5, 2.3, 4.6, 4.0, 2.5, 5.2, 2.4, 3.7, 2.3, 3.4),
    (6.5, 2.7, 3.5, 5.4, 2.6, 3.5, 2.5, 5.2, 4.0, 2.7, 4.3, 3.2),
)
"""I. Sha'ath, "Estimation of key in digital music recordings", MSc project report, Birkbeck College, 2011: the
listeners' ratings of Krumhansl and Kessler (1982), adjusted to popular and electronic music, above all by a
stronger minor seventh in minor."""


def profile_matrix(profile: KeyProfile) -> Float64:
    """(24, 12) float64: the profile on every tonic, the major keys from C up, then the minor ones.

    Each row has mean 0 and length 1.
    """
    rows = np.array([np.roll(mode, tonic) for mode in (profile.major, profile.minor) for tonic in range(12)])
    rows -= rows.mean(axis=1, keepdims=True)
    matrix: Float64 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return matrix
