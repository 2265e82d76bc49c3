"""The service keeps up while clients misbehave, and listens for this host alone."""

import re
import socket
import threading
import urllib.parse
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from tests.unit.library_fixture import Library
from tests.unit.web.client import Client
from tests.unit.web.conftest import served, settings_of
from tonearm.errors import ConfigurationError
from tonearm.web import server
from tonearm.web.open_service import open_service

PARTS = [
    b"",
    b"GET / HTTP/1.1\r\nHost: local",
    b"POST /failures/retry HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nco",
]


def opened(service: Client) -> socket.socket:
    host, port = service.address.split(":")
    return socket.create_connection((host, int(port)), timeout=60)


@pytest.mark.parametrize("part", PARTS)
def test_a_request_that_does_not_arrive_in_time_ends_its_connection(
    library: Library, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    monkeypatch.setattr(server, "REQUEST_S", 0.2)
    with served(Path(library.database.address).parent) as service, opened(service) as connection:
        connection.sendall(part)
        assert b"200 OK" not in connection.makefile("rb").read()


def test_many_clients_that_only_listen_keep_nobody_waiting(service: Client) -> None:
    streams = []
    for _ in range(100):
        connection = opened(service)
        connection.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        streams.append(connection)
    assert b"200 OK" in streams[-1].recv(100)
    assert service.get("/api/v1/tracks").status == 200
    listening = re.search(r"^tonearm_sse_clients (\S+)", service.get("/metrics").text, re.MULTILINE)
    assert listening
    assert float(listening[1]) >= 100
    for stream in streams:
        stream.close()


def test_what_is_no_request_is_refused(service: Client) -> None:
    for text in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 70_000):
        with opened(service) as connection:
            connection.sendall(text)
            assert b"400 Bad Request" in connection.recv(1000)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "no.such.host.invalid:1"])
def test_addresses_that_others_reach_are_refused(library: Library, listen: str) -> None:
    settings = settings_of(Path(library.database.address).parent)
    with pytest.raises(ConfigurationError), open_service(settings, listen):
        pass


def test_an_address_in_use_is_refused_with_what_to_do(service: Client, library: Library) -> None:
    settings = settings_of(Path(library.database.address).parent)
    with pytest.raises(ConfigurationError, match="--listen"), open_service(settings, service.address):
        pass


def test_the_end_of_the_service_ends_its_streams(library: Library) -> None:
    with served(Path(library.database.address).parent) as service:
        connection = service.connection()
        connection.request("GET", "/api/v1/events")
        stream = connection.getresponse()
        assert stream.readline().startswith(b"id: ")
    assert all(isinstance(line, bytes) for line in iter(stream.readline, b""))  # it has an end
    connection.close()


def test_a_client_that_reads_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "UNREAD_S", 0.2)
    ended = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001  as ASGI has it
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):  # more than any buffer between them holds
            await send({"type": "http.response.body", "body": bytes(1_000_000), "more_body": True})
        ended.set()

    with server.serving(endless, "127.0.0.1:0") as url:
        address = urllib.parse.urlsplit(url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert ended.wait(60)
