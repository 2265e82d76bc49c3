"""Percentiles. ``np.percentile`` imports ``numpy.ma`` when it is first called, 15 ms in each child."""

import numpy as np

from tonearm.analysis.analyser import Float32, Float64


def percentile(values: Float32 | Float64, percent: float) -> float:
    """The percentile of (n,) values, n at least 1, by linear interpolation between the two nearest."""
    place = percent / 100 * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    parted = np.partition(values, (low, high))
    return float(parted[low]) + (float(parted[high]) - float(parted[low])) * (place - low)
