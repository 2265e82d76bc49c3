"""Settings are proposed where the measurements show a difference, and kept where they do not."""

import pytest

from tests.unit.tuning.rounds import FILES, a_round, measured, repeated
from tonearm.tuning.measured import ServerTime
from tonearm.tuning.processes import Memory
from tonearm.tuning.proposals import Proposal, best_workers, proposals

TWO_CORES = {1: [1.0, 1.01, 0.99], 2: [1.08, 1.09, 1.07], 3: [1.6, 1.62, 1.61], 4: [2.15, 2.2, 2.18]}
"""Slowness by number of workers: a second one brings 85 %, more bring nothing."""


def named(found: list[Proposal], setting: str) -> Proposal:
    [proposal] = [each for each in found if each.setting == setting]
    return proposal


def test_the_smallest_number_of_workers_that_is_as_fast_as_any_is_proposed() -> None:
    proposal = named(proposals(measured(repeated(TWO_CORES), workers=1)), "workers")
    assert (proposal.now, proposal.proposed, proposal.changes) == (1, 2, True)
    assert proposal.expected == pytest.approx(0.85, abs=0.01)
    assert proposal.spread is not None
    assert proposal.spread < 0.02


def test_the_present_number_is_kept_where_no_other_is_faster() -> None:
    for now in (2, 3, 4):
        proposal = named(proposals(measured(repeated(TWO_CORES), workers=now)), "workers")
        assert (proposal.proposed, proposal.changes) == (now, False)
        assert "no other number was faster" in proposal.reason


def test_nothing_is_proposed_where_the_measurements_differ_by_more_than_the_gain() -> None:
    noisy = {1: [1.0, 1.4, 0.8], 2: [1.6, 2.6, 1.3]}
    proposal = named(proposals(measured(repeated(noisy), workers=1)), "workers")
    assert not proposal.changes
    assert "the measurements differ by ±" in proposal.reason


def test_nothing_is_proposed_from_less_than_three_measurements() -> None:
    twice = {1: [1.0, 1.0], 2: [1.0, 1.0]}
    proposal = named(proposals(measured(repeated(twice), workers=1)), "workers")
    assert not proposal.changes
    assert "measured 2 times only" in proposal.reason


def test_workers_that_do_not_fit_into_the_memory_are_reduced() -> None:
    found = measured(repeated(TWO_CORES), workers=16, memory_mb=300, most_workers=4)
    proposal = named(proposals(found), "workers")
    assert proposal.proposed == 2
    assert "16 workers need 860 MB" in proposal.reason


def test_a_machine_that_leaves_the_work_to_others_keeps_that() -> None:
    found = measured(repeated(TWO_CORES), workers=0)
    assert not named(proposals(found), "workers").changes
    assert best_workers(found) == 4


def test_without_a_measurement_nothing_is_proposed() -> None:
    assert proposals(measured([])) == []
    assert best_workers(measured([])) is None


def test_the_limit_of_memory_is_lowered_to_what_the_machine_has() -> None:
    small = named(proposals(measured(repeated(TWO_CORES), memory_mb=1000)), "memory_mb")
    assert (small.now, small.proposed) == (1024, 768)
    assert named(proposals(measured(repeated(TWO_CORES), memory_mb=4000)), "memory_mb").changes is False
    unknown = proposals(measured(repeated(TWO_CORES), memory_mb=None))
    assert [each.setting for each in unknown] == ["workers", "recycle_files"]


def test_the_limit_of_memory_is_never_lower_than_twice_what_a_child_needed() -> None:
    rounds = [a_round(2, 1.0, child=Memory(90.0, 400.0)) for _ in range(3)]
    assert named(proposals(measured(rounds, memory_mb=700)), "memory_mb").proposed == 832


def test_children_live_longer_where_their_start_takes_much_of_the_time() -> None:
    short = [(path, 0.01) for path, _ in FILES] * 40
    rounds = [a_round(2, 1.0, files=short, start_s=1.0) for _ in range(3)]
    proposal = named(proposals(measured(rounds)), "recycle_files")
    assert (proposal.now, proposal.proposed) == (500, 5000)
    assert proposal.expected == pytest.approx(0.17, abs=0.02)
    kept = named(proposals(measured(repeated(TWO_CORES))), "recycle_files")
    assert not kept.changes


@pytest.mark.parametrize(("milliseconds", "proposed"), [(0.5, 0), (25.0, 2)])
def test_messages_are_sent_ahead_by_a_broker_that_is_far_away(milliseconds: float, proposed: int) -> None:
    times = [
        ServerTime("Redis", "a question", 900.0),
        ServerTime("RabbitMQ", "a question", milliseconds, milliseconds, milliseconds),
    ]
    found = measured(repeated(TWO_CORES), servers=times)
    assert named(proposals(found), "prefetch").proposed == proposed
    kept = measured(repeated(TWO_CORES), servers=times, prefetch=2)
    assert named(proposals(kept), "prefetch").proposed == 2


def test_nothing_is_said_of_a_broker_that_is_not_set_or_does_not_answer() -> None:
    silent = [ServerTime("RabbitMQ", "a question", reason="it does not answer")]
    for servers in ([], silent):
        found = proposals(measured(repeated(TWO_CORES), servers=servers))
        assert "prefetch" not in [each.setting for each in found]
