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
from tonearm.analysis.kernels import octave, overlap
from tonearm.analysis.shared_forms import Halver

MOST_COLUMNS = 800
"""Maximum number of columns. A sound that would have more has columns of twice, three times, … the shortest length."""
SHORTEST_S = 0.02
"""Minimum length of a column."""
LOW_HZ, HIGH_HZ = 300.0, 2800.0
"""Where the bands are to meet: they do at the nearest octave below half of the shared rate."""
LEAST_SAMPLES = 4
"""Minimum number of samples of the lowest band in a column."""
FLOOR_DB = -60
TOGETHER = 2
"""Blocks that are worked through together, which costs less than one by one: most steps are short."""


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
        self._streams = [np.zeros(0, np.float32) for _ in range(octaves + 1)]
        self._waiting: list[tuple[Float32, Float32]] = []
        self._powers = [array("f") for _ in range(3)]

    def feed(self, block: Block) -> None:
        """Take the next block's ``low`` and ``key``: the shared rate, and half of it."""
        self._waiting.append((block.low, block.key))
        if len(self._waiting) == TOGETHER:
            self._push(is_last=False)

    def _push(self, is_last: bool) -> None:
        """Halve the blocks that wait, and measure the columns that are complete."""
        low, key = ([each[form] for each in self._waiting] for form in (0, 1))
        self._waiting.clear()
        halved = np.concatenate(key)
        self._streams[0] = np.concatenate([self._streams[0], *low])
        self._streams[1] = np.concatenate([self._streams[1], halved])
        for level, halver in enumerate(self._halvers, 2):
            halved = halver.push(halved)
            if is_last:
                halved = np.concatenate([halved, halver.flush()])
            self._streams[level] = np.concatenate([self._streams[level], halved])
        lowest = self._column >> (len(self._streams) - 1)
        self._measure(self._complete() // lowest, lowest)
        if is_last and (rest := self._complete()):
            self._measure(1, rest)

    def _complete(self) -> int:
        """The number of samples at the lowest rate whose time every stream has."""
        deepest = len(self._streams) - 1
        return min(len(stream) >> (deepest - level) for level, stream in enumerate(self._streams))

    def _measure(self, columns: int, lowest: int) -> None:
        """Measure columns of ``lowest`` samples at the lowest rate."""
        if not columns:
            return
        deepest = len(self._streams) - 1
        ends = [columns * lowest << (deepest - level) for level in range(deepest + 1)]
        streams = [stream[:end] for stream, end in zip(self._streams, ends, strict=True)]
        self._streams = [stream[end:] for stream, end in zip(self._streams, ends, strict=True)]
        taken, powers = zip(
            *(octave(upper, lower, columns) for upper, lower in pairwise(streams)), strict=True
        )
        for number, (upper, lower) in enumerate(pairwise(taken), 1):
            if number != self._high_octaves:  # at the border of two octaves each has half of the amplitude
                powers[number][:] += overlap(upper, lower, columns)
        nothing = np.zeros(columns, np.float32)
        split = self._high_octaves
        bands = (
            np.square(streams[-1]).reshape(columns, -1).mean(axis=1),
            sum(powers[split:], nothing),
            sum(powers[:split], nothing),
        )
        for found, power in zip(self._powers, bands, strict=True):
            found.frombytes(power.astype(np.float32).tobytes())

    def finish(self) -> Findings:
        """Return the levels by column."""
        self._waiting.append((np.zeros(0, np.float32), np.zeros(0, np.float32)))
        self._push(is_last=True)
        columns = len(self._powers[0])
        together = max(1, -(-columns // MOST_COLUMNS))
        names = ("waveform_low", "waveform_mid", "waveform_high")
        return Findings(
            {"waveform_step_s": together * self._column / self._rate_hz if columns else None},
            {
                name: levels_db(np.array(powers, np.float64), together)
                for name, powers in zip(names, self._powers, strict=True)
            },
        )


def levels_db(powers: Float64, together: int) -> Sequence[int]:
    """The mean level of every ``together`` columns, in whole dB relative to a full-scale sine."""
    if not len(powers):
        return []
    starts = np.arange(0, len(powers), together)
    means = np.add.reduceat(powers, starts) / np.diff(np.append(starts, len(powers)))
    found = np.rint(10 * np.log10(np.maximum(2 * means, 10 ** (FLOOR_DB / 10))))
    return [int(level) for level in found]
