"""Every listener hears every change once, from whichever instance; who can't be told what it missed begins anew."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from tests.memory_shared import MemoryShared
from tonearm.errors import StorageUnavailable
from tonearm.views.activity import Activity, ServiceState
from tonearm.web import activity_feed
from tonearm.web.activity_feed import BEHIND, ActivityFeed, FeedEvent

WAIT_S = 60.0


class Library:
    """What goes on in a library, as a test sets it."""

    def __init__(self) -> None:
        self.state = 0
        self.away = False

    def read(self) -> Activity:
        if self.away:
            raise StorageUnavailable("the database does not answer")
        return cast(Activity, _State(self.state))


class _State:
    def __init__(self, state: int) -> None:
        self.state = state

    def to_json(self) -> dict[str, Any]:
        return {"at": 1.0, "state": self.state}


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def shared() -> MemoryShared:
    return MemoryShared()


@pytest.fixture
def feeds(library: Library, shared: MemoryShared) -> Iterator[tuple[ActivityFeed, ActivityFeed]]:
    """Two instances over one library."""
    pair = ActivityFeed(library.read, 0.01, shared), ActivityFeed(library.read, 0.01, shared)
    yield pair
    for feed in pair:
        feed.close()


async def heard(events: AsyncIterator[FeedEvent | None]) -> FeedEvent:
    """The next event."""
    event = await asyncio.wait_for(anext(events), WAIT_S)
    assert event is not None
    return event


async def until(events: AsyncIterator[FeedEvent | None], state: int) -> FeedEvent:
    """The event with a state."""
    while True:
        event = await heard(events)
        if event.name == "activity" and json.loads(event.data)["state"] == state:
            return event


def test_all_instances_tell_the_same_events(
    feeds: tuple[ActivityFeed, ActivityFeed], library: Library
) -> None:
    async def listen() -> None:
        first, second = feeds[0].events(), feeds[1].events()
        assert (await until(first, 0)).id == (await until(second, 0)).id
        library.state = 1
        assert (await until(first, 1)).id == (await until(second, 1)).id

    asyncio.run(listen())


def test_a_client_that_comes_back_to_another_instance_misses_nothing(
    feeds: tuple[ActivityFeed, ActivityFeed], library: Library
) -> None:
    async def listen() -> None:
        first = feeds[0].events()
        last = await until(first, 0)
        for state in (1, 2):
            library.state = state
            await until(first, state)
        again = feeds[1].events(last.id)
        assert [json.loads((await heard(again)).data)["state"] for _ in range(2)] == [1, 2]

    asyncio.run(listen())


def test_after_a_flush_everybody_is_told_anew(
    feeds: tuple[ActivityFeed, ActivityFeed], library: Library, shared: MemoryShared
) -> None:
    async def listen() -> None:
        first, second = feeds[0].events(), feeds[1].events()
        last = await until(first, 0)
        await until(second, 0)
        shared.flush()
        library.state = 1
        await until(first, 1)
        await until(second, 1)
        assert (await heard(feeds[1].events(last.id))).name == "reset"

    asyncio.run(listen())


def test_without_the_stream_each_instance_reads_for_itself(
    feeds: tuple[ActivityFeed, ActivityFeed], library: Library, shared: MemoryShared
) -> None:
    async def listen() -> None:
        first = feeds[0].events()
        last = await until(first, 0)
        shared.away = True
        library.state = 1
        await until(first, 1)
        assert [(await heard(events)).name for events in [feeds[1].events(last.id)]] == ["reset"]
        shared.away = False
        library.state = 2
        await until(first, 2)

    asyncio.run(listen())


def test_trouble_is_told_and_its_end(library: Library) -> None:
    feed = ActivityFeed(library.read, 0.01)

    async def listen() -> None:
        events = feed.events()
        await until(events, 0)
        library.away = True
        trouble = await heard(events)
        assert (trouble.name, trouble.trouble) == ("trouble", "the database does not answer")
        library.away = False
        await until(events, 0)

    asyncio.run(listen())
    feed.close()


def test_the_servers_are_told_while_nothing_can_be_read(library: Library) -> None:
    states = {"Redis": "up"}

    def services() -> tuple[ServiceState, ...]:
        return tuple(ServiceState(name, state, 1.0) for name, state in states.items())

    feed = ActivityFeed(library.read, 0.01, services=services)

    async def listen() -> None:
        library.away = True
        events = feed.events()
        assert [each.state for each in (await heard(events)).services] == ["up"]
        states["Redis"] = "unavailable"
        told = await heard(events)
        assert json.loads(told.data)["services"][0]["state"] == told.services[0].state == "unavailable"

    asyncio.run(listen())
    feed.close()


def test_a_page_gets_what_goes_on_whoever_read_it(feeds: tuple[ActivityFeed, ActivityFeed]) -> None:
    async def listen() -> None:
        await until(feeds[0].events(), 0)  # it leads
        plain = feeds[1].events()
        await until(plain, 0)
        assert (await heard(feeds[1].events(needs_activity=True))).activity is not None

    asyncio.run(listen())


def test_a_client_that_does_not_keep_up_is_dropped(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity_feed, "PAUSE_FACTOR", 0.0)
    feed = ActivityFeed(library.read, 0.0)

    async def listen() -> None:
        slow, quick = feed.events(), feed.events()
        await heard(slow)
        await heard(quick)
        for state in range(1, BEHIND + 20):
            library.state = state
            await until(quick, state)
        left = [event async for event in slow]
        assert len(left) <= BEHIND

    asyncio.run(listen())
    feed.close()
