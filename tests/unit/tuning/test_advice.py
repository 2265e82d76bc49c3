"""The limit of the speed and what more hardware would bring follow from the measurements."""

import pytest

from tests.unit.tuning.rounds import a_round, measured, repeated
from tonearm.events.states import Obstacle
from tonearm.tuning.advice import Limit, bottleneck, core_gain, disk_gain, shares_of_work
from tonearm.tuning.reading import Reading

SCALES = {1: [1.0, 1.0, 1.0], 2: [1.08, 1.08, 1.08]}


def test_a_busy_processor_is_the_limit_and_another_core_is_worth_what_the_others_were() -> None:
    found = measured(repeated(SCALES))
    limit = bottleneck(found)
    assert limit is not None
    assert (limit.limit, limit.workers) == (Limit.PROCESSOR, 2)
    gain = core_gain(found)
    assert gain.share == pytest.approx(0.39, abs=0.02)  # after the second brought 85 %
    assert not gain.measured


def test_on_one_core_the_gain_of_a_second_is_computed_from_what_one_process_does_alone() -> None:
    found = measured([a_round(1, 1.0, processor=0.5) for _ in range(3)], workers=1, cores=1)
    assert core_gain(found).share == pytest.approx(0.96, abs=0.02)


def test_a_core_is_worth_no_more_than_the_disk_can_read() -> None:
    slow = Reading(16.0, 16.0, 4, True)  # four files a second; two cores do 3.1 of them
    gain = core_gain(measured(repeated(SCALES), reading=slow))
    assert gain.share is not None
    assert gain.share < 0.35
    assert "disk" in gain.reason


def test_a_disk_that_children_wait_for_is_the_limit_and_a_faster_one_brings_what_memory_did() -> None:
    cold = [a_round(2, 1.6, processor=0.5, others=0.4) for _ in range(3)]
    warm = [a_round(2, 1.0, cold=False) for _ in range(2)]
    found = measured([*cold, *warm])
    limit, gain = bottleneck(found), disk_gain(found)
    assert limit is not None
    assert limit.limit is Limit.READING
    assert gain.share == pytest.approx(0.6, abs=0.01)
    assert gain.measured


def test_a_processor_that_other_programs_keep_busy_is_the_limit() -> None:
    limit = bottleneck(measured([a_round(2, 1.0, processor=0.5, others=0.4) for _ in range(3)]))
    assert limit is not None
    assert limit.limit is Limit.PROCESSOR
    assert "other programs use 40%" in limit.reason
    alone = measured([a_round(2, 1.0, processor=0.5) for _ in range(3)])
    assert core_gain(alone).share == 0.0


def test_a_faster_disk_brings_nothing_where_files_from_memory_are_no_faster() -> None:
    found = measured([*repeated(SCALES), a_round(2, 1.07, cold=False), a_round(2, 1.09, cold=False)])
    assert (disk_gain(found).share, disk_gain(found).measured) == (0.0, True)


def test_what_a_disk_brings_is_not_known_where_the_files_stayed_in_memory() -> None:
    rounds = [*repeated(SCALES), a_round(2, 0.5, cold=False)]
    gain = disk_gain(measured(rounds, reading=Reading(900.0, 900.0, 4, False)))
    assert (gain.share, gain.measured) == (None, False)


def test_children_that_wait_for_files_show_that_storing_is_the_limit() -> None:
    limit = bottleneck(measured([a_round(2, 1.0, busy=0.6, processor=0.5) for _ in range(3)]))
    assert limit is not None
    assert limit.limit is Limit.STORING


def test_the_shares_of_the_work_add_up() -> None:
    shares = shares_of_work(measured(repeated(SCALES)), 2)
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=lambda part: shares[part]) is Obstacle.DECODING
