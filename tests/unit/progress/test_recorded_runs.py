"""The estimated remaining time of recorded runs is close to the real one, and the range holds it.

The figures of each run, and what they are medians of: ``python -m tests.performance.eta``.
"""

import pytest

from tests.performance.eta import first, later
from tests.recorded_runs.replay import Moment, names

FIRST_ERROR, LEARNED_ERROR = 0.25, 0.15
"""Most median error after a tenth of the work: of a first run, and on a machine that has learned from other runs."""


@pytest.fixture(scope="module")
def first_runs() -> dict[str, list[Moment]]:
    return {name: first(name) for name in names()}


@pytest.fixture(scope="module")
def later_runs() -> dict[str, list[Moment]]:
    return {name: later(name) for name in names()}
