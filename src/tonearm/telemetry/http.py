"""A small HTTP server for one process: answers GET and HEAD from a table of routes, and never delays the work.

It runs in a daemon thread, and each request in a thread of its own. At most ``AT_ONCE`` requests are answered at one
time; others are refused with 503, unless one of these has been sending its request for longer than ``PATIENT_S``, which
is dropped then. A request that is too long, or does not arrive within ``REQUEST_S``, ends its connection. There is one
request a connection.
"""

import contextlib
import io
import ipaddress
import math
import selectors
import socket
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from tonearm.errors import TonearmError
from tonearm.events.report import report, where

AT_ONCE = 8
REQUEST_S = 5.0
"""Seconds for the head of a request to arrive, and again for its answer to be sent."""
PATIENT_S = 0.5
"""Seconds for the head of a request to arrive while others wait."""
DROPPED_S = 0.5
"""Seconds until the thread of a dropped connection has noticed that."""
HEAD_BYTES = 16_384
"""Maximum size of a request: its first line and its headers."""
LOOPBACK = "127.0.0.1"
TEXT = "text/plain; charset=utf-8"


class CannotListen(TonearmError):
    """The address can't be listened on."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request. ``path``: without the query. ``headers``: by name in lower case, the last of each name."""

    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer."""

    body: bytes
    content_type: str = TEXT
    status: int = HTTPStatus.OK


Route = Callable[[Request], Response]
"""Answers requests for one path, in a thread of the server. An exception becomes status 500."""


class HttpServer:
    """Serves ``routes``, which may be changed at any time, until it is closed."""

    def __init__(self, listen: str, routes: MutableMapping[str, Route]) -> None:
        """``listen``: ``HOST:PORT``, ``:PORT`` or ``PORT``; without a host this host alone is served.

        Port 0 stands for a free one.

        Raises:
            CannotListen: the address is in use, or not one of this host.
        """
        self.routes = routes
        host, port = split_address(listen)
        try:
            family, _, _, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._server = _Server(family, address, routes)
        except OSError as error:
            reason = error.strerror or "it is not an address"
            raise CannotListen(
                f"{listen}: can't listen there: {reason}; name another with --listen"
            ) from error
        bound = self._server.socket.getsockname()
        self.url = f"http://{_reachable(bound[0])}:{bound[1]}"
        """Where it can be reached. Where every address is listened on, it has the name of this host."""
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more requests. Those that are being answered end with the process at the latest."""
        self._server.end()
        self._thread.join()
        self._server.server_close()


def split_address(listen: str) -> tuple[str, int]:
    """The host and the port of an address; without a host, this host alone."""
    host, _, port = listen.rpartition(":")
    return host.strip("[]") or LOOPBACK, int(port)


def _reachable(host: str) -> str:
    """The host by which others reach this one."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if address.version == 6 else host


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 32
    timeout = 0  # of ``handle_request``, which is called when there is one

    def __init__(self, family: int, address: Any, routes: Mapping[str, Route]) -> None:
        self.address_family = family
        self.routes = routes
        self.only_this_host = ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
        self.reported: set[type[Exception]] = set()
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._sending: dict[socket.socket, float] = {}
        """The connections whose request has not arrived yet, and since when; the oldest first."""
        self._lock = threading.Lock()
        self._ending, self._end = socket.socketpair()
        super().__init__(address, _Handler)

    def serve(self) -> None:
        """Answer requests until ``end`` is called."""
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_READ)
            selector.register(self._ending, selectors.EVENT_READ)
            while all(key.fileobj is self for key, _ in selector.select()):
                self.handle_request()

    def end(self) -> None:
        """Have ``serve`` return at once."""
        self._end.close()

    def server_close(self) -> None:
        """Close all sockets."""
        super().server_close()
        for end in (self._ending, self._end):
            end.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or refuse where too many are being answered."""
        if self._free.acquire(blocking=False) or (
            self._drop_slowest() and self._free.acquire(timeout=DROPPED_S)
        ):
            with self._lock:
                self._sending[request] = time.monotonic()
            try:
                super().process_request(request, client_address)
            except BaseException:  # no thread could be started
                self.arrived(request)
                self._free.release()
                raise
            return
        with contextlib.suppress(OSError):
            request.setblocking(False)
            request.send(b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n")
        self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.arrived(request)
            self._free.release()

    def arrived(self, request: socket.socket) -> None:
        """Note that a request has arrived, or that its connection has ended."""
        with self._lock:
            self._sending.pop(request, None)

    def _drop_slowest(self) -> bool:
        """End the connection that has been sending its request for longest, if that is too long."""
        with self._lock:
            slowest, since = next(iter(self._sending.items()), (None, math.inf))
            if slowest is None or time.monotonic() - since < PATIENT_S:
                return False
            del self._sending[slowest]
            with contextlib.suppress(OSError):
                slowest.shutdown(socket.SHUT_RDWR)
            return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a client that ends its connection; routes report their errors themselves."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "tonearm"
    sys_version = ""

    def setup(self) -> None:
        """Read the whole request, within its limits of time and size."""
        self.request.settimeout(REQUEST_S)
        super().setup()
        self.rfile.close()
        self.rfile = io.BufferedReader(io.BytesIO(_head(self.request)))
        self.server.arrived(self.request)

    def do_GET(self) -> None:
        """Answer from the routes."""
        self._answer(self._response())

    do_HEAD = do_GET  # noqa: N815  the library's name

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002  the library's signature
        """Answer a request that is not one, or whose method is not known."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            code = HTTPStatus.METHOD_NOT_ALLOWED
        self._answer(_plain(HTTPStatus(code)))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
        """Write nothing."""

    def _response(self) -> Response:
        try:
            target = urllib.parse.urlsplit(self.path)
            is_for_us = _names_this_host(self.headers.get_all("Host", []))
        except ValueError:
            return _plain(HTTPStatus.BAD_REQUEST)
        if self.server.only_this_host and not is_for_us:
            return _plain(HTTPStatus.MISDIRECTED_REQUEST)  # a page from elsewhere whose name leads here
        route = self.server.routes.get(target.path)
        if route is None:
            return _plain(HTTPStatus.NOT_FOUND)
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            return route(Request(target.path, dict(urllib.parse.parse_qsl(target.query)), headers))
        except Exception as error:  # noqa: BLE001  an error in a route must not stop the others
            if type(error) not in self.server.reported:
                self.server.reported.add(type(error))
                report(f"the answer to {target.path} failed: {where(error)}")
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _answer(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if response.status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)


def _plain(status: HTTPStatus) -> Response:
    return Response(f"{status.value} {status.phrase}\n".encode(), status=status)


def _head(connection: socket.socket) -> bytes:
    """The request up to its empty line; nothing of one that is too long, comes too slowly or has no end."""
    until = time.monotonic() + REQUEST_S
    received = b""
    while b"\r\n\r\n" not in received and b"\n\n" not in received:
        connection.settimeout(max(0.001, until - time.monotonic()))
        try:
            piece = connection.recv(4096)
        except OSError:
            return b""
        received += piece
        if not piece or len(received) >= HEAD_BYTES:
            return b""
    connection.settimeout(REQUEST_S)
    return received


def _names_this_host(hosts: list[str]) -> bool:
    """Whether the Host header of a request is ``localhost`` or an IP address; other names are of other sites.

    Raises ValueError: it is no name at all.
    """
    if len(hosts) > 1:
        return False
    return not hosts or address_named(hosts[0]) is not None  # HTTP/1.0 has none; a browser always sends it


def address_named(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a Host header names, with or without a port; ``None`` for a name other than ``localhost``.

    Raises ValueError: it is no name at all.
    """
    name = urllib.parse.urlsplit(f"//{host}").hostname or ""
    try:
        return ipaddress.ip_address(LOOPBACK if name == "localhost" else name)
    except ValueError:
        return None
