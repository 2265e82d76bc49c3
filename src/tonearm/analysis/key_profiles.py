"""Key profiles: how much each degree of the chromatic scale speaks for a major and for a minor key, by register."""

import numpy as np

from tonearm.analysis.analyser import Float64
from tonearm.analysis.chroma import REGISTERS
from tonearm.analysis.learned_weights import weights_of

MODES = ("major", "minor")
REGISTER_NAMES = ("bass", "middle", "melody", "whole")
NAMES = tuple(
    f"{mode}_{register}_{degree}" for mode in MODES for register in REGISTER_NAMES for degree in range(12)
)
"""The order of ``KEY_WEIGHTS``, before the advantage of minor over major, which is the last."""

KEY_WEIGHTS = weights_of("key", (*NAMES, "minor"))
"""Learned with the mean of two published profiles as the prior in every register, those of I. Sha'ath, "Estimation of
key in digital music recordings" (MSc project report, Birkbeck College, 2011), and of Á. Faraldo, S. Jordà and
P. Herrera, "A multi-profile method for key estimation in EDM" (AES Conference on Semantic Audio, 2017)."""


_DEGREES = (np.arange(12)[:, None] + np.arange(12)) % 12
"""(12, 12): the pitch class of each degree, by root."""


def features(registers: Float64) -> Float64:
    """(24, len(KEY_WEIGHTS)) of (REGISTERS, 12) shares: a row a key, the major keys from C up, then the minor ones.

    A row holds the shares in the order of the degrees of its key, relative to an even spread and less 1.
    """
    shares = 12 * registers - 1
    size = 12 * len(REGISTERS)
    rows = np.zeros((24, 2 * size + 1))
    by_root = shares[:, _DEGREES].transpose(1, 0, 2).reshape(12, size)
    rows[:12, :size] = by_root
    rows[12:, size:-1] = by_root
    rows[12:, -1] = 1
    return rows


def key_scores(registers: Float64) -> Float64:
    """(24,) log odds of the keys from (REGISTERS, 12) shares of the pitch classes."""
    scores: Float64 = features(registers) @ KEY_WEIGHTS
    return scores
