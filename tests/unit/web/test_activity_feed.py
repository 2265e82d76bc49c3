"""Every listener hears every change once, from whichever instance; who can't be told what it missed begins anew."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
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


def test_each_instance_tells_the_services_that_it_depends_on(library: Library, shared: MemoryShared) -> None:
    states = ["up", "up"]

    def services(instance: int) -> tuple[ServiceState, ...]:
        return (ServiceState("Redis", states[instance], 1.0),)

    feeds = [ActivityFeed(library.read, 0.01, shared, partial(services, instance)) for instance in (0, 1)]

    async def listen() -> None:
        events = [feed.events() for feed in feeds]
        for each in events:
            await told(each, 0, "up")
        states[1] = "slow"
        await told(events[1], 0, "slow")
        states[0] = "unavailable"
        last = await told(events[0], 0, "unavailable")
        library.state = 1
        await told(events[0], 1, "unavailable")
        await told(events[1], 1, "slow")
        newest = shared.newest()
        assert newest is not None
        assert "services" not in json.loads(newest.data)
        await told(feeds[0].events(last.id), 1, "unavailable")

    async def told(events: AsyncIterator[FeedEvent | None], state: int, service: str) -> FeedEvent:
        while True:
            event = await heard(events)
            [found] = json.loads(event.data)["services"]
            assert found["state"] == event.services[0].state
            if (json.loads(event.data)["state"], found["state"]) == (state, service):
                return event

    asyncio.run(listen())
    for feed in feeds:
        feed.close()


def test_each_instance_tells_its_own_trouble_and_its_end(library: Library, shared: MemoryShared) -> None:
    other = Library()

    def read_by_other() -> Activity:
        other.read()
        return library.read()

    feeds = ActivityFeed(library.read, 0.01, shared), ActivityFeed(read_by_other, 0.01, shared)

    async def listen() -> None:
        leading, page = feeds[0].events(), feeds[1].events(needs_activity=True)
        await until(leading, 0)
        await until(page, 0)
        for state in (1, 2):
            other.away = True
            library.state = state
            while (await heard(page)).name != "trouble":
                pass
            await until(leading, state)
            other.away = False
            assert (await until(page, state)).activity is not None

    asyncio.run(listen())
    for feed in feeds:
        feed.close()


def test_what_could_not_be_appended_is_told(library: Library, shared: MemoryShared) -> None:
    feed = ActivityFeed(library.read, 0.01, shared)

    async def listen() -> None:
        events = feed.events()
        await until(events, 0)
        shared.is_full = True
        library.state = 1
        await until(events, 1)
        shared.is_full = False
        library.state = 2
        await until(events, 2)

    asyncio.run(listen())
    feed.close()


def test_a_client_that_does_not_keep_up_is_dropped_after_what_waits_for_it(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity_feed, "PAUSE_FACTOR", 0.0)
    feed = ActivityFeed(library.read, 0.0)

    async def listen() -> None:
        slow, quick = feed.events(), feed.events()
        await until(slow, 0)
        await until(quick, 0)
        for state in range(1, BEHIND + 20):
            library.state = state
            await until(quick, state)
            if state == 1:
                await until(slow, 1)
        left = [event async for event in slow]
        assert [event and json.loads(event.data)["state"] for event in left] == list(range(2, BEHIND + 2))

    asyncio.run(listen())
    feed.close()
