"""Lists that many readers ask for are made once, as long as nothing is written to the library."""

import asyncio
import contextlib
import time
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tonearm.library.data_version import DataVersion
from tonearm.web.access import READING, SAFE
from tonearm.web.etag_and_compression import tag_of
from tonearm.web.response_cache import Answer, Answers, KeptAnswers, Key, Making

PATHS = frozenset({"/api/v1/tracks", "/library"})
"""What is shared: answers that follow from the library, the path, the query and ``VARIES`` alone, whoever asks."""
VARIES = b"hx-request"
"""The header that changes an answer: with it, only a part of the page is asked for."""
ON_DISK = "path"
"""The parameter whose answer follows from the disk too: a path may lead over symbolic links."""
PLAIN = frozenset({"sort", "order", "limit", "cursor", "column", "fields"})
"""Parameters of lists of all tracks, which are read in order from an index; with others, many rows may be read."""
AT_ONCE = 4
"""Answers that are made at the same time from SQLite; more threads would only keep each other waiting."""
SPARE = 2
"""Connections to PostgreSQL that are left for other requests."""
LARGEST = 500_000
"""Bytes of an answer above which it is not kept."""


def at_once(connections: int | None) -> int:
    """How many lists are made at the same time. connections: to PostgreSQL, at most; ``None`` with SQLite."""
    return AT_ONCE if connections is None else max(2, connections - SPARE)


class SharedAnswers:
    """Gives the same answer to all who ask for the same, and makes it again once something was written.

    Requests must have been admitted before. All is done by the thread of the server, so that nothing is locked.
    """

    def __init__(
        self,
        app: ASGIApp,
        version: DataVersion,
        seen: Callable[[str], None],
        ended: Callable[[], int],
        room: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``seen``: told of each request whether the answer was ``kept``, ``awaited`` or ``made``.

        ended: how many actions have ended, which change something after their request was answered.
        room: how many answers are made at the same time.
        """
        self._app = app
        self._seen = seen
        self._ended = ended
        self._changes = 0
        """Requests that may have changed something."""
        self._answers = KeptAnswers(version, lambda: self._changes + self._ended(), clock)
        self._room = asyncio.Semaphore(room)
        self._filtered = asyncio.Semaphore(max(1, room // 2))
        """Lists with conditions have half of the room, so that slow ones leave the rest to quick ones."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "GET" and scope["path"] in PATHS:
            await self._listed(scope, receive, send)
        else:
            try:
                await self._app(scope, receive, send)
            finally:  # who has changed something sees the change
                self._changes += scope["method"] not in SAFE and scope["path"] not in READING

    async def _listed(self, scope: Scope, receive: Receive, send: Send) -> None:
        answers = await self._answers.current()
        if answers is None:  # the application says what is wrong
            await self._app(scope, receive, send)
            return
        has_part = any(name.lower() == VARIES for name, _ in scope["headers"])
        key = (scope["path"], scope["query_string"], has_part)
        answer = answers.get(key)
        if answer is None:
            answer = await self._made(answers, key, scope, receive)
        else:
            self._seen("kept")
        if answer is None:  # the client has gone
            return
        scope["route"] = answer.route
        await send(answer.start)
        await send({"type": "http.response.body", "body": answer.body})

    async def _made(self, answers: Answers, key: Key, scope: Scope, receive: Receive) -> Answer | None:
        """The answer that is or was being made; ``None`` once the client has gone."""
        making = answers.making.get(key)
        self._seen("made" if making is None else "awaited")
        if making is None:
            asked = _parameters(scope)
            making = Making()
            making.task = asyncio.create_task(self._make(making, scope, not asked <= PLAIN))
            if ON_DISK not in asked:
                answers.making[key] = making
                making.task.add_done_callback(lambda task: _keep(answers, key, task))
        making.waiting += 1
        try:
            return await _unless_gone(making.task, receive)
        finally:
            making.waiting -= 1
            if not making.waiting and not making.is_begun:
                making.task.cancel()  # nobody waits any more, and it has no place yet
                if answers.making.get(key) is making:
                    del answers.making[key]

    async def _make(self, making: Making, scope: Scope, is_filtered: bool) -> Answer:
        """Have the application answer, once there is room."""
        messages: list[Message] = []

        async def sending(message: Message) -> None:
            messages.append(message)

        async with self._filtered if is_filtered else contextlib.nullcontext(), self._room:
            making.is_begun = True
            await self._app(scope, _without_body, sending)
        return _whole(messages, scope)


async def _unless_gone(task: "asyncio.Task[Answer]", receive: Receive) -> Answer | None:
    """The answer; ``None`` where the client goes before it is made."""
    gone = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
    return task.result() if task.done() else None


async def _gone(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        """A piece of the body, which nobody reads."""


async def _without_body() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _keep(answers: Answers, key: Key, task: "asyncio.Task[Answer]") -> None:
    making = answers.making.get(key)
    if making is not None and making.task is task:
        del answers.making[key]
    if not task.cancelled() and task.exception() is None and task.result().may_be_kept:
        answers.keep(key, task.result())


def _parameters(scope: Scope) -> frozenset[str]:
    """The names of the parameters that have a value."""
    return frozenset(name for name, _ in urllib.parse.parse_qsl(scope["query_string"].decode("latin-1")))


def _whole(messages: list[Message], scope: Scope) -> Answer:
    """An answer without cookies, as it is for all who ask; one that may be kept has its ETag."""
    start, *parts = messages
    body = b"".join(part.get("body", b"") for part in parts)
    headers = [each for each in start.get("headers", ()) if each[0].lower() != b"set-cookie"]
    may_be_kept = start["status"] == HTTPStatus.OK and len(body) <= LARGEST
    if may_be_kept:
        headers.append((b"etag", tag_of(body)))
    return Answer({**start, "headers": headers}, body, scope.get("route"), may_be_kept)
