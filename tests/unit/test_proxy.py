"""The proxy of the fault tests simulates exactly the faults that it is set to."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.program import until
from tests.proxy import Proxy


class Echo:
    """A server that sends back what it gets, and says of each connection how it ended."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.outcomes: list[str] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        threads = []
        while True:
            connection, _ = self._listener.accept()
            first = connection.recv(65_536)
            if first == b"end":
                break
            threads.append(threading.Thread(target=self._answer, args=(connection, first)))
            threads[-1].start()
        connection.close()
        for thread in threads:
            thread.join()

    def _answer(self, connection: socket.socket, data: bytes) -> None:
        with connection:
            try:
                while data:
                    connection.sendall(data)
                    data = connection.recv(65_536)
                self.outcomes.append("closed")
            except ConnectionResetError:
                self.outcomes.append("reset")

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"end")
            self._thread.join(60)
        self._listener.close()
        assert not self._thread.is_alive()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@pytest.fixture
def proxy(echo: Echo) -> Iterator[Proxy]:
    with Proxy("127.0.0.1", echo.port) as proxy:
        yield proxy


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def ask(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    answer = b""
    while len(answer) < len(data):
        answer += connection.recv(65_536)
    return answer


def send_all(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def test_a_good_network_passes_everything_in_order(proxy: Proxy) -> None:
    data = bytes(range(256)) * 40_000
    answer = bytearray()
    with connect(proxy) as connection:
        writer = threading.Thread(target=send_all, args=(connection, data))
        writer.start()
        while piece := connection.recv(65_536):
            answer += piece
        writer.join()
    assert bytes(answer) == data


def test_the_end_of_a_connection_passes(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as connection:
        assert ask(connection, b"one") == b"one"
    until(lambda: echo.outcomes == ["closed"])
    until(lambda: proxy.connections == 0)


def test_a_delay_is_added_to_every_call_and_not_to_their_number(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        ask(connection, b"first")
        proxy.delay_s = 0.3
        began = time.monotonic()
        assert ask(connection, b"second") == b"second"
        assert time.monotonic() - began >= 0.3
        began = time.monotonic()
        for _ in range(100):  # sent on without waiting for an answer: all are under way at once
            connection.sendall(b"x" * 100)
            time.sleep(0.002)
        answer = b""
        while len(answer) < 10_000:
            answer += connection.recv(65_536)
        assert 0.45 <= time.monotonic() - began < 20  # one after the other: 30 s


def test_nothing_passes_a_black_hole_until_it_is_healed(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as old:
        ask(old, b"before")
        proxy.black_hole()
        old.sendall(b"old")
        with connect(proxy) as new:
            new.sendall(b"new")
            for connection in (old, new):
                connection.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    connection.recv(10)
            assert echo.outcomes == []
            proxy.heal()
            for connection, data in ((old, b"old"), (new, b"new")):
                connection.settimeout(60)
                assert connection.recv(10) == data


def test_a_reset_ends_connections_on_both_sides_and_refuses_new_ones(proxy: Proxy, echo: Echo) -> None:
    with connect(proxy) as connection:
        ask(connection, b"before")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            connection.recv(10)
    until(lambda: echo.outcomes == ["reset"])
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
    proxy.heal()
    with connect(proxy) as connection:
        assert ask(connection, b"after") == b"after"


def test_a_reset_ends_what_a_black_hole_holds(proxy: Proxy) -> None:
    with connect(proxy) as old:
        ask(old, b"before")
        proxy.black_hole()
        with connect(proxy) as new:
            new.sendall(b"new")
            until(lambda: proxy.connections == 2)
            proxy.reset()
            for connection in (old, new):
                with pytest.raises(ConnectionResetError):
                    connection.recv(10)


def test_a_server_that_is_not_there_is_met_as_a_reset() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with Proxy("127.0.0.1", nobody.getsockname()[1]) as proxy:
            with pytest.raises(ConnectionResetError), connect(proxy) as connection:
                connection.recv(10)
            until(lambda: proxy.connections == 0)


def test_a_client_that_is_reset_takes_its_connection_to_the_server_along(proxy: Proxy, echo: Echo) -> None:
    connection = connect(proxy)
    ask(connection, b"before")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    connection.close()
    until(lambda: echo.outcomes == ["reset"])


def test_closing_ends_connections_and_frees_the_port(echo: Echo) -> None:
    proxy = Proxy("127.0.0.1", echo.port)
    with connect(proxy) as connection:
        ask(connection, b"before")
        proxy.close()
        assert connection.recv(10) == b""
    proxy.close()
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
