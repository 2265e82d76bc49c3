"""The estimated remaining time of recorded runs, including first runs, is close to the actual time."""

import pytest

from tests.performance.eta import at, cost_of, off_by
from tests.recorded_runs.replay import Moment, names, replay


def between(moments: list[Moment], first: float, last: float) -> list[Moment]:
    """The moments between two shares of a run."""
    whole_s = moments[-1].at_s + moments[-1].actual_s
    return [moment for moment in moments if first * whole_s <= moment.at_s <= last * whole_s]


def test_there_are_runs_of_different_mixtures() -> None:
    assert len(names()) >= 3


@pytest.mark.parametrize("name", names())
def test_a_first_run_is_learning_until_a_file_was_decoded_and_is_soon_about_right(name: str) -> None:
    moments = replay(name)
    assert at(moments, 0.0).predicted_s is None
    ratios = [moment.ratio for moment in between(moments, 0.1, 0.9)]
    assert all(ratio is not None and 1 / 2 < ratio < 2 for ratio in ratios), ratios
    assert off_by(moments) < 1.5


@pytest.mark.parametrize("name", names())
def test_a_run_on_a_machine_that_is_known_is_about_right_from_the_first_second(name: str) -> None:
    moments = replay(name, cost_of(name))
    ratios = [moment.ratio for moment in between(moments, 0.0, 0.9)]
    assert all(ratio is not None and 1 / 2 < ratio < 2 for ratio in ratios), ratios
    assert off_by(moments) < 1.5
