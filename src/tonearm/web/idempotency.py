"""Requests with an Idempotency-Key are carried out once: a second one with the key gets the first one's answer."""

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tonearm.web.guard import ACTOR
from tonearm.web.problems import problem

API = "/api/"
KEPT = 1_000
"""Number of answers that are remembered."""
MOST_BYTES = 100_000
"""Longer answers are not remembered; those of requests that change something are short."""
KEY_LENGTH = 200
KEY = re.compile(f"[!-~]{{1,{KEY_LENGTH}}}")


@dataclass(slots=True)
class _Answer:
    """What was answered to a request. messages: empty while it is carried out."""

    request: bytes
    messages: list[Message] = field(default_factory=list)


class AnsweredOnce:
    """Remembers what was answered to requests that change something."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], _Answer] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        key = _key_of(scope)
        if key is None:
            await self._app(scope, receive, send)
            return
        if not KEY.fullmatch(key):
            said = (
                f"Idempotency-Key: it must be 1 to {KEY_LENGTH} printable characters of ASCII without spaces"
            )
            await problem(HTTPStatus.UNPROCESSABLE_ENTITY, said)(scope, receive, send)
            return
        body = await _body_of(receive)
        if body is None:
            return
        asked = hashlib.sha256(b"\0".join((scope["path"].encode(), scope["query_string"], body))).digest()
        place = (str(getattr(scope.get(ACTOR), "who", "")), key)
        with self._lock:
            known = self._known.get(place)
            if known is None:
                answer = self._known[place] = _Answer(asked)
        if known is not None:
            await self._again(known, asked, scope, receive, send)
            return
        await self._first(place, answer, body, scope, send)

    async def _first(
        self, place: tuple[str, str], answer: _Answer, body: bytes, scope: Scope, send: Send
    ) -> None:
        messages: list[Message] = []

        async def sending(message: Message) -> None:
            messages.append(message)
            await send(message)

        try:
            await self._app(scope, _of_bytes(body), sending)
        finally:
            kept = bool(messages) and messages[0].get("status", 500) < HTTPStatus.INTERNAL_SERVER_ERROR
            kept = kept and sum(len(each.get("body", b"")) for each in messages) <= MOST_BYTES
            with self._lock:
                if kept:
                    answer.messages = messages
                else:
                    self._known.pop(place, None)
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)

    async def _again(self, known: _Answer, asked: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        if known.request != asked:
            said = "the Idempotency-Key was sent with another request before; take a new one"
            await problem(HTTPStatus.UNPROCESSABLE_ENTITY, said)(scope, receive, send)
        elif not known.messages:
            said = "the first request with this Idempotency-Key is still being carried out; ask again"
            await problem(HTTPStatus.CONFLICT, said)(scope, receive, send)
        else:
            for message in known.messages:
                await send(message)


def _key_of(scope: Scope) -> str | None:
    """The key of a request of the API that may change something."""
    if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(API):
        return None
    for name, value in scope["headers"]:
        if name.lower() == b"idempotency-key":
            return str(value.decode("latin-1"))
    return None


async def _body_of(receive: Receive) -> bytes | None:
    """The whole body, whose length was checked before; ``None`` where the client broke off."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False):
            return body


def _of_bytes(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
