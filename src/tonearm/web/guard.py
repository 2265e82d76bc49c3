"""Finds out who sends a request: this host, or the holder of a token."""

import threading
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie

from tonearm.errors import TonearmError
from tonearm.library.access_tokens import AccessToken, AccessTokens
from tonearm.library.audit import Actor

ACTOR = "tonearm.actor"
"""Where the scope of a request holds who has sent it."""
COOKIE = "tonearm_token"
BEARER = "bearer "
REMEMBERED_S = 5.0
"""Seconds for which a token that was found is taken as valid: a revoked one is refused after them at the latest."""
MOST_REMEMBERED = 100
THIS_HOST = "this host"
NOBODY = "nobody"
OPEN = ("/health", "/login", "/logout", "/static/")
"""Paths that are answered without a token: a probe, the pages that ask for one and forget it, and what they load."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered. asks: whether a token is lacking, or was not accepted."""

    status: HTTPStatus
    detail: str
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows. is_cookie: the browser sent it, which does not know for which service of a host it is."""

    secret: str
    is_cookie: bool


class Guard:
    """Admits requests."""

    def __init__(self, tokens: AccessTokens, is_asked_for: bool, public_url: str | None = None) -> None:
        """``is_asked_for``: every request needs a token, because others than this host can send one.

        public_url: the origin of the pages where a reverse proxy offers them.
        """
        self.public_url = public_url
        self._tokens = tokens
        self.is_asked_for = is_asked_for
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._remembered: dict[str, tuple[AccessToken, float]] = {}

    def admit(self, path: str, address: str) -> Actor | Refusal:
        """Who sends a request without a token, or why it is refused."""
        if not self.is_asked_for:
            return Actor(THIS_HOST, _origin(path, address))
        if path.startswith(OPEN):
            return Actor(NOBODY, _origin(path, address))
        return Refusal(HTTPStatus.UNAUTHORIZED, "send a token: `tonearm token make NAME` makes one", True)

    def admit_with(self, shown: Shown, path: str, changes: bool, address: str) -> Actor | Refusal:
        """The same of a request with a token. Waits for the database. Raises StorageError and ServiceUnavailable.

        changes: whether the request may change something. The cookie of another service counts as none.
        """
        token = self.find(shown.secret)
        if token is None:
            if path.startswith(OPEN) or (shown.is_cookie and not self.is_asked_for):
                return self.admit(path, address)
            return Refusal(HTTPStatus.UNAUTHORIZED, "there is no such token, or it was revoked", True)
        if changes and not token.may_act and not path.startswith(OPEN):
            return Refusal(HTTPStatus.FORBIDDEN, f"the token {token.name} may only read")
        return Actor(token.name, _origin(path, address))

    def remembers(self, secret: str) -> AccessToken | None:
        """The token with a secret, if it was found a moment ago."""
        with self._lock:
            token, until = self._remembered.get(secret, (None, 0.0))
        return token if time.monotonic() < until else None

    def still_admits(self, shown: Shown) -> bool:
        """Whether an answer to a request with a token, which was admitted, may go on. Waits for the database.

        It may while the database does not answer.
        """
        if not self.is_asked_for and shown.is_cookie:
            return True
        with self._asking:  # all the streams of one token are answered by one query
            try:
                return self.find(shown.secret) is not None
            except TonearmError:
                return True

    def find(self, secret: str) -> AccessToken | None:
        """The token with a secret. Waits for the database. Raises StorageError and ServiceUnavailable."""
        if (known := self.remembers(secret)) is not None:
            return known
        now = time.monotonic()
        token = self._tokens.find(secret)
        with self._lock:
            self._remembered.pop(secret, None)
            if token is not None:
                if len(self._remembered) >= MOST_REMEMBERED:
                    self._remembered.clear()
                self._remembered[secret] = token, now + REMEMBERED_S
        return token


def shown_in(headers: Mapping[bytes, Sequence[str]]) -> Shown | None:
    """What a request shows: the token of a program, or that of a browser."""
    for value in headers.get(b"authorization", ()):
        if value.lower().startswith(BEARER):
            return Shown(value[len(BEARER) :].strip(), False)
    for value in headers.get(b"cookie", ()):
        try:
            found = SimpleCookie(value).get(COOKIE)
        except CookieError:
            continue
        if found is not None:
            return Shown(urllib.parse.unquote(found.value), True)
    return None


def _origin(path: str, address: str) -> str:
    return f"{address}, {'API' if path.startswith('/api/') else 'page'}"
