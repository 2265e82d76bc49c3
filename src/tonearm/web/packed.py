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
LEVEL = 4
KEPT = 64
"""Number of compressed files of the pages that are kept."""
FILES = "/static/"


class Packed:
    """Adds ETags to what can be cached, and compresses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._files: OrderedDict[bytes, bytes] = OrderedDict()

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
        if scope["method"] == "GET" and start["status"] == HTTPStatus.OK:
            tag = headers.setdefault(b"etag", _tag(body))
            headers.setdefault(b"cache-control", b"private, no-cache")  # kept, and asked for again each time
            if _weak(tag) in map(_weak, asked.get(b"if-none-match", b"").split(b",")):
                kept = [(name, headers[name]) for name in (b"etag", b"cache-control")]
                return {**start, "status": 304, "headers": kept}, {"type": "http.response.body", "body": b""}
        headers[b"vary"] = b"Accept-Encoding"
        if len(body) >= LEAST_BYTES and b"gzip" in asked.get(b"accept-encoding", b""):
            body = self._compressed(scope["path"], headers.get(b"etag", b""), body)
            headers[b"content-encoding"] = b"gzip"
        headers[b"content-length"] = b"%d" % len(body)
        cookies = [(name, value) for name, value in start["headers"] if name.lower() == b"set-cookie"]
        headers.pop(b"set-cookie", None)
        return {**start, "headers": [*headers.items(), *cookies]}, {
            "type": "http.response.body",
            "body": body,
        }

    def _compressed(self, path: str, tag: bytes, body: bytes) -> bytes:
        """The body, compressed; what the pages load is compressed once."""
        if not path.startswith(FILES):
            return gzip.compress(body, LEVEL, mtime=0)
        if tag not in self._files:
            self._files[tag] = gzip.compress(body, mtime=0)
            while len(self._files) > KEPT:
                self._files.popitem(last=False)
        return self._files[tag]


def _is_packable(start: Message) -> bool:
    headers = {name.lower(): value for name, value in start.get("headers", ())}
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip()
    is_whole = start["status"] not in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.NO_CONTENT)
    return is_whole and kind in KINDS and b"content-encoding" not in headers


def _tag(body: bytes) -> bytes:
    return b'W/"%s"' % hashlib.sha256(body).hexdigest()[:20].encode()


def _weak(tag: bytes) -> bytes:
    return tag.strip().removeprefix(b"W/")
