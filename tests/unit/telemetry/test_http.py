"""The HTTP server answers what is asked of it, refuses what it should, and lets no client hold it up."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tonearm.telemetry import http
from tonearm.telemetry.http import CannotListen, HttpServer, Request, Response, Route

PATIENCE_S = 60.0


def hello(request: Request) -> Response:
    return Response(f"{request.path} {dict(request.query)} {request.headers.get('accept')}".encode())


@contextlib.contextmanager
def serving(routes: dict[str, Route], listen: str = "0") -> Iterator[HttpServer]:
    with contextlib.closing(HttpServer(listen, routes)) as server:
        yield server


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with serving({"/hello": hello}) as running:
        yield running


def port_of(server: HttpServer) -> int:
    return int(server.url.rsplit(":", 1)[1])


def exchange(server: HttpServer, text: bytes) -> bytes:
    """Send bytes, and return everything that comes back."""
    with socket.create_connection(("127.0.0.1", port_of(server)), PATIENCE_S) as connection:
        connection.sendall(text)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65_536):
                received += piece
        return received


def asked(server: HttpServer, line: str, *headers: str) -> tuple[int, str]:
    """The status and the body of an answer."""
    text = "\r\n".join([f"{line} HTTP/1.1", *headers, "", ""])
    head, _, body = exchange(server, text.encode()).partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def test_a_route_gets_the_path_the_query_and_the_headers(server: HttpServer) -> None:
    answer = asked(server, "GET /hello?a=1&b=x%20y", "Host: localhost", "Accept: text/plain")
    assert answer == (200, "/hello {'a': '1', 'b': 'x y'} text/plain")


def test_head_answers_without_the_body(server: HttpServer) -> None:
    told = exchange(server, b"HEAD /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").decode()
    assert told.startswith("HTTP/1.0 200")
    assert "Content-Length: 14" in told
    assert told.endswith("\r\n\r\n")


def test_other_paths_are_not_found(server: HttpServer) -> None:
    assert asked(server, "GET /etc/passwd", "Host: localhost")[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_not_allowed(server: HttpServer, method: str) -> None:
    told = exchange(server, f"{method} /hello HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert told.startswith(b"HTTP/1.0 405")
    assert b"Allow: GET, HEAD" in told


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9", "127.0.0.1:80", "127.8.8.8", "[::1]:80", "10.0.0.1"]
)
def test_on_loopback_addresses_and_localhost_are_served(server: HttpServer, host: str) -> None:
    assert asked(server, "GET /hello", f"Host: {host}")[0] == 200


@pytest.mark.parametrize(
    "hosts", [["evil.example"], ["localhost.evil.example"], ["localhost", "evil.example"], [""]]
)
def test_on_loopback_a_page_whose_name_leads_here_is_refused(server: HttpServer, hosts: list[str]) -> None:
    assert asked(server, "GET /hello", *(f"Host: {host}" for host in hosts))[0] == 421


def test_where_others_are_served_any_name_is() -> None:
    with serving({"/hello": hello}, "0.0.0.0:0") as server:
        assert asked(server, "GET /hello", "Host: worker-7.example")[0] == 200
        assert socket.gethostname() in server.url


def test_an_error_in_a_route_is_status_500_and_told_once(
    server: HttpServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Request) -> Response:
        raise ValueError("of mine")

    server.routes["/broken"] = broken
    assert [asked(server, "GET /broken", "Host: localhost")[0] for _ in range(3)] == [500, 500, 500]
    assert asked(server, "GET /hello", "Host: localhost")[0] == 200
    assert capsys.readouterr().err.count("of mine") == 1


def test_a_request_that_is_too_long_is_not_read(server: HttpServer) -> None:
    assert exchange(server, b"GET /hello?" + b"x" * 100_000) == b""
    assert asked(server, "GET /hello", "Host: localhost")[0] == 200


def test_what_is_not_http_gets_no_answer_of_a_route(server: HttpServer) -> None:
    assert not exchange(server, b"\x16\x03\x01\x00\n\n").startswith(b"HTTP/1.0 200")
    assert asked(server, "GET /hello", "Host: localhost")[0] == 200


def test_a_client_that_sends_slowly_is_dropped(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUEST_S", 0.2)
    with socket.create_connection(("127.0.0.1", port_of(server)), PATIENCE_S) as connection:
        began = time.monotonic()
        connection.sendall(b"GET /hello HTTP/1.1\r\n")
        assert connection.recv(1000) == b""
    assert time.monotonic() - began < PATIENCE_S


def test_clients_that_send_slowly_do_not_keep_others_out(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PATIENT_S", 0.1)
    with contextlib.ExitStack() as parts:
        for _ in range(http.AT_ONCE):
            slow = socket.create_connection(("127.0.0.1", port_of(server)), PATIENCE_S)
            parts.enter_context(slow).sendall(b"GET /hello HTTP/1.1\r\n")
        time.sleep(0.2)
        for _ in range(3):
            assert asked(server, "GET /hello", "Host: localhost")[0] == 200


@pytest.mark.parametrize(("target", "host"), [("http://[bad/hello", "localhost"), ("/hello", "[::1")])
def test_an_address_that_is_none_is_a_bad_request(server: HttpServer, target: str, host: str) -> None:
    assert asked(server, f"GET {target}", f"Host: {host}")[0] == 400


def test_while_too_many_are_answered_others_are_refused_at_once(server: HttpServer) -> None:
    let_go, at_work = threading.Event(), threading.Semaphore(0)

    def slow(_: Request) -> Response:
        at_work.release()
        let_go.wait(PATIENCE_S)
        return Response(b"")

    server.routes["/slow"] = slow
    clients = []
    try:
        for _ in range(http.AT_ONCE):
            client = socket.create_connection(("127.0.0.1", port_of(server)), PATIENCE_S)
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            clients.append(client)
            assert at_work.acquire(timeout=PATIENCE_S)
        assert exchange(server, b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.0 503")
    finally:
        let_go.set()
        for client in clients:
            client.recv(100)
            client.close()


def test_an_address_in_use_is_refused(server: HttpServer) -> None:
    with pytest.raises(CannotListen, match=f"127.0.0.1:{port_of(server)}: can't listen there: .*in use"):
        HttpServer(f"127.0.0.1:{port_of(server)}", {})


@pytest.mark.parametrize("listen", ["no-such-host.invalid:1", "192.0.2.1:0"])
def test_an_address_of_no_interface_is_refused(listen: str) -> None:
    with pytest.raises(CannotListen, match="can't listen there"):
        HttpServer(listen, {})


def test_when_it_is_closed_its_port_is_free(server: HttpServer) -> None:
    server.close()
    with contextlib.closing(HttpServer(f"127.0.0.1:{port_of(server)}", {"/hello": hello})) as again:
        assert asked(again, "GET /hello", "Host: localhost")[0] == 200


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_an_address_of_the_other_family() -> None:
    try:
        server = HttpServer("[::1]:0", {"/hello": hello})
    except CannotListen:
        pytest.skip("this host has no IPv6 address")
    with contextlib.closing(server):
        assert server.url.startswith("http://[::1]:")
        with socket.create_connection(("::1", port_of(server)), PATIENCE_S) as connection:
            connection.sendall(b"GET /hello HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.0 200")
