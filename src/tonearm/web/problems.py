"""Errors as the service answers them: problem details, RFC 9457."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tonearm.errors import (
    ConfigurationError,
    LibraryInUse,
    NotFound,
    ServiceUnavailable,
    StorageError,
    TonearmError,
)
from tonearm.events.report import report, where
from tonearm.web.json_response import Json

STATUSES: tuple[tuple[type[TonearmError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (LibraryInUse, HTTPStatus.CONFLICT),
    (ConfigurationError, HTTPStatus.BAD_REQUEST),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ServiceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The status of an exception: that of the first class that fits."""


RETRY_AFTER_S: dict[int, str] = {HTTPStatus.SERVICE_UNAVAILABLE: "5", HTTPStatus.TOO_MANY_REQUESTS: "1"}
"""Seconds after which a request may be repeated, by the status of the problem."""


class Problem(Json):
    """The answer to a request that can't be fulfilled."""

    media_type = "application/problem+json"


def problem(status: int, detail: str, **more: Any) -> Problem:
    """A problem with what is wrong and what to do, in one sentence."""
    fields = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    headers = {"Retry-After": RETRY_AFTER_S[status]} if status in RETRY_AFTER_S else {}
    return Problem(fields | more, status, headers)


def status_of(error: TonearmError) -> HTTPStatus:
    """The status of an answer that an exception has led to."""
    found = (status for kind, status in STATUSES if isinstance(error, kind))
    return next(found, HTTPStatus.UNPROCESSABLE_ENTITY)


def answer_errors(app: FastAPI) -> None:
    """Have exceptions answered as problems."""
    app.add_exception_handler(TonearmError, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_request)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(ClientDisconnect, _of_nobody)
    app.add_exception_handler(Exception, _of_mistake)


def _of_ours(_: Request, error: Exception) -> Problem:
    assert isinstance(error, TonearmError)  # noqa: S101  the handler is registered for it
    return problem(status_of(error), str(error))


def _of_request(_: Request, error: Exception) -> Problem:
    assert isinstance(error, RequestValidationError)  # noqa: S101  the handler is registered for it
    wrong = [{"at": ".".join(map(str, one["loc"])), "reason": one["msg"]} for one in error.errors()]
    said = "; ".join(f"{one['at']}: {one['reason']}" for one in wrong)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, said, errors=wrong)


def _of_http(_: Request, error: Exception) -> Problem:
    assert isinstance(error, HTTPException)  # noqa: S101  the handler is registered for it
    made = problem(error.status_code, str(error.detail))
    made.headers.update(error.headers or {})
    return made


def _of_nobody(_: Request, __: Exception) -> Response:
    """What a client gets that has broken its request off, and so never reads it."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


def _of_mistake(request: Request, error: Exception) -> Problem:
    report(f"the answer to {request.url.path} failed: {where(error)}")
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "A mistake of this program; the log says more.")
