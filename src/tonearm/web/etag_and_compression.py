"""Answers with an ETag, which are not sent again where the client has them, and compressed where that pays."""

import gzip
import hashlib
from collections import OrderedDict
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KINDS = (b"application/json", b"application/problem+json", b"text/html", b"text/css", b"text/javascript")
"""Types of the answers that are compressed; sound, pictures and streams of events are sent as they come."""
LEAST_BYTES = 1_000
"""Shorter answers are sent as they are: the frame of gzip and the time outweigh what is saved."""
MOST_BYTES = 4_000_000
LEVEL, BEST = 4, 9
"""Levels of gzip: of answers, and of the files of the pages."""
KEPT = 64
"""Number of compressed lists that are kept; of the files of the pages, which are few, all are."""
FILES = "/static/"


class Packed:
    """Adds ETags to what can be cached, and compresses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files: dict[bytes, bytes] = {}
        self._lists: OrderedDict[bytes, bytes] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "POST"):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        parts: list[bytes] = []

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if _is_packable(message):
                    start = message
                else:
                    await send(message)
                return
            if start is None:
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body", False):
                if sum(map(len, parts)) > MOST_BYTES:
                    await send(start)
                    await send({**message, "body": b"".join(parts)})
                    start = None
                return
            for each in self._packed(scope, start, b"".join(parts)):
                await send(each)

        await self._app(scope, receive, sending)

    def _packed(self, scope: Scope, start: Message, body: bytes) -> tuple[Message, Message]:
        """The answer as it is sent."""
        asked = {name.lower(): value for name, value in scope["headers"]}
        headers = {name.lower(): value for name, value in start["headers"]}
        own_tag = headers.get(b"etag", b"")
        if scope["method"] == "GET" and start["status"] == HTTPStatus.OK:
            tag = headers[b"etag"] = own_tag or tag_of(body)
            headers.setdefault(b"cache-control", b"private, no-cache")  # kept, and asked for again each time
            if _weak(tag) in map(_weak, asked.get(b"if-none-match", b"").split(b",")):
                kept = [(name, headers[name]) for name in (b"etag", b"cache-control")]
                return {**start, "status": 304, "headers": kept}, {"type": "http.response.body", "body": b""}
        headers[b"vary"] = b"Accept-Encoding"
        if len(body) >= LEAST_BYTES and b"gzip" in asked.get(b"accept-encoding", b""):
            body = self._compressed(scope["path"], own_tag, body)
            headers[b"content-encoding"] = b"gzip"
        headers[b"content-length"] = b"%d" % len(body)
        cookies = [(name, value) for name, value in start["headers"] if name.lower() == b"set-cookie"]
        headers.pop(b"set-cookie", None)
        return {**start, "headers": [*headers.items(), *cookies]}, {
            "type": "http.response.body",
            "body": body,
        }

    def _compressed(self, path: str, tag: bytes, body: bytes) -> bytes:
        """The body, compressed; once where it came with an ETag, as it is then sent more than once."""
        level, kept = (BEST, self._files) if path.startswith(FILES) else (LEVEL, self._lists)
        found = kept.get(tag) or gzip.compress(body, level, mtime=0)
        if tag:
            kept[tag] = found
        while len(self._lists) > KEPT:
            self._lists.popitem(last=False)
        return found


def _is_packable(start: Message) -> bool:
    headers = {name.lower(): value for name, value in start.get("headers", ())}
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip()
    is_whole = start["status"] not in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NO_CONTENT)
    return is_whole and kind in KINDS and b"content-encoding" not in headers


def tag_of(body: bytes) -> bytes:
    """The ETag of an answer. Weak, as it is the same whether the answer is compressed or not."""
    return b'W/"%s"' % hashlib.sha256(body).hexdigest()[:20].encode()


def _weak(tag: bytes) -> bytes:
    return tag.strip().removeprefix(b"W/")
