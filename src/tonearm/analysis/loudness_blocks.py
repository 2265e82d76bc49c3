"""The loudness of several tracks one behind another, from how many gating blocks of each had which level.

A block is counted at the nearest multiple of a tenth of a loudness unit: the level of each, and so that of all
together, is off by 0.05 LU at most. Blocks that near to the relative gate may be on its other side; each has a tenth of
the mean power, so that even many of them move the result by less.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

STEPS_A_UNIT = 10
ABSOLUTE_GATE_LUFS = -70.0
RELATIVE_GATE_LU = 10.0


def lufs_of(power: float) -> float:
    """The level of a mean square (ITU-R BS.1770-5, Annex 1); positive numbers only."""
    return -0.691 + 10 * math.log10(power)


def power_of(lufs: float) -> float:
    """The mean square of a level."""
    return float(10 ** ((lufs + 0.691) / 10))


def counted(levels: Iterable[float]) -> dict[str, Any] | None:
    """Gating blocks above the absolute gate by their levels in LUFS; ``None`` without one.

    lowest_lufs: the level of the first count. counts: for every tenth of a unit from there on.
    """
    found = Counter(round(level * STEPS_A_UNIT) for level in levels if level > ABSOLUTE_GATE_LUFS)
    if not found:
        return None
    lowest, highest = min(found), max(found)
    return {
        "lowest_lufs": lowest / STEPS_A_UNIT,
        "counts": [found[step] for step in range(lowest, highest + 1)],
    }


def joined_loudness(tracks: Iterable[Mapping[str, Any]]) -> float | None:
    """The integrated loudness in LUFS of tracks as one programme: both gates are those of all blocks together."""
    blocks: Counter[int] = Counter()
    for track in tracks:
        lowest = round(track["lowest_lufs"] * STEPS_A_UNIT)
        blocks.update({lowest + step: count for step, count in enumerate(track["counts"]) if count})
    mean = _mean(blocks)
    if mean is None:
        return None
    gate = lufs_of(mean) - RELATIVE_GATE_LU
    kept = _mean({step: count for step, count in blocks.items() if step / STEPS_A_UNIT > gate})
    return None if kept is None else lufs_of(kept)


def _mean(blocks: Mapping[int, int]) -> float | None:
    number = sum(blocks.values())
    power = sum(count * power_of(step / STEPS_A_UNIT) for step, count in blocks.items())
    return power / number if number else None
