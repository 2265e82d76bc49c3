"""Only this host may use the service, and pages of other sites can make a browser change nothing."""

import pytest

from tests.unit.web.client import Client
from tonearm.web.access import is_this_host

PAUSE = "/api/v1/runs/1/pause"


@pytest.mark.parametrize("host", ["localhost", "localhost:80", "127.0.0.1:8337", "127.3.2.1", "[::1]:8337"])
def test_this_host_is_named_by_its_loopback_addresses(host: str) -> None:
    assert is_this_host(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.4", "", "[::1", "localhost.evil.example"]
)
def test_other_names_are_of_other_hosts(host: str) -> None:
    assert not is_this_host(host)


def test_a_request_for_another_name_is_refused(service: Client) -> None:
    for path in ("/", "/api/v1/tracks", "/static/page.css", "/metrics"):
        assert service.get(path, Host="evil.example").status == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_changes_nothing(own_service: Client, headers: dict[str, str]) -> None:
    for path in (PAUSE, "/runs/1/pause", "/failures/retry"):
        assert own_service.post(path, None, **headers).status == 403
    assert own_service.get("/api/v1/runs").json["items"][0]["state"] != "paused"


def test_a_page_of_this_service_changes_something(own_service: Client) -> None:
    assert own_service.post(PAUSE, None, Origin=own_service.url, Sec_Fetch_Site="same-origin").status == 200


def test_a_body_that_is_too_large_or_has_no_length_is_refused(service: Client) -> None:
    path = "/api/v1/failures/retry"
    assert service.send("POST", path, b"x" * 70_000, {"Content-Type": "application/json"}).status == 413
    assert service.send("POST", path, b"", {"Content-Length": "9999999999999"}).status == 413
    connection = service.connection()
    connection.request("POST", path, iter([b"{}"]), {"Content-Type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 411
    connection.close()


def test_every_answer_says_what_a_browser_may_do_with_it(service: Client) -> None:
    for path in ("/", "/api/v1/tracks", "/nothing", "/static/page.js"):
        headers = service.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin", "with none, a form of a page has the Origin null"
