"""Sends requests to a service that a test has started."""

import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a service has answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Sends requests to one address."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Host and port."""
        return urllib.parse.urlsplit(self.url).netloc

    def connection(self) -> HTTPConnection:
        """A connection, which the caller closes."""
        return HTTPConnection(self.address, timeout=60)

    def get(self, path: str, **headers: str) -> Answer:
        """Ask for a path."""
        return self.send("GET", path, None, headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """Send JSON, or a form as text."""
        if isinstance(body, str):
            data, kind = body.encode(), "application/x-www-form-urlencoded"
        else:
            data, kind = b"" if body is None else json.dumps(body).encode(), "application/json"
        return self.send("POST", path, data, {"Content-Type": kind} | headers)

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send a request as it is given."""
        connection = self.connection()
        try:
            given = {name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()}
            connection.request(method, path, body, given)
            found = connection.getresponse()
            return Answer(found.status, dict(found.getheaders()), found.read())
        finally:
            connection.close()
