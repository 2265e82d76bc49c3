"""Whatever is sent in whichever field: it is refused or finds nothing, and executes, reads and changes nothing."""

import re
import urllib.parse
from collections.abc import Iterator

import pytest

from tests.unit.web.client import Client

HOSTILE = (
    "' OR 1=1; DROP TABLE files; -- <script>alert(2)</script>\"'><img src=x onerror=alert(2)>{{7*7}}%_\\%",
    "../../../../etc/passwd",
    "\x00\u202e\ud7ff\U0010ffff" + "a" * 5000,
)
PAGES = {
    "/library": (
        "title",
        "artist",
        "album",
        "genre",
        "codec",
        "key",
        "state",
        "sort",
        "order",
        "bpm_from",
        "range",
    ),
    "/library/count": ("title", "key", "range"),
    "/failures": ("started",),
    "/failures/files": ("code", "cursor"),
    "/runs": ("cursor",),
    "/workers": ("drained",),
    "/names": ("batch", "status", "cursor"),
    "/login": ("next",),
}


def asked(service: Client) -> Iterator[tuple[str, str]]:
    """Every GET of the API and the pages, with each of its parameters that takes a text."""
    document = service.get("/openapi.json").json
    for path, methods in document["paths"].items():
        if "get" not in methods or path.endswith("/events"):
            continue
        for each in methods["get"].get("parameters", ()):
            if each["in"] == "query":
                yield re.sub(r"\{\w+\}", "1", path), each["name"]
    for path, names in PAGES.items():
        for name in names:
            yield path, name


def test_no_field_of_a_request_is_executed_or_breaks_anything(service: Client) -> None:
    before = service.get("/api/v1/status").json["files"]
    wrong = []
    for path, name in asked(service):
        for text in HOSTILE:
            found = service.get(f"{path}?{urllib.parse.urlencode({name: text})}")
            is_html = "text/html" in found.headers.get("content-type", "")
            if found.status >= 500 or (is_html and b"alert(2)</script>" in found.body):
                wrong.append((path, name, text, found.status))
    assert wrong == []
    assert service.get("/api/v1/status").json["files"] == before


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/tracks/..%2f..%2fetc%2fpasswd",
        "/api/v1/tracks/1/../../../../etc/passwd",
        "/api/v1/tracks/%00/audio",
    ],
)
def test_no_path_leads_out_of_what_is_served(service: Client, path: str) -> None:
    answer = service.get(path)
    assert answer.status in (400, 404, 422)
    assert b"root:" not in answer.body


def test_hostile_headers_are_refused_or_ignored(service: Client) -> None:
    for headers in (
        {"Cookie": "tonearm_token=" + "x" * 3000},
        {"Authorization": "Bearer ' OR 1=1 --"},
        {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Host": "evil.example"},
        {"If-None-Match": '"' + "x" * 3000},
        {"Last-Event-ID": "x" * 99},
    ):
        assert service.get("/api/v1/tracks", **headers).status in (200, 401)
