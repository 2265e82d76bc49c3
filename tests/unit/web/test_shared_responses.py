"""A list is made once for all who ask for it, until something is written to the library."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.unit.library_fixture import opened, result
from tests.unit.web.client import Client
from tests.unit.web.conftest import served
from tonearm.errors import StorageUnavailable
from tonearm.web.response_cache import KEPT_BYTES
from tonearm.web.shared_responses import LARGEST, SharedAnswers, at_once


class World:
    """A library whose version and clock a test sets, and an application that counts what it answers."""

    look_s = 1.0

    def __init__(self) -> None:
        self.version, self.now, self.asked, self.made, self.status = "1", 0.0, 0, 0, 200
        self.body, self.headers = b"", list[tuple[bytes, bytes]]()
        self.seen = Counter[str]()
        self.going_on: asyncio.Event | None = None
        self.ended, self.takes = 0, 0.0
        self.leave = asyncio.Event()
        self.answers = SharedAnswers(
            self.app,
            self,
            lambda one: self.seen.update([one]),
            lambda: self.ended,
            at_once(None),
            lambda: self.now,
        )

    def read(self) -> str:
        self.asked += 1
        self.now += self.takes
        if not self.version:
            raise StorageUnavailable("it is away")
        return self.version

    def close(self) -> None:
        """Nothing is open."""

    def write(self, version: str) -> None:
        """Let another process write, and some time pass."""
        self.version = version
        self.now += self.look_s

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  as ASGI has it
        self.made += 1
        body = self.body or b"%d" % self.made
        if self.going_on is not None and scope["query_string"] != b"sort=quick":
            await self.going_on.wait()
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:]})

    async def get(
        self, path: str = "/library", query: str = "", method: str = "GET", **headers: str
    ) -> bytes:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        leave = self.leave

        async def receive() -> Message:
            await leave.wait()
            return {"type": "http.disconnect"}

        given = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope: Mapping[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": given,
        }
        await self.answers(dict(scope), receive, send)
        if leave.is_set() and not sent:
            return b"gone"
        assert sent[0]["status"] == self.status
        self.given = sent[0]["headers"]
        return b"".join(each.get("body", b"") for each in sent[1:])


@pytest.fixture
def world() -> World:
    return World()


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await test()

    asyncio.run(whole())


async def until(condition: Callable[[], bool]) -> None:
    """Let the others go on until a condition is met."""
    while not condition():
        await asyncio.sleep(0.001)


def test_an_answer_is_given_again_until_something_is_written(world: World) -> None:
    async def test() -> None:
        assert [await world.get(), await world.get()] == [b"1", b"1"]
        world.write("2")
        assert await world.get() == b"2"
        world.write("1")  # a version that comes back is a new one
        assert await world.get() == b"3"

    run(test)
    assert world.seen == {"made": 3, "kept": 1}


def test_answers_to_different_questions_are_not_mixed_up(world: World) -> None:
    async def test() -> None:
        given = [
            await world.get(),
            await world.get(query="sort=bpm"),
            await world.get("/api/v1/tracks"),
            await world.get(**{"HX-Request": "true"}),
            await world.get("/api/v1/tracks/1"),
            await world.get("/api/v1/tracks/1"),
            await world.get(method="POST"),
        ]
        assert given == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]
        assert await world.get() == b"1"

    run(test)


def test_those_who_ask_while_it_is_made_wait_for_it_and_those_after_a_write_do_not(world: World) -> None:
    async def test() -> None:
        world.going_on = asyncio.Event()
        first = [asyncio.create_task(world.get()) for _ in range(5)]
        await until(lambda: world.seen.total() == 5)
        world.write("2")
        later = [asyncio.create_task(world.get()) for _ in range(2)]
        await until(lambda: world.seen.total() == 7)
        world.going_on.set()
        assert await asyncio.gather(*first, *later) == [b"1"] * 5 + [b"2"] * 2
        assert await world.get() == b"2"

    run(test)
    assert world.seen == {"made": 2, "awaited": 5, "kept": 1}


@pytest.mark.parametrize(
    "more", [{"status": 503}, {"status": 422}, {"body": b"x" * (LARGEST + 1)}], ids=["503", "422", "long"]
)
def test_errors_and_very_long_answers_are_given_to_those_who_wait_and_not_kept(
    world: World, more: Mapping[str, Any]
) -> None:
    for name, value in more.items():
        setattr(world, name, value)

    async def test() -> None:
        given = await asyncio.gather(*[world.get() for _ in range(3)])
        assert len(set(given)) == 1
        assert world.made == 1
        await world.get()
        assert world.made == 2

    run(test)


def test_what_is_shared_sets_no_cookie(world: World) -> None:
    world.headers = [(b"Set-Cookie", b"a=b"), (b"x-a", b"b")]

    async def test() -> None:
        await world.get()
        assert [name for name, _ in world.given] == [b"x-a", b"etag"]

    run(test)


def test_lists_with_conditions_leave_room_for_those_without(world: World) -> None:
    async def test() -> None:
        world.going_on = asyncio.Event()
        slow = [asyncio.create_task(world.get(query=f"title={number}")) for number in range(20)]
        await until(lambda: world.seen.total() == 20 and world.made == at_once(None) // 2)
        assert await asyncio.wait_for(world.get(query="sort=quick"), 30) == b"3"
        world.going_on.set()
        await asyncio.gather(*slow)

    run(test)


def test_a_client_that_has_gone_keeps_no_place_in_the_queue(world: World) -> None:
    async def test() -> None:
        world.going_on = asyncio.Event()
        first = [asyncio.create_task(world.get(query=f"sort={number}")) for number in range(at_once(None))]
        await until(lambda: world.made == at_once(None))
        stays, world.leave = world.leave, asyncio.Event()
        left = [asyncio.create_task(world.get(query=query)) for query in ("sort=a", "sort=b", "sort=b")]
        await until(lambda: world.seen.total() == at_once(None) + 3)
        leaving, world.leave = world.leave, stays
        kept = asyncio.create_task(world.get(query="sort=b"))
        await until(lambda: world.seen.total() == at_once(None) + 4)
        leaving.set()
        assert await asyncio.gather(*left) == [b"gone"] * 3
        world.going_on.set()
        await asyncio.gather(*first)
        assert await kept == b"5"

    run(test)
    assert world.made == at_once(None) + 1


def test_lists_below_a_path_are_not_shared_as_it_may_lead_over_links(world: World) -> None:
    async def test() -> None:
        for query in ("path=/a", "sort=bpm&p%61th=/a"):
            assert await world.get("/api/v1/tracks", query) != await world.get("/api/v1/tracks", query)
        assert await world.get(query="path=") == await world.get(query="path=")

    run(test)


def test_what_was_asked_for_counts_as_kept_too(world: World) -> None:
    async def test() -> None:
        query = "x" * (KEPT_BYTES // 2)
        for name in "abc":
            await world.get(query=f"{name}={query}")
        await world.get(query=f"a={query}")
        assert world.made == 4

    run(test)


def test_what_is_kept_is_bounded(world: World) -> None:
    world.body = b"x" * LARGEST

    async def test() -> None:
        for number in range(KEPT_BYTES // LARGEST + 1):
            await world.get(query=str(number))
        made = world.made
        await world.get(query=str(number))
        assert world.made == made
        await world.get(query="0")
        assert world.made == made + 1

    run(test)


def test_a_version_that_takes_long_to_read_is_read_anew_after_a_while_or_a_change(world: World) -> None:
    async def test() -> None:
        await world.get()
        world.version, world.now = "2", 0.9
        assert await world.get() == b"1"
        world.now = 1.0
        assert await world.get() == b"2"
        world.version = "3"
        await world.get(method="POST")  # by whoever has changed it
        assert await world.get() == b"4"

    run(test)
    assert world.asked == 3


def test_questions_are_no_changes_and_the_end_of_an_action_is_one(world: World) -> None:
    async def test() -> None:
        await world.get()
        world.version = "2"
        await world.get("/graphql", method="POST")
        await world.get(method="HEAD")
        assert await world.get() == b"1"
        world.ended += 1
        assert await world.get() == b"4"

    run(test)


def test_those_who_wait_for_a_version_that_can_not_be_read_do_so_once(world: World) -> None:
    world.version, world.status, world.takes = "", 503, 5.0

    async def test() -> None:
        await asyncio.gather(*[world.get() for _ in range(5)])
        await world.get(method="POST")
        await world.get()
        assert (world.asked, world.made) == (1, 7)
        world.now, world.version, world.status, world.takes = 6.0, "1", 200, 0.0
        assert await world.get() == await world.get() == b"8"

    run(test)


def test_a_version_that_was_read_late_counts_for_all_who_have_waited_for_it(world: World) -> None:
    world.takes = 5.0

    async def test() -> None:
        assert await asyncio.gather(*[world.get() for _ in range(5)]) == [b"1"] * 5

    run(test)
    assert world.asked == 1


def test_without_a_version_the_application_says_what_is_wrong(world: World) -> None:
    world.version, world.status = "", 503

    async def test() -> None:
        assert [await world.get(), await world.get()] == [b"1", b"2"]

    run(test)


def test_readers_see_a_change_of_another_process_within_a_second(tmp_path: Path, empty: bytes) -> None:
    with opened(tmp_path, empty) as library, served(tmp_path) as client:
        run = library.run()
        for number in range(2):
            library.finish(run, b"%d.flac" % number, result(str(number) * 8))
            written = time.monotonic()
            while len(client.get("/api/v1/tracks").json["items"]) <= number:
                assert time.monotonic() - written < 5.0  # a machine may be slow
                time.sleep(0.05)
            assert f"{number}.flac" in client.get("/library").text


def test_a_kept_answer_has_its_etag_and_is_compressed(own_service: Client) -> None:
    plain, again = (own_service.get("/library") for _ in "12")
    assert (plain.body, plain.headers["etag"]) == (again.body, again.headers["etag"])
    packed = [own_service.get("/library", Accept_Encoding="gzip") for _ in "12"]
    assert {each.headers["content-encoding"] for each in packed} == {"gzip"}
    assert own_service.get("/library", If_None_Match=plain.headers["etag"]).status == 304
    assert 'tonearm_list_cache_total{result="kept"} 4.0' in own_service.get("/metrics").text
    assert 'route="/library"' in own_service.get("/metrics").text
