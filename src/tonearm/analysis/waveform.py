"""The waveform in three bands: how loud the low, the middle and the high part of the sound is, column by column.

The rate of a sound is halved again and again. What a halving takes away is one octave: every second sample less the
filtered one that takes its place. So the bands need no spectrum. Mixing and halving give the same bits in both forms of
the kernels, and so do these numbers.
"""

import math
from array import array
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tonearm.analysis.analyser import Block, Findings, Float32, Float64, Signal
from tonearm.analysis.front import Halver

MOST_COLUMNS = 800
"""Maximum number of columns. A sound that would have more has columns of twice, three times, … the shortest length."""
SHORTEST_S = 0.02
"""Minimum length of a column."""
LOW_HZ, HIGH_HZ = 300.0, 2800.0
"""Where the bands are to meet: they do at the nearest octave below half of the shared rate."""
FLOOR_DB = -60
TOGETHER = 4
"""Blocks that are worked through together, which costs less than one by one: most steps are short."""
LEAST_SAMPLES = 4
"""Minimum number of samples of the lowest band in a column."""


class WaveformAnalyser:
    """Measures the power of three bands; keeps 12 bytes for every 20 to 40 ms.

    waveform_step_s: seconds from one column to the next. The series ``waveform_low``, ``waveform_mid`` and
    ``waveform_high`` hold a whole number for each column: the band's mean level in dB relative to a full-scale sine,
    ``FLOOR_DB`` for that and less. Column ``i`` begins at ``i * waveform_step_s``.
    """

    def __init__(self, signal: Signal) -> None:
        top = signal.low_rate_hz / 2
        self._rate_hz = signal.low_rate_hz
        self._high_octaves = max(0, round(math.log2(top / HIGH_HZ)))
        octaves = max(1, round(math.log2(top / LOW_HZ)))
        shortest = max(SHORTEST_S * signal.low_rate_hz, LEAST_SAMPLES << octaves)
        self._column = 1 << math.ceil(math.log2(shortest))
        self._halvers = [Halver() for _ in range(octaves - 1)]
        self._octaves = [_Octave(self._column >> octave) for octave in range(1, octaves + 1)]
        self._borders = [_Border(self._column >> octave) for octave in range(2, octaves + 1)]
        self._lowest = _Means(self._column >> octaves)
        self._waiting: list[tuple[Float32, Float32]] = []

    def feed(self, block: Block) -> None:
        """Take the next block's ``low`` and ``key``: the shared rate, and half of it."""
        self._waiting.append((block.low, block.key))
        if len(self._waiting) == TOGETHER:
            self._push(is_last=False)

    def _push(self, is_last: bool) -> None:
        """Work through the blocks that wait."""
        samples, halved = (np.concatenate(form) for form in zip(*self._waiting, strict=True))
        self._waiting.clear()
        taken = [self._octaves[0].push(samples, halved)]
        for halver, octave in zip(self._halvers, self._octaves[1:], strict=True):
            samples, halved = halved, halver.push(halved)
            if is_last:
                halved = np.concatenate([halved, halver.flush()])
            taken.append(octave.push(samples, halved))
        for border, (upper, lower) in zip(self._borders, pairwise(taken), strict=True):
            border.push(upper, lower)
        self._lowest.push(np.square(halved))

    def finish(self) -> Findings:
        """Return the levels by column."""
        self._waiting.append((np.zeros(0, np.float32), np.zeros(0, np.float32)))
        self._push(is_last=True)
        low = self._lowest.finish()
        split = self._high_octaves
        high = self._sum(len(low), [*self._octaves[:split], *self._borders[: max(0, split - 1)]])
        middle = self._sum(len(low), [*self._octaves[split:], *self._borders[split:]])
        together = max(1, -(-len(low) // MOST_COLUMNS))
        return Findings(
            {"waveform_step_s": together * self._column / self._rate_hz if len(low) else None},
            {
                "waveform_low": levels_db(low, together),
                "waveform_mid": levels_db(middle, together),
                "waveform_high": levels_db(high, together),
            },
        )

    def _sum(self, columns: int, parts: "Sequence[_Octave | _Border]") -> Float64:
        """The sum of powers; a stream at a higher rate may have one column more or less than the lowest one."""
        total = np.zeros(columns)
        for part in parts:
            found = part.power.finish()[:columns]
            total[: len(found)] += found
        return total


class _Means:
    """The means of columns of ``size`` numbers of a stream."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept = np.zeros(0, np.float32)
        self._found = array("f")

    def push(self, numbers: Float32) -> None:
        joined = np.concatenate([self._kept, numbers])
        whole = len(joined) // self._size * self._size
        sums = np.add.reduce(joined[:whole].reshape(-1, self._size), axis=1)
        self._found.frombytes((sums / np.float32(self._size)).tobytes())
        self._kept = joined[whole:]

    def finish(self) -> Float64:
        """All of them; the last column may have fewer numbers."""
        if len(self._kept):
            self._found.append(float(self._kept.mean()))
        return np.array(self._found, np.float64)


class _Pairs:
    """Every second sample of a stream, with the sample of a stream at half the rate that is at the same time."""

    def __init__(self) -> None:
        self._is_odd = False
        self._whole = np.zeros(0, np.float32)
        self._halved = np.zeros(0, np.float32)

    def push(self, samples: Float32, halved: Float32) -> tuple[Float32, Float32]:
        """Take the next samples of both, of which either may come later; returns what is complete."""
        whole = np.concatenate([self._whole, samples[self._is_odd :: 2]])
        self._is_odd ^= bool(len(samples) % 2)
        joined = np.concatenate([self._halved, halved])
        both = min(len(whole), len(joined))
        self._whole, self._halved = whole[both:], joined[both:]
        return whole[:both], joined[:both]


class _Octave:
    """What a halving takes away, and its power by columns of ``size`` halved samples."""

    def __init__(self, size: int) -> None:
        self.power = _Means(size)
        self._pairs = _Pairs()

    def push(self, samples: Float32, halved: Float32) -> Float32:
        """Take the next samples before and after halving; returns the octave's own, at the halved rate."""
        first, second = self._pairs.push(samples, halved)
        taken: Float32 = first - second
        self.power.push(np.square(taken))
        return taken


class _Border:
    """The power that two neighbouring octaves have together: half of each amplitude is in either at their border."""

    def __init__(self, size: int) -> None:
        self.power = _Means(size)
        self._pairs = _Pairs()

    def push(self, upper: Float32, lower: Float32) -> None:
        """Take the next samples of both octaves."""
        first, second = self._pairs.push(upper, lower)
        self.power.push(np.float32(2) * first * second)


def levels_db(powers: Float64, together: int) -> Sequence[int]:
    """The mean level of every ``together`` columns, in whole dB relative to a full-scale sine."""
    if not len(powers):
        return []
    starts = np.arange(0, len(powers), together)
    means = np.add.reduceat(powers, starts) / np.diff(np.append(starts, len(powers)))
    found = np.rint(10 * np.log10(np.maximum(2 * means, 10 ** (FLOOR_DB / 10))))
    return [int(level) for level in found]
