"""Instances of the service see one stream of events, and what one of them has kept."""

from collections.abc import Iterator

import pytest

from tests.memory_shared import MemoryShared
from tonearm.progress.redis_instances import KEPT, RedisShared
from tonearm.progress.service_instances import Shared
from tonearm.resilience.gate import Unguarded


@pytest.fixture(params=["memory", "redis"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Shared, Shared]]:
    """What two instances share."""
    if request.param == "memory":
        memory = MemoryShared()
        yield memory, memory
        return
    url, namespace = request.getfixturevalue("redis_url"), request.getfixturevalue("namespace")
    first, second = (RedisShared(url, namespace, Unguarded()) for _ in range(2))
    yield first, second
    first.close()
    second.close()


def test_events_are_read_in_order_by_all(pair: tuple[Shared, Shared]) -> None:
    first, second = pair
    assert second.newest() is None
    events = [first.append(f"{number} ♯") for number in range(3)]
    assert second.after(events[0].id) == events[1:]
    assert second.after(events[2].id) == []
    assert second.newest() == events[2]


def test_an_event_that_is_not_held_is_told_from_one_with_nothing_after_it(
    pair: tuple[Shared, Shared],
) -> None:
    first, second = pair
    old = first.append("old")
    for _ in range(KEPT + 200):
        first.append("new")
    assert second.after(old.id) is None
    for strange in ("", "x", "1-1", "-", "+", "99999999999999-0"):
        assert second.after(strange) is None


def test_one_instance_leads_until_it_ends_to_ask(pair: tuple[Shared, Shared]) -> None:
    first, second = pair
    assert [first.lead("a", 60.0), second.lead("b", 60.0), first.lead("a", 60.0)] == [True, False, True]


def test_what_one_keeps_the_other_gets(pair: tuple[Shared, Shared]) -> None:
    first, second = pair
    first.put("counts:1", b"\x00\xff", 60.0)
    assert second.get("counts:1") == b"\x00\xff"
    assert second.get("counts:2") is None
