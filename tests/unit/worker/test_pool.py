"""If children can't start, the call ends with a reason; no more children are started than allowed."""

import os
from collections.abc import Callable, Iterator

import pytest

from tonearm.events.event import Event
from tonearm.events.states import ChildEnding
from tonearm.settings import load_settings
from tonearm.worker.pool import MAX_FAILED_STARTS, CannotStart, ChildPool

FAILS = ("-c", "raise SystemExit('no module named numpy')")
WAITS = ("-c", "import time; time.sleep(100)")

MakePool = Callable[[tuple[str, ...]], ChildPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    made: list[ChildPool] = []
    events: list[Event] = []
    reader, writer = os.pipe()

    def make(program: tuple[str, ...]) -> ChildPool:
        made.append(ChildPool(load_settings({"workers": 2}), program, reader, events.append))
        return made[0]

    yield make
    made[0].close()
    os.close(reader)
    os.close(writer)


def test_children_that_end_before_they_are_ready_again_and_again_are_an_error(make_pool: MakePool) -> None:
    pool = make_pool(FAILS)

    def keep_starting() -> None:
        for _ in range(MAX_FAILED_STARTS):
            pool.start(1)
            readable, woken = pool.wait(0.0, 60.0)
            assert not woken
            pool.remove_ended(readable[0])
            readable[0].close()

    with pytest.raises(CannotStart, match="analysing processes do not start: no module named numpy"):
        keep_starting()


def test_a_child_uses_its_slot_from_its_start_until_it_has_ended(make_pool: MakePool) -> None:
    pool = make_pool(WAITS)
    assert (pool.free_slots, pool.starting) == (2, 0)
    pool.start(2)
    assert (pool.free_slots, pool.starting, pool.idle, pool.busy) == (0, 2, [], [])
    child = pool.overdue(float("inf"))[0]
    pool.mark_ready(child)
    assert (pool.starting, pool.idle) == (1, [child])
    pool.end(child, ChildEnding.NOT_NEEDED, "the test is over")
    assert (pool.free_slots, pool.starting) == (1, 1)
