"""Two biquads in a row over many samples, by products of matrices: K-weighting where there is no C code.

A filter is linear: what a stretch of samples gives is what it would give from rest plus what the state before it
gives, and so is the state behind it. Both are products with fixed matrices, for all stretches at once. The states
follow from one another in the same way, first within groups of stretches, then from group to group.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tonearm.analysis.analyser import Float32, Float64

STRETCH = 32
"""Samples of a stretch."""
GROUP = 64
"""Stretches of a group."""
NEAR = 4 * STRETCH * GROUP
"""Samples that are worked on while they are in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Matrices:
    """What a stretch gives, as factors of what stands before it, transposed.

    from_rest: (STRETCH, STRETCH), of its samples to its outputs. from_state: (4, STRETCH), of the state before it.
    to_state: (STRETCH, 4), of its samples to the state behind it. powers: (STRETCH + 1, 4, 4), what becomes of a state
    after so many samples. group: (4 * GROUP, 4 * GROUP), of what the stretches of a group add to the state, to the
    states behind each of them. group_state: (4, 4 * GROUP), the same of the state before the group.
    """

    from_rest: Float64
    from_state: Float64
    to_state: Float64
    powers: Float64
    group: Float64
    group_state: Float64


@lru_cache(maxsize=4)
def matrices(coefficients: tuple[float, ...]) -> Matrices:
    """Those of two biquads, b0 b1 b2 a1 a2 of each, in transposed direct form II."""
    one, other = coefficients[:5], coefficients[5:]
    step, given = np.zeros((4, 4)), np.zeros(4)
    out, through = np.array([other[0], 0.0, 1.0, 0.0]), one[0] * other[0]
    # A state (s1, s2, s3, s4) and a sample x: y = b0 x + s1, s1' = b1 x + s2 - a1 y, s2' = b2 x - a2 y; the same of y.
    step[0], step[1] = (-one[3], 1, 0, 0), (-one[4], 0, 0, 0)
    given[:2] = one[1] - one[3] * one[0], one[2] - one[4] * one[0]
    for row, b, a in ((2, other[1], other[3]), (3, other[2], other[4])):
        step[row, 0] = b - a * other[0]
        step[row, 2] = -a
        given[row] = (b - a * other[0]) * one[0]
    step[2, 3] = 1
    powers = _powers(step, STRETCH)
    response = np.array([through, *(out @ power @ given for power in powers[: STRETCH - 1])])
    lag = np.subtract.outer(np.arange(STRETCH), np.arange(STRETCH))
    from_rest = np.where(lag >= 0, response[np.abs(lag)], 0)
    to_state = np.array([powers[STRETCH - 1 - at] @ given for at in range(STRETCH)])
    wide = _powers(step, STRETCH * GROUP)[::STRETCH]
    group = np.block(
        [[wide[row - at] if row >= at else np.zeros((4, 4)) for at in range(GROUP)] for row in range(GROUP)]
    )
    return Matrices(
        np.ascontiguousarray(from_rest.T),
        np.ascontiguousarray((out @ powers[:STRETCH]).T),
        to_state,
        powers,
        np.ascontiguousarray(group.T),
        np.ascontiguousarray(np.concatenate(wide[1:]).T),
    )


def _powers(step: Float64, most: int) -> Float64:
    """(most + 1, 4, 4), computed in extended precision: the errors of so many products add up."""
    exact = step.astype(np.longdouble)
    powers = [np.eye(4, dtype=np.longdouble)]
    for _ in range(most):
        powers.append(exact @ powers[-1])
    return np.array(powers).astype(np.float64)


def filtered(samples: Float32, coefficients: Float64, state: Float64) -> Float64:
    """(n, channels) float32 to (channels, n) float64; ``state``, (channels, 4), is carried on."""
    fixed = matrices(tuple(coefficients.tolist()))
    out = np.empty(samples.shape[::-1])
    for start in range(0, len(samples), NEAR):
        given = np.array(samples[start : start + NEAR].T, np.float64, order="C")
        _filter(given, fixed, state, out[:, start : start + NEAR])
    return out


def _filter(given: Float64, fixed: Matrices, state: Float64, out: Float64) -> None:
    channels, count = given.shape
    whole = count // STRETCH * STRETCH
    if whole:
        stretches = given[:, :whole].reshape(channels, -1, STRETCH)
        before = _states(stretches @ fixed.to_state, state, fixed)
        shaped = stretches @ fixed.from_rest
        shaped += before @ fixed.from_state
        out[:, :whole] = shaped.reshape(channels, whole)
    if left := count - whole:
        rest = given[:, whole:]
        out[:, whole:] = rest @ fixed.from_rest[:left, :left] + state @ fixed.from_state[:, :left]
        state[:] = state @ fixed.powers[left].T + rest @ fixed.to_state[STRETCH - left :]


def _states(added: Float64, state: Float64, fixed: Matrices) -> Float64:
    """The states before each stretch, of what each adds to the state; ``state`` becomes the one behind the last."""
    channels, stretches, _ = added.shape
    groups = -(-stretches // GROUP)
    padded = np.zeros((channels, groups * GROUP, 4))
    padded[:, :stretches] = added
    behind = padded.reshape(channels, groups, 4 * GROUP) @ fixed.group
    at = state.copy()
    for group in range(groups):
        behind[:, group] += at @ fixed.group_state
        at = behind[:, group, -4:]
    states = behind.reshape(channels, -1, 4)
    before = np.concatenate([state[:, None], states[:, : stretches - 1]], axis=1)
    state[:] = states[:, stretches - 1]
    return before
