"""Lists that many readers ask for are made once, as long as nothing is written to the library."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tonearm.errors import TonearmError
from tonearm.library.data_version import DataVersion
from tonearm.web.packed import tag_of

PATHS = frozenset({"/api/v1/tracks", "/library"})
"""What is shared: answers that follow from the library, the path, the query and ``VARIES`` alone, whoever asks."""
VARIES = b"hx-request"
"""The header that changes an answer: with it, only a part of the page is asked for."""
AT_ONCE = 4
"""Answers that are made at the same time; more threads that compute would only keep each other waiting."""
KEPT = 1_000
KEPT_BYTES = 16_000_000
LARGEST = 500_000
"""Bytes of an answer above which it is not kept."""

Key = tuple[str, bytes, bool]


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as the application has sent it. route: which of its routes has made it."""

    start: Message
    body: bytes
    route: Any


@dataclass(slots=True)
class _Answers:
    """What was answered while the library has had one version. making: answers that others wait for."""

    version: str
    kept: OrderedDict[Key, _Answer] = field(default_factory=OrderedDict)
    size: int = 0
    making: dict[Key, "asyncio.Future[_Answer | None]"] = field(default_factory=dict)

    def keep(self, key: Key, answer: _Answer) -> None:
        """Keep an answer, and drop those that were not asked for longest."""
        self.kept[key] = answer
        self.size += len(answer.body)
        while len(self.kept) > KEPT or self.size > KEPT_BYTES:
            _, dropped = self.kept.popitem(last=False)
            self.size -= len(dropped.body)


class SharedAnswers:
    """Gives the same answer to all who ask for the same, and makes it again once something was written.

    On SQLite every write counts at once. On PostgreSQL, those of others count within ``DataVersion.look_s``.
    Requests must have been admitted before. All is done by the thread of the server, so that nothing is locked.
    """

    def __init__(
        self,
        app: ASGIApp,
        version: DataVersion,
        seen: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``seen``: told of each request whether the answer was ``kept``, ``awaited`` or ``made``."""
        self._app = app
        self._version = version
        self._seen = seen
        self._clock = clock
        self._answers = _Answers("")
        self._changes = 0
        """Requests that may have changed something."""
        self._looked = float("-inf"), 0
        """When the version was read, and after how many changes."""
        self._looking = asyncio.Lock()
        self._room = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] != "GET":
            try:
                await self._app(scope, receive, send)
            finally:
                self._changes += 1  # who has changed something sees the change
        elif scope["path"] in PATHS:
            await self._shared(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _shared(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answers = await self._current()
        except TonearmError:  # the application says what is wrong
            await self._app(scope, receive, send)
            return
        key = (
            scope["path"],
            scope["query_string"],
            any(name.lower() == VARIES for name, _ in scope["headers"]),
        )
        answer = answers.kept.get(key)
        if answer is not None:
            answers.kept.move_to_end(key)
            self._seen("kept")
        elif key in answers.making:
            answer = await asyncio.shield(answers.making[key])
            self._seen("awaited" if answer is not None else "made")
        else:
            self._seen("made")
            await self._make(answers, key, scope, receive, send)
            return
        if answer is None:  # it can't be shared
            await self._app(scope, receive, send)
            return
        scope["route"] = answer.route
        await send(answer.start)
        await send({"type": "http.response.body", "body": answer.body})

    async def _make(self, answers: _Answers, key: Key, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the application answer, and keep that."""
        messages: list[Message] = []

        async def sending(message: Message) -> None:
            messages.append(message)

        made = answers.making[key] = asyncio.get_running_loop().create_future()
        answer: _Answer | None = None
        try:
            async with self._room:
                await self._app(scope, receive, sending)
            answer = _shareable(messages, scope)
            if answer is not None:
                answers.keep(key, answer)
        finally:
            del answers.making[key]
            made.set_result(answer)
        if answer is not None:
            messages = [answer.start, {"type": "http.response.body", "body": answer.body}]
        for message in messages:
            await send(message)

    async def _current(self) -> _Answers:
        """The answers for the present version of the library. Raises TonearmError."""
        if self._version.look_s == 0:
            return self._of(self._version.read())
        if not self._is_current():
            async with self._looking:  # so that many who ask cause one query
                if not self._is_current():
                    looked = self._clock(), self._changes
                    self._of(await run_in_threadpool(self._version.read))
                    self._looked = looked
        return self._answers

    def _is_current(self) -> bool:
        at, changes = self._looked
        return changes == self._changes and self._clock() - at < self._version.look_s

    def _of(self, version: str) -> _Answers:
        if version != self._answers.version:
            self._answers = _Answers(version)  # what is being made for the former one is kept with that
        return self._answers


def _shareable(messages: list[Message], scope: Scope) -> _Answer | None:
    """A whole answer, with its ETag; ``None`` where it must not or need not be kept."""
    start, *parts = messages
    body = b"".join(part.get("body", b"") for part in parts)
    headers = start.get("headers", ())
    given = {name.lower() for name, _ in headers}
    if start["status"] != HTTPStatus.OK or b"set-cookie" in given or len(body) > LARGEST:
        return None
    return _Answer({**start, "headers": [*headers, (b"etag", tag_of(body))]}, body, scope.get("route"))
