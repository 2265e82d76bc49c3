"""How routes describe what they answer, and parameters that several lists share."""

import inspect
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import Header, Path, Query

from tonearm.errors import NotFound
from tonearm.library.roots import Place
from tonearm.names import printable, to_bytes
from tonearm.web.api_models import ProblemModel
from tonearm.web.bulk_actions import Work
from tonearm.web.json_response import Json
from tonearm.web.service_parts import Parts

Value = TypeVar("Value")
ACTIONS = "/api/v1/actions"
RUNS = "/api/v1/runs"
MOST = 500
"""Maximum number of rows of a page."""
Limit = Annotated[int, Query(ge=1, le=MOST, description="Maximum number of rows.")]
Cursor = Annotated[str | None, Query(max_length=4096, description="`next` of the page before.")]
Id = Annotated[int, Path(ge=1, lt=2**63)]
IsPart = Annotated[str | None, Header(alias="hx-request")]
"""Sent by htmx: only a part of the page is wanted."""
DryRun = Annotated[bool, Query(description="Only say how many rows would be changed.")]

_PROBLEMS = {
    400: "The request can't be understood.",
    401: "A token is needed, or the one that was sent is not accepted.",
    403: "The request comes from a page of another site, or with a token that may only read.",
    404: "There is no such thing.",
    409: "It can't be done at this moment, for a reason that the answer gives.",
    411: "The body has no length.",
    413: "The body is too large.",
    416: "The range begins behind the end.",
    421: "The Host header does not name this host.",
    422: "A parameter is wrong.",
    429: "Too many requests; `Retry-After` says when to ask again.",
    503: "The database or another server does not answer.",
}


def described(
    model: Any, *problems: int, status: int = 200, said: str = "The answer.", changes: bool = False
) -> dict[int | str, Any]:
    """The description of a route's answers: the model, and the problems that may come instead of it.

    changes: whether the route changes something, so that pages of other sites and large bodies are refused.
    """
    found: dict[int | str, Any] = {status: {"model": model, "description": said}}
    usual = (400, 403, 409, 411, 413) if changes else ()
    for each in sorted({*problems, *usual, 401, 421, 422, 429, 503}):
        found[each] = {
            "description": _PROBLEMS[each],
            "content": {"application/problem+json": {"schema": ProblemModel.model_json_schema()}},
        }
    return found


def without_thread(call: Callable[..., Value]) -> Callable[..., Awaitable[Value]]:
    """A call that waits for nothing, for a route to depend on: FastAPI would have a thread make it."""

    async def made(*given: Any, **named: Any) -> Value:
        return call(*given, **named)

    made.__signature__ = inspect.signature(call)  # type: ignore[attr-defined]  # what FastAPI takes the parameters from
    return made


def place_at(parts: Parts, path: str | None) -> Place | None:
    """The place in the library of a path that was sent. Raises NotFound."""
    if path is None:
        return None
    place = None if "\0" in path else parts.library.roots.locate(_sent(path))
    if place is None or not parts.library.roots.holds(place):
        raise NotFound(f"{printable(path)}: not in the library")
    return place


def known_place(parts: Parts, path: str) -> Place:
    """The place of a path in a folder of the library, whether or not any file is known there. Raises NotFound."""
    place = None if "\0" in path else parts.library.roots.locate(_sent(path))
    if place is None:
        raise NotFound(f"{printable(path)}: not in a folder of the library")
    return place


def started(parts: Parts, what: str, work: Work, total: int | None) -> Json:
    """Start an action, and answer where to ask how far it is."""
    action = parts.actions.start(what, work, total)
    return Json(action.to_json(), HTTPStatus.ACCEPTED, {"Location": f"{ACTIONS}/{action.id}"})


def _sent(path: str) -> bytes:
    try:
        return to_bytes(path)
    except UnicodeEncodeError:
        raise NotFound(f"{printable(path)}: not in the library") from None
