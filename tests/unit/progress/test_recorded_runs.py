"""The estimated remaining time of recorded runs is close to the real one, and the range holds it.

The error of a moment is |estimated - real remaining time| / real remaining time. `python -m tests.performance eta`
prints the figures of each run. The machine had other work to do in all of them, so that a run's speed varied by
itself.
"""

import statistics
from collections.abc import Mapping, Sequence

import pytest

from tests.performance.eta import after_a_tenth, first, later
from tests.recorded_runs.replay import Moment, names, replay
from tonearm.events.states import Obstacle

FIRST_ERROR, LEARNED_ERROR = 0.25, 0.15
"""Most median error over all runs after a tenth of their work: of a first run, and on a machine that has learned."""
ONE_RUN_ERROR = 0.45
"""Most median error of any single run."""

Runs = Mapping[str, Sequence[Moment]]


@pytest.fixture(scope="module")
def first_runs() -> Runs:
    return {name: after_a_tenth(first(name)) for name in names()}


@pytest.fixture(scope="module")
def later_runs() -> Runs:
    return {name: after_a_tenth(later(name)) for name in names()}


def errors(runs: Runs) -> list[float]:
    return [1.0 if moment.error is None else moment.error for name in runs for moment in runs[name]]


def in_range(runs: Runs) -> float:
    return statistics.mean(moment.in_range for name in runs for moment in runs[name])


def test_a_first_run_of_mixed_files_is_predicted_after_a_tenth_of_the_work(first_runs: Runs) -> None:
    assert statistics.median(errors(first_runs)) < FIRST_ERROR


def test_a_run_on_a_machine_that_has_learned_from_other_runs_is_predicted_better(later_runs: Runs) -> None:
    assert statistics.median(errors(later_runs)) < LEARNED_ERROR


@pytest.mark.parametrize("name", names())
def test_no_run_is_predicted_badly(name: str, first_runs: Runs, later_runs: Runs) -> None:
    for runs in (first_runs, later_runs):
        assert statistics.median(errors({name: runs[name]})) < ONE_RUN_ERROR


def test_the_range_holds_the_real_end_about_as_often_as_it_says(first_runs: Runs, later_runs: Runs) -> None:
    assert 0.7 < in_range(first_runs) < 0.95
    assert 0.7 < in_range(later_runs) < 0.95


def test_a_first_run_is_learning_until_a_file_was_decoded() -> None:
    moments = replay("many_formats")
    assert moments[0].outlook.eta_s is None
    assert moments[0].outlook.files == 80
    assert all(moment.outlook.eta_s is not None for moment in moments[8:])


def test_a_machine_that_has_learned_tells_the_time_at_once() -> None:
    moments = later("many_formats")
    assert moments[0].ratio == pytest.approx(1, abs=0.4)


def test_what_holds_a_recorded_run_up_is_named(first_runs: Runs) -> None:
    work = {Obstacle.READING, Obstacle.DECODING, Obstacle.ANALYSING, Obstacle.STORING}
    for name in ("albums", "joined", "whole_library"):
        named = [moment.outlook.held_up_by for moment in first_runs[name]]
        assert set(named) <= work | {Obstacle.RETRIES}
        assert statistics.mode(named) in {Obstacle.DECODING, Obstacle.ANALYSING}
