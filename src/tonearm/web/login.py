"""The page on which a browser shows a token, which it then keeps as a cookie."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from tonearm.errors import TonearmError
from tonearm.web.access import LONGEST_NEXT
from tonearm.web.forms import form_of
from tonearm.web.guard import COOKIE
from tonearm.web.rendering import Pages
from tonearm.web.service_parts import Parts

KEPT_S = 30 * 86_400
Next = Annotated[str, Query(max_length=LONGEST_NEXT)]


def add_login(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Add the routes with which a browser begins and ends to use a token."""

    @router.get("/login")
    def asked(next: Next = "/") -> Response:  # noqa: A002  the form's name
        return pages.page("login.html", "", "Token", following=_own(next), trouble="")

    @router.post("/login")
    async def login(request: Request) -> Response:
        form = await form_of(request)
        following = _own(form.get("next", "/"))
        secret = form.get("token", "").strip()
        try:
            found = await run_in_threadpool(parts.guard.find, secret)
        except TonearmError as error:
            return pages.problem(error)
        if found is None:
            trouble = "There is no such token, or it was revoked."
            return pages.page(
                "login.html", "", "Token", HTTPStatus.UNAUTHORIZED, following=following, trouble=trouble
            )
        answer = RedirectResponse(following, HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            COOKIE, secret, KEPT_S, httponly=True, samesite="strict", secure=_is_encrypted(request)
        )
        return answer

    @router.post("/logout")
    def logout() -> Response:
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE)
        return answer


def _is_encrypted(request: Request) -> bool:
    """Whether the browser sees the page over TLS, which a reverse proxy may do for this service."""
    origin = request.headers.get("origin", "")  # was found to be that of this service
    return "https" in (request.url.scheme, origin.partition(":")[0])


def _own(path: str) -> str:
    """A path of this service; nothing that leads elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"
