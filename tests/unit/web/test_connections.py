"""There is a bound for connections, which lies below the limit of open files."""

import contextlib
import resource
import socket
from pathlib import Path

import pytest

from tests.unit.library_fixture import Library
from tests.unit.web.conftest import served
from tonearm.web import server
from tonearm.web.connections import MOST, OTHER_FILES, Connections, room


def test_one_other_host_takes_no_more_than_its_share() -> None:
    connections = Connections(most=5, most_of_host=2)
    assert [connections.admits("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert connections.admits("192.0.2.2")
    connections.ended("192.0.2.1")
    assert connections.admits("192.0.2.1")


def test_this_host_takes_as_many_as_there_are() -> None:
    connections = Connections(most=5, most_of_host=2)
    assert [connections.admits("127.0.0.1") for _ in range(6)] == [True] * 5 + [False]
    assert not connections.admits("192.0.2.1")


@pytest.mark.parametrize(
    ("limits", "raised", "found"),
    [
        ((1024, 1_048_576), MOST + OTHER_FILES, MOST),
        ((1024, resource.RLIM_INFINITY), MOST + OTHER_FILES, MOST),
        ((1024, 1024), None, 1024 - OTHER_FILES),
        ((4096, 4096), None, MOST),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None, MOST),
    ],
)
def test_the_limit_of_open_files_is_raised_and_obeyed(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: int | None, found: int
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: given.append(wanted))
    assert room() == found
    assert given == ([] if raised is None else [(raised, limits[1])])


def test_a_connection_too_many_is_refused_before_it_asks_for_anything(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "room", lambda: 3)
    with served(Path(library.database.address).parent) as service, contextlib.ExitStack() as opened:
        host, port = service.address.split(":")
        idle = [
            opened.enter_context(socket.create_connection((host, int(port)), timeout=60)) for _ in range(4)
        ]
        assert b"503 Service Unavailable" in idle.pop().makefile("rb").read()
        idle.pop().close()
        while service.get("/health").status == 503:
            pass
        assert service.get("/api/v1/tracks").status == 200
