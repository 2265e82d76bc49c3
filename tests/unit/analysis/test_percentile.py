"""Percentiles are those that NumPy computes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tonearm.analysis.percentile import percentile

VALUES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50)


@given(VALUES, st.floats(0, 100))
def test_a_percentile_lies_between_the_two_nearest_values(values: list[float], percent: float) -> None:
    found = percentile(np.array(values), percent)
    assert np.isclose(found, np.percentile(values, percent), rtol=1e-9, atol=1e-6)


@given(VALUES)
def test_the_fiftieth_percentile_is_the_median(values: list[float]) -> None:
    assert np.isclose(percentile(np.array(values), 50), np.median(values), rtol=1e-9, atol=1e-6)
