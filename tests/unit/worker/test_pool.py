"""If children can't start, the call ends with a reason; no more children are started than allowed."""

import os
from collections.abc import Callable, Iterator

import pytest

from tonearm.events.event import Event
from tonearm.events.facts import ChildEnded
from tonearm.events.messages import ChildMessage
from tonearm.events.states import ChildEnding
from tonearm.settings import load_settings
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.pool import MAX_FAILED_STARTS, CannotStart, ChildPool

FAILS = ("-c", "raise SystemExit('no module named numpy')")
WAITS = ("-c", "import time; time.sleep(100)")

MakePool = Callable[[tuple[str, ...]], ChildPool]


@pytest.fixture
def events() -> list[Event]:
    """What the pool has announced."""
    return []


@pytest.fixture
def make_pool(events: list[Event]) -> Iterator[MakePool]:
    made: list[ChildPool] = []
    reader, writer = os.pipe()

    def make(program: tuple[str, ...]) -> ChildPool:
        made.append(ChildPool(load_settings({"workers": 2}), program, reader, events.append))
        return made[0]

    yield make
    made[0].close()
    os.close(reader)
    os.close(writer)


def first_readable(pool: ChildPool) -> ChildProcess:
    """The first child whose connection is readable; it may have written to standard error before."""
    while True:
        readable, woken = pool.wait(60.0)
        assert not woken
        if readable:
            return readable[0]


def test_children_that_end_before_they_are_ready_again_and_again_are_an_error(make_pool: MakePool) -> None:
    pool = make_pool(FAILS)

    def keep_starting() -> None:
        for _ in range(MAX_FAILED_STARTS):
            pool.start(1)
            child = first_readable(pool)
            pool.remove_ended(child)
            child.close()

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


def test_what_a_child_writes_is_announced_also_what_it_wrote_before_it_died(
    make_pool: MakePool, events: list[Event]
) -> None:
    pool = make_pool(("-c", "import os; os.write(2, b'first\\nlast\\n'); os._exit(3)"))
    pool.start(1)
    child = first_readable(pool)
    pool.remove_ended(child)
    child.close()
    told = [event for event in events if isinstance(event, ChildMessage | ChildEnded)]
    assert [getattr(event, "text", "(ended)") for event in told] == ["first", "last", "(ended)"]
