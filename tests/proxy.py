"""A TCP proxy between the program and a server, which simulates faults of the network."""

import os
import select
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

PIECE = 65_536
"""Bytes read at once."""
PORTS = {"postgresql": 5432, "amqp": 5672, "http": 15672, "redis": 6379, "bolt": 7687}
"""The ports of addresses that name none."""
MAX_PIECES = 64
"""Pieces of one direction that may be under way; more are left in the sender's socket."""


class Proxy:
    """Passes connections to ``127.0.0.1:port`` on to a server; a setting is in effect when the call returns.

    One thread owns every socket: nothing passes after ``black_hole()``, and everybody learns at once of
    ``reset()``. Where the server itself refuses, the client is let in and then reset.
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        self.delay_s = 0.0
        """How long each piece waits on its way to the server, in seconds: a call takes that much longer."""
        self.hear: Callable[[bytes], object] = len
        """Called with each piece on its way to the server."""
        self._target = (target_host, target_port)
        self._place = _bound(0)  # never listens: keeps the port ours while connections are refused
        self.port: int = self._place.getsockname()[1]
        self._listener: socket.socket | None = None
        self._links: list[_Link] = []
        self._passing = True
        self._closed = False
        self._queue_admin: deque[tuple[Callable[[], None], threading.Event]] = deque()
        self._woken, self._wake = os.pipe()
        self._listen()
        self._thread = threading.Thread(target=self._run, name=f"proxy-{self.port}", daemon=True)
        self._thread.start()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._links)

    def black_hole(self) -> None:
        """From now on nothing arrives: connections stay open, new ones are accepted and hang."""
        self._order(self._block)

    def reset(self) -> None:
        """End every connection with a reset on both sides, and refuse new ones."""
        self._order(self._refuse)

    def heal(self) -> None:
        """Be a good network again; what a black hole held back arrives now."""
        self._order(self._pass)

    def close(self) -> None:
        """End everything."""
        if not self._closed:
            self._order(self._end)
            self._thread.join()
            self._place.close()
            os.close(self._woken)
            os.close(self._wake)

    def _order(self, action: Callable[[], None]) -> None:
        done = threading.Event()
        self._queue_admin.append((action, done))
        os.write(self._wake, b"!")
        done.wait()

    def _block(self) -> None:
        self._passing = False

    def _pass(self) -> None:
        self._passing = True
        if self._listener is None:
            self._listen()

    def _refuse(self) -> None:
        self._stop_listening()
        for link in self._links:
            link.reset()
        self._links.clear()

    def _end(self) -> None:
        self._closed = True
        self._stop_listening()
        for link in self._links:
            link.close()
        self._links.clear()

    def _listen(self) -> None:
        self._listener = _bound(self.port)
        self._listener.listen(128)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _run(self) -> None:
        while not self._closed:
            ready = self._wait()
            if self._woken in ready:
                for _ in os.read(self._woken, 1000):
                    action, done = self._queue_admin.popleft()
                    action()
                    done.set()
                continue  # what was ready may be gone
            if self._listener is not None and self._listener.fileno() in ready:
                self._accept(self._listener)
            if self._passing:
                self._links = [link for link in self._links if link.move(self.delay_s, self.hear)]

    def _wait(self) -> dict[int, int]:
        """Wait until something can be done; what is ready, by its descriptor."""
        now = time.monotonic()
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if self._listener is not None:
            poll.register(self._listener, select.POLLIN)
        dues = []
        if self._passing:
            for link in self._links:
                link.register(poll, now)
                dues += link.dues(now)
        left = max(0.0, min(dues) - time.monotonic()) * 1000 + 1 if dues else None
        return dict(poll.poll(left))

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # gone again already
            client, _ = listener.accept()
            self._links.append(_Link(client, self._target))


class _Way:
    """One direction of a connection: pieces from a source, each due at its time at the sink."""

    def __init__(self, source: socket.socket, sink: socket.socket) -> None:
        self.source = source
        self.sink = sink
        self.pieces: deque[tuple[float, bytes]] = deque()
        self.ended = False  # the source says no more
        self.finished = False  # the sink has been told

    @property
    def reading(self) -> bool:
        return not self.ended and len(self.pieces) < MAX_PIECES

    @property
    def writing(self) -> bool:
        return self.is_due(time.monotonic())

    def is_due(self, now: float) -> bool:
        return bool(self.pieces) and self.pieces[0][0] <= now

    def move(self, delay_s: float, hear: Callable[[bytes], object]) -> None:
        with suppress(BlockingIOError):
            while self.reading:
                data = self.source.recv(PIECE)
                self.ended = not data
                if data:
                    hear(data)
                    due = time.monotonic() + delay_s
                    self.pieces.append((max(due, self.pieces[-1][0] if self.pieces else due), data))
        with suppress(BlockingIOError):
            while self.writing:
                due, data = self.pieces[0]
                sent = self.sink.send(data)
                self.pieces.popleft()
                if sent < len(data):
                    self.pieces.appendleft((due, data[sent:]))
        if self.ended and not self.pieces and not self.finished:
            self.sink.shutdown(socket.SHUT_WR)
            self.finished = True


class _Link:
    """A client's connection and the one to the server, made when something may first pass."""

    def __init__(self, client: socket.socket, target: tuple[str, int]) -> None:
        self._client = client
        self._target = target
        self._server: socket.socket | None = None
        self._ways: tuple[_Way, ...] = ()
        self._client.setblocking(False)

    def register(self, poll: select.poll, now: float) -> None:
        if self._server is None:
            self._connect()
        masks = {way.source.fileno(): select.POLLIN if way.reading else 0 for way in self._ways}
        for way in self._ways:
            masks[way.sink.fileno()] |= select.POLLOUT if way.is_due(now) else 0
        for number, mask in masks.items():
            if mask:  # else it would be told for ever of an end that nothing can be done about yet
                poll.register(number, mask)

    def dues(self, now: float) -> list[float]:
        """When a piece that still waits is due."""
        return [way.pieces[0][0] for way in self._ways if way.pieces and not way.is_due(now)]

    def move(self, delay_s: float, hear: Callable[[bytes], object]) -> bool:
        """Move what can be moved; whether the connection lives on."""
        try:
            for way, delay, heard in zip(self._ways, (delay_s, 0.0), (hear, len), strict=False):
                way.move(delay, heard)
        except OSError:
            self.reset()
            return False
        if self._ways and all(way.finished for way in self._ways):
            self.close()
            return False
        return True

    def reset(self) -> None:
        """Close so that both sides get a reset."""
        for each in self._both():
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        for each in self._both():
            each.close()

    def _both(self) -> list[socket.socket]:
        return [self._client] if self._server is None else [self._client, self._server]

    def _connect(self) -> None:
        self._server = socket.socket()
        self._server.setblocking(False)
        for each in self._both():
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server.connect_ex(self._target)  # a refusal is met when it is first read
        self._ways = (_Way(self._client, self._server), _Way(self._server, self._client))


def proxy_of(url: str) -> Proxy:
    """A proxy before the server of an address."""
    parts = urlsplit(url)
    return Proxy(parts.hostname or "127.0.0.1", parts.port or PORTS[parts.scheme.partition("+")[0]])


def through(proxy: Proxy, url: str) -> str:
    """The address of a server by way of a proxy."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}127.0.0.1:{proxy.port}").geturl()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
