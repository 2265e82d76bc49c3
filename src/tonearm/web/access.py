"""Who may use the service: this host or the holders of tokens, and pages of its own.

A page from elsewhere can make a browser send requests here, and a name of its own can lead here. So the Host header has
to name this host where no token is asked for, and a request that changes something has to come from a page of this
service or from a program.
"""

import contextlib
import time
import urllib.parse
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tonearm.errors import TonearmError
from tonearm.library.audit import Actor
from tonearm.telemetry.http import address_named
from tonearm.web.guard import ACTOR, Guard, Refusal, Shown, shown_in
from tonearm.web.http_metrics import HttpMetrics
from tonearm.web.problems import problem, status_of
from tonearm.web.rate import Rate

STILL = "tonearm.still"
"""Where the scope of a request holds what asks whether it would be admitted now, too."""
LONGEST_NEXT = 4096
"""Maximum number of characters of the path to which a browser returns after it has shown a token."""
BODY_BYTES = 65_536
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
READING = frozenset({"/graphql"})
"""Paths that are asked by POST and change nothing, so that a token that may only read is enough."""
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "media-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # without a referrer, browsers send the Origin of a form as null
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
STREAMS = (b"text/event-stream", b"audio/wav")
"""Answers that last as long as somebody listens: their time tells nothing."""


class Access:
    """Refuses requests that nobody may send, adds the headers of safety, and counts the answers."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics, guard: Guard) -> None:
        self._app = app
        self._metrics = metrics
        self._guard = guard
        self._rate = Rate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status, is_stream = 0, False

        async def sending(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message.get("headers", ()))
                is_stream = any(
                    name == b"content-type" and value.startswith(STREAMS) for name, value in headers
                )
                given = {name for name, _ in headers}
                headers += [header for header in HEADERS if header[0] not in given]
                if b"cache-control" not in given:
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
            await send(message)

        try:
            app = await self._answering(scope)
            await app(scope, receive, sending)
        finally:
            taken = None if is_stream else time.monotonic() - began
            self._metrics.answered(_template(scope), _known(scope["method"]), status, taken)

    async def _answering(self, scope: Scope) -> ASGIApp:
        """What answers a request: the application, or a problem. Notes in the scope who sends the request."""
        headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.lower(), []).append(value.decode("latin-1"))
        method, path = scope["method"], scope["path"]
        refusal = refused(method, scope["scheme"], headers, self._guard.is_asked_for, self._guard.public_url)
        if refusal is not None:
            return problem(*refusal)
        address = (scope.get("client") or ("unknown", 0))[0]
        if not self._rate.admits(address):
            return problem(HTTPStatus.TOO_MANY_REQUESTS, "this host sends too many requests; wait a second")
        try:
            if (shown := shown_in(headers)) is None:
                found = self._guard.admit(path, address)
            else:
                changes = method not in SAFE and path not in READING
                found = await run_in_threadpool(self._guard.admit_with, shown, path, changes, address)
        except TonearmError as error:
            return problem(status_of(error), str(error))
        if isinstance(found, Refusal):
            if shown is not None and found.asks:
                self._rate.refused(address)
            return _asking(found, scope, headers)
        scope[ACTOR] = found
        scope[STILL] = partial(self._still_admits, shown)
        return self._app

    async def _still_admits(self, shown: Shown | None) -> bool:
        if shown is None or self._guard.remembers(shown.secret) is not None:
            return True
        return await run_in_threadpool(self._guard.still_admits, shown)


async def is_still_admitted(scope: Scope) -> bool:
    """Whether the token of a request was not revoked since it was admitted. For answers that last."""
    found: bool = await scope[STILL]()
    return found


async def while_admitted(request: Request, pieces: AsyncGenerator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of an answer, until the token of the request is revoked."""
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            if not await is_still_admitted(request.scope):
                return
            yield piece


def actor_of(request: Request) -> Actor:
    """Who has sent a request."""
    found: Actor = request.scope[ACTOR]
    return found


Who = Annotated[Actor, Depends(actor_of)]


def _asking(refusal: Refusal, scope: Scope, headers: Mapping[bytes, Sequence[str]]) -> ASGIApp:
    """The answer to a request that lacks a token: for a browser the page that asks for one."""
    if not refusal.asks:
        return problem(refusal.status, refusal.detail)
    if scope["method"] in SAFE and any("text/html" in value for value in headers.get(b"accept", ())):
        following = urllib.parse.urlencode({"next": _asked_for(scope)})
        return RedirectResponse(f"/login?{following}", HTTPStatus.SEE_OTHER)
    answer = problem(refusal.status, refusal.detail)
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _asked_for(scope: Scope) -> str:
    """The path of a request with its query, as far as the page that asks for a token takes it."""
    path = urllib.parse.quote(scope["path"])
    query = scope["query_string"].decode("latin-1")
    whole = f"{path}?{query}" if query else path
    return whole if len(whole) <= LONGEST_NEXT else path


def refused(
    method: str,
    scheme: str,
    found: Mapping[bytes, Sequence[str]],
    any_host: bool = False,
    public_url: str | None = None,
) -> tuple[HTTPStatus, str] | None:
    """Why a request is refused; ``None`` if it is not.

    found: the headers by name in lower case. any_host: whatever the Host header names, as a token is asked for, which
    no page of another host has. public_url: the origin of the pages where a reverse proxy offers them.
    """
    public_host = urllib.parse.urlsplit(public_url or "").netloc
    hosts = found.get(b"host", [])
    if len(hosts) != 1 or not (any_host or hosts[0].lower() == public_host or is_this_host(hosts[0])):
        return (
            HTTPStatus.MISDIRECTED_REQUEST,
            "the Host header does not name this host: use 127.0.0.1 or localhost, or the host of public_url",
        )
    if method in SAFE:
        return None
    origin = found.get(b"origin", [])
    if origin and (len(origin) > 1 or origin[0] not in (f"{scheme}://{hosts[0]}", public_url)):
        return HTTPStatus.FORBIDDEN, "the request comes from a page of another site"
    if found.get(b"sec-fetch-site", ["none"])[0] not in ("none", "same-origin"):
        return HTTPStatus.FORBIDDEN, "the request comes from a page of another site"
    return _too_long(found)


def _too_long(found: Mapping[bytes, Sequence[str]]) -> tuple[HTTPStatus, str] | None:
    """Why a body is refused; ``None`` if it is not. The server reads no more than the length that was given."""
    if b"transfer-encoding" in found:
        return HTTPStatus.LENGTH_REQUIRED, "send the body with a Content-Length"
    length = found.get(b"content-length", ["0"])[0]
    if not length.isdigit() or int(length) > BODY_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {BODY_BYTES:,} bytes"
    return None


def is_this_host(host: str) -> bool:
    """Whether a Host header names this host: ``localhost`` or a loopback address, with or without a port."""
    try:
        address = address_named(host)
    except ValueError:
        return False
    return address is not None and address.is_loopback


def _template(scope: Scope) -> str:
    """The template of a request's path, such as ``/api/v1/tracks/{id}``; one of few texts, whatever was asked."""
    route = getattr(scope.get("route"), "path", None)
    if route is None:
        return "/static" if scope["path"].startswith("/static/") else "none"
    own, asked = route.split("/"), scope["path"].split("/")
    return "/".join([*asked[: len(asked) - len(own) + 1], *own[1:]])  # a route does not know its prefix


def _known(method: str) -> str:
    """A method as a label: one of few values, whatever was sent."""
    return method if method in SAFE | {"POST", "PUT", "PATCH", "DELETE"} else "other"
