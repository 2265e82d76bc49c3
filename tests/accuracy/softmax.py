"""Fits the weights of a choice among alternatives: conditional logistic regression with a quadratic penalty."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

STEPS = 30
LARGEST_STEP = 3.0
SETTLED = 1e-6


@dataclass(frozen=True, slots=True)
class Choice:
    """One piece whose right alternatives are known.

    cues: (alternatives, cues). right: (alternatives,) probabilities, sum 1. weight: how much the piece counts.
    """

    cues: Float64
    right: Float64
    weight: float


def fit(choices: Sequence[Choice], penalty: float, prior: Float64, *, scaled: bool) -> Float64:
    """(cues,) weights by Newton's method: most likely, less ``penalty`` times the squared distance from ``prior``.

    scaled: weights are compared in units of their cues' standard deviations, so that no cue's unit matters.
    """
    cues = np.concatenate([choice.cues for choice in choices])
    scale = cues.std(axis=0) + 1e-9 if scaled else np.ones(cues.shape[1])
    cues = cues / scale
    sizes = np.array([len(choice.cues) for choice in choices])
    first = np.cumsum(sizes) - sizes
    right = np.concatenate([choice.right for choice in choices])
    count = np.array([choice.weight for choice in choices])
    counts = np.repeat(count, sizes)[:, None]
    weights = prior * scale
    ridge = 2 * penalty * np.eye(len(prior))
    for _ in range(STEPS):
        scores = cues @ weights
        odds = np.exp(scores - np.repeat(np.maximum.reduceat(scores, first), sizes))
        chosen = odds / np.repeat(np.add.reduceat(odds, first), sizes)
        means = np.add.reduceat(cues * chosen[:, None], first)
        slope = ridge @ (weights - prior * scale) + cues.T @ (counts[:, 0] * (chosen - right))
        curve = ridge + cues.T @ (counts * chosen[:, None] * cues) - means.T @ (count[:, None] * means)
        step = np.linalg.solve(curve, slope)
        weights = weights - step * min(1.0, LARGEST_STEP / max(float(np.abs(step).max()), 1e-9))
        if np.abs(step).max() < SETTLED:
            break
    return np.asarray(weights / scale, np.float64)
