"""Serves an application over HTTP, in a thread of its own, until the ``with`` block ends."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from tonearm.errors import ConfigurationError
from tonearm.telemetry.http import split_address
from tonearm.web.connections import Connections, room

BACKLOG = 256
CLOSE_S = 3
"""Seconds in which requests that are being answered may end."""
HEAD_BYTES = 32_768
REQUEST_S = 10.0
"""Seconds in which a request has to arrive, with its body."""
UNREAD_S = 30.0
"""Seconds after which a connection is ended whose client does not read what is sent."""
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)
"""What a client gets for whose connection there is no room, whatever it asks for."""


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 that ends a connection whose request does not arrive within ``REQUEST_S``, or whose client reads nothing
    of the answer for ``UNREAD_S``, and at once where there is no room for it."""

    def __init__(self, open_ones: Connections, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._open_ones = open_ones
        self._address: str | None = None
        """Whose connection is counted; ``None`` while it is not."""
        self._expiry: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Expect the first request, if there is room for the client."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if self._open_ones.admits(address):
            self._address = address
            self._expect()
        else:
            transport.write(FULL)
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request."""
        if self._address is not None:
            super().data_received(data)
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        super().connection_lost(exc)
        if self._address is not None:
            self._open_ones.ended(self._address)
        for timer in (self._expiry, self._unread):
            if timer is not None:
                timer.cancel()

    def pause_writing(self) -> None:
        """Wait for the client, which has more to read than is kept for it."""
        super().pause_writing()
        self._unread = self.loop.call_later(UNREAD_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()

    def _expect(self) -> None:
        """Begin to count the time, or stop that once the whole request is there."""
        missing = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        if missing and self._expiry is None:
            self._expiry = self.loop.call_later(REQUEST_S, self.transport.close)
        elif not missing and self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None


@contextlib.contextmanager
def serving(app: ASGIApp, listen: str) -> Iterator[str]:
    """Serve an application at ``listen``: ``HOST:PORT``, ``:PORT`` or ``PORT``; yields its URL.

    Raises:
        ConfigurationError: the address can't be listened on.
    """
    host, port = split_address(listen)
    with _bound(listen, host, port) as bound:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=cast(type[asyncio.Protocol], partial(BoundedProtocol, Connections(room()))),
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=CLOSE_S,
                h11_max_incomplete_event_size=HEAD_BYTES,
            )
        )
        thread = threading.Thread(target=server.run, args=([bound],), name="http", daemon=True)
        thread.start()
        try:
            name = bound.getsockname()
            yield f"http://{f'[{name[0]}]' if ':' in name[0] else name[0]}:{name[1]}"
        finally:
            server.should_exit = True
            thread.join()


def is_loopback(listen: str) -> bool:
    """Whether only this host can reach an address. Raises ConfigurationError where it is none."""
    address = _looked_up(listen, *split_address(listen))[4]
    return ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback


def _looked_up(listen: str, host: str, port: int) -> tuple[Any, ...]:
    """What the system needs to listen at an address. Raises ConfigurationError."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ConfigurationError(
            f"{listen}: is not an address; name one such as 127.0.0.1:8337 with --listen"
        ) from error


@contextlib.contextmanager
def _bound(listen: str, host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens at an address. Raises ConfigurationError."""
    family, kind, protocol, _, address = _looked_up(listen, host, port)
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind(address)
            bound.listen(BACKLOG)
        except OSError as error:
            raise ConfigurationError(
                f"{listen}: can't listen there: {error.strerror}; name another with --listen"
            ) from error
        yield bound
    finally:
        bound.close()
