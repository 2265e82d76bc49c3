"""The pages for people: what goes on, the library, one track, plots, names, failures, runs, workers.

They work without JavaScript; with it, the page of what goes on follows by itself, and tables continue as they are
scrolled.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from tonearm.errors import ConfigurationError, TonearmError
from tonearm.jobs.failed_jobs import START, FailedSelection
from tonearm.jobs.failures import cause_of
from tonearm.library.audit import Actor
from tonearm.names import printable
from tonearm.views import formatting
from tonearm.views.activity import Activity
from tonearm.views.liveness import sole_process
from tonearm.views.reading import PAGE
from tonearm.web import cursors
from tonearm.web.access import Who, while_admitted
from tonearm.web.api_activity import STILL_THERE, LastId, encoded
from tonearm.web.api_audio import add_audio
from tonearm.web.api_queue import RETRY, retrying
from tonearm.web.coverage_page import add_coverage
from tonearm.web.forms import form_of
from tonearm.web.ids import id_of
from tonearm.web.library_pages import add_library
from tonearm.web.login import add_login
from tonearm.web.name_pages import add_names
from tonearm.web.plot_pages import add_plots
from tonearm.web.query_route import QueryRoute
from tonearm.web.rendering import Pages, activity_values, link
from tonearm.web.response_docs import Cursor
from tonearm.web.run_pages import add_runs
from tonearm.web.service_parts import Parts
from tonearm.web.track_page import add_track


def routes(parts: Parts) -> APIRouter:
    """The routes of the pages."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse, route_class=QueryRoute)
    pages = Pages(parts)
    own = (_now, _failures, _workers)
    for add in (*own, add_runs, add_library, add_coverage, add_track, add_plots, add_names, add_login):
        add(router, parts, pages)
    add_audio(router, parts)
    return router


def _now(router: APIRouter, parts: Parts, pages: Pages) -> None:
    @router.get("/")
    def now() -> Response:
        activity: Activity | None = None
        trouble = ""
        try:
            activity = parts.watched.read()
        except TonearmError as error:
            trouble = str(error)
        values = activity_values(activity, trouble, () if activity else parts.watched.services())
        return pages.page("now.html", "/", "Now", **values)

    @router.get("/now/events")
    async def events(request: Request, last_event_id: LastId = None) -> Response:
        shown = while_admitted(request, _parts_of_page(parts, pages, last_event_id))
        return StreamingResponse(shown, media_type="text/event-stream")


async def _parts_of_page(parts: Parts, pages: Pages, last_id: str | None) -> AsyncGenerator[bytes]:
    """The changing part of the first page, again with every event. An event without a name is shown by htmx."""
    async for event in parts.feed.events(last_id, needs_activity=True):
        if event is None:
            yield STILL_THERE
        elif event.name != "reset":
            yield encoded(event.id, await run_in_threadpool(pages.event, event))


def _failures(router: APIRouter, parts: Parts, pages: Pages) -> None:
    library = parts.library

    @router.get("/failures")
    def failures(started: Annotated[str, Query(max_length=40)] = "") -> Response:
        try:
            groups, files = library.failures.groups(FailedSelection(), PAGE)
            said = ""
            if started:
                action = parts.actions.get(started)
                said = f"{formatting.plural(action.done, 'file')} queued again; the action is {action.state}."
        except TonearmError as error:
            return pages.problem(error, "/failures")
        return pages.page("failures.html", "/failures", "Failures", groups=groups, files=files, said=said)

    @router.get("/failures/files")
    def files(code: Annotated[str, Query(max_length=100)], cursor: Cursor = None) -> Response:
        try:
            chosen = FailedSelection(codes=[code])
            found, end = library.failures.page(chosen, PAGE, cursors.to_failures(cursor) or START)
        except TonearmError as error:
            return pages.problem(error, "/failures")
        following = (
            None if end is None else link("/failures/files", code=code, cursor=cursors.of_failures(end))
        )
        return pages.page(
            "failed_files.html",
            "/failures",
            code,
            code=code,
            cause=cause_of(code),
            advice=printable(found[0].advice) if found else "",
            files=found,
            following=following,
        )

    @router.post("/failures/retry")
    async def retry(request: Request, who: Who) -> Response:
        form = await form_of(request)
        try:
            action = await run_in_threadpool(_retry, parts, form, who)
        except TonearmError as error:
            return pages.problem(error, "/failures")
        return RedirectResponse(link("/failures", started=action), 303)


def _retry(parts: Parts, form: Mapping[str, str], who: Actor) -> str:
    """Queue failed files again: all, those with a code, or one; returns the id of the action.

    Raises ConfigurationError where none of the three is named, NotFound and StorageError.
    """
    code, file = form.get("code", ""), form.get("file", "")
    if file:
        chosen = FailedSelection(file=parts.library.tracks.detail(id_of(file)).track.id)
    elif code or form.get("all"):
        chosen = FailedSelection(codes=[code] if code else [])
    else:
        raise ConfigurationError("say which files: all of them, a code or a file")
    return parts.actions.start(RETRY, retrying(parts, chosen, who), None).id


def _workers(router: APIRouter, parts: Parts, pages: Pages) -> None:
    library = parts.library

    @router.get("/workers")
    def workers(drained: Annotated[str, Query(max_length=200)] = "") -> Response:
        database = library.database
        try:
            found = library.worker_list.page()
        except TonearmError as error:
            return pages.problem(error, "/workers")
        process = sole_process(database)
        said = f"{printable(drained)} finishes what it has and ends." if drained else ""
        return pages.page(
            "workers.html",
            "/workers",
            "Workers",
            workers=found,
            shared=database.shared,
            process=process,
            said=said,
        )

    @router.post("/workers/drain")
    async def drain(request: Request, who: Who) -> Response:
        name = (await form_of(request)).get("name", "")
        try:
            await run_in_threadpool(library.workers.drain, name)
            await run_in_threadpool(parts.note, who, "drain workers", {"workers": [name]}, 1)
        except TonearmError as error:
            return pages.problem(error, "/workers")
        return RedirectResponse(link("/workers", drained=name), 303)
