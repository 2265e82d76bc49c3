"""The end of a run is when the last of its slots becomes free."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.progress.schedule import EXACT_FILES, Batch, makespan

BATCHES = st.lists(st.builds(Batch, st.integers(0, 4), st.integers(0, 500), st.floats(0, 100)), max_size=5)


def test_equal_files_are_worked_on_in_rounds() -> None:
    assert makespan(2, [], [Batch(2, 4, 10.0)]) == 20
    assert makespan(2, [], [Batch(2, 5, 10.0)]) == 30
    assert makespan(8, [], [Batch(2, 5, 10.0)]) == 10


def test_a_slot_takes_the_next_file_when_its_own_has_ended() -> None:
    assert makespan(2, [1.0, 7.0], [Batch(2, 1, 3.0)]) == 7
    assert makespan(2, [1.0, 7.0], [Batch(2, 2, 5.0)]) == 11


def test_large_files_of_a_later_level_are_waited_for_at_the_end() -> None:
    small, large = Batch(1, 40, 1.0), Batch(3, 1, 100.0)
    assert makespan(4, [], [large, small]) == 110


def test_more_running_files_than_slots_are_added_up() -> None:
    """A worker that left gives its files back only when its leases have expired."""
    assert makespan(1, [2.0, 3.0, 4.0], []) == 9


@given(st.integers(1, 64), st.lists(st.floats(0, 100), max_size=64), BATCHES)
def test_the_end_lies_between_perfect_division_and_one_more_file(
    slots: int, running: list[float], waiting: list[Batch]
) -> None:
    work = sum(running) + sum(batch.files * batch.work_s for batch in waiting)
    longest = max([*running, *(batch.work_s for batch in waiting if batch.files)], default=0.0)
    end = makespan(slots, running, waiting)
    assert end >= max(work / slots, 0) * 0.95 - longest
    if len(running) <= slots:
        assert end <= work / slots + longest * (1 + len({batch.rank for batch in waiting})) + 1e-6


def test_many_files_take_as_long_as_their_sum_divided_by_the_slots() -> None:
    many = [Batch(2, 100_000, 2.0), Batch(2, 50_000, 4.0)]
    assert sum(batch.files for batch in many) > EXACT_FILES
    assert makespan(4, [], many) == pytest.approx(100_000, rel=0.001)
