"""Distributions of values."""

import pytest

from tonearm.views.distributions import BINS, PERCENTS, distribution_of


def test_percentiles_are_values_and_the_histogram_counts_all() -> None:
    found = distribution_of([float(number) for number in range(1001)])
    assert found.percentiles == tuple(10.0 * percent for percent in PERCENTS)
    assert (found.low, found.high) == (10, 990)
    assert len(found.counts) == BINS
    assert sum(found.counts) == found.tracks == 1001
    assert found.counts[1:-1] == pytest.approx([49] * (BINS - 2), abs=1)


def test_what_lies_far_outside_does_not_stretch_the_histogram() -> None:
    found = distribution_of([-1e6, *[float(number) for number in range(1000)], 1e6])
    assert found.high is not None
    assert found.high < 1000
    assert min(found.counts) > 40


def test_equal_values_have_one_range() -> None:
    assert distribution_of([3.0, 3.0]).counts == (2,)


def test_no_values_have_no_distribution() -> None:
    found = distribution_of([])
    assert (found.tracks, found.percentiles, found.counts) == (0, (), ())
