"""Numbers, texts and forms that nobody means are refused, and leave nothing in the log."""

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.unit.web.client import Client
from tonearm.errors import ConfigurationError
from tonearm.web.ids import id_of

LARGE = "9" * 20
LONG = "9" * 5000
MANY = "&".join(f"field{number}=1" for number in range(30))


@contextmanager
def reports() -> Iterator[list[str]]:
    """What is reported meanwhile."""
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tonearm.web.problems.report", said.append)
        yield said


@pytest.mark.parametrize("sent", [LARGE, LONG, "0", "-1", "", "\u0661", "1_0", " 1", str(2**63), 0, 2**63])
def test_what_is_no_id_is_refused(sent: str | int) -> None:
    with pytest.raises(ConfigurationError):
        id_of(sent)


def test_an_id_is_read() -> None:
    assert (id_of("1"), id_of(str(2**63 - 1)), id_of(7)) == (1, 2**63 - 1, 7)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/names/approve", f"id={LARGE}"),
        ("/names/approve", f"id={LONG}"),
        ("/names/approve", f"all=1&batch={LARGE}"),
        ("/names/apply", f"batch={LARGE}"),
        ("/names/apply", f"batch={LONG}"),
        ("/names/approve", MANY),
        ("/failures/retry", MANY),
        ("/workers/drain", MANY),
        ("/tracks/1/locks", MANY),
        ("/login", MANY),
    ],
)
def test_a_form_with_such_a_number_or_too_many_fields_is_refused(
    service: Client, path: str, form: str
) -> None:
    assert service.post(path, form).status == 400


def test_a_batch_that_can_not_be_is_refused(service: Client) -> None:
    for batch in (LARGE, LONG, "x"):
        assert service.get(f"/names?batch={batch}").status == 400


@pytest.mark.parametrize("path", ["/api/v1/tracks", "/library"])
@pytest.mark.parametrize("sort", ["path", "title", "bpm", "year", "codec"])
def test_a_cursor_of_another_order_is_refused(service: Client, path: str, sort: str) -> None:
    for key in (f"[{LARGE * 20}", "[true", '["\\ud800"', '["\\u0000"', "[[]"):
        cursor = base64.urlsafe_b64encode(f'{key},"",""]'.encode()).decode().rstrip("=")
        assert service.get(f"{path}?sort={sort}&cursor={cursor}").status == 400
        asked = f'{{ tracks(sort: "{sort}", cursor: "{cursor}") {{ next }} }}'
        [told] = service.post("/graphql", {"query": asked}).json["errors"]
        assert "cursor" in told["message"]


def test_a_cursor_of_the_service_leads_on(service: Client) -> None:
    for sort in ("path", "title", "-bpm", "year", "duration_s"):
        first = service.get(f"/api/v1/tracks?sort={sort}&limit=1").json
        second = service.get(f"/api/v1/tracks?sort={sort}&limit=1&cursor={first['next']}").json
        assert first["items"] != second["items"]
        assert len(second["items"]) == 1


@pytest.mark.parametrize("path", ["/login", "/names/approve", "/api/v1/failures/retry"])
@pytest.mark.parametrize("key", ["", "Idempotency-Key: a\r\n"])
def test_a_request_that_is_broken_off_is_no_mistake(service: Client, path: str, key: str) -> None:
    with reports() as said:
        host, port = service.address.split(":")
        with socket.create_connection((host, int(port))) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{key}Content-Length: 100\r\n\r\n{{}}"
            connection.sendall(head.encode())
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1000)
        assert service.get("/health").status == 200
    assert said == []
