"""Answers are compressed, and those that are sent more than once are compressed once."""

import asyncio
import gzip
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from tonearm.web.etag_and_compression import KEPT, Packed


def test_lists_do_not_push_out_the_files_of_the_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[bytes] = []
    compress: Callable[..., bytes] = gzip.compress

    def counting(body: bytes, level: int, mtime: int) -> bytes:
        compressed.append(body)
        return compress(body, level, mtime=mtime)

    monkeypatch.setattr(gzip, "compress", counting)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  as ASGI has it
        path = scope["path"].encode()
        headers = [(b"content-type", b"text/css"), (b"etag", b'"%s"' % path)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": path * 1_000})

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        """Nobody looks at it."""

    async def test() -> None:
        answering = Packed(app)
        for path in ("/static/a.css", *[f"/library{number}" for number in range(KEPT + 1)], "/static/a.css"):
            scope: Mapping[str, Any] = {
                "type": "http",
                "method": "GET",
                "path": path,
                "headers": [(b"accept-encoding", b"gzip")],
            }
            await answering(dict(scope), receive, send)

    asyncio.run(test())
    assert len(compressed) == KEPT + 2
