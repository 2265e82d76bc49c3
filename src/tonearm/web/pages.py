"""The pages for people: what goes on, the library, one track, failures, runs, workers.

They work without JavaScript; with it, the page of what goes on follows by itself, and tables continue as they are
scrolled.
"""

import os
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import jinja2
from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from tonearm.analysis.value_text import tempo_doubt
from tonearm.errors import TonearmError
from tonearm.jobs.failed_jobs import START, FailedSelection
from tonearm.jobs.failures import cause_of
from tonearm.library.lock import holder
from tonearm.names import printable
from tonearm.views import formatting
from tonearm.views.activity import Activity
from tonearm.views.liveness import read_liveness
from tonearm.views.outlook import with_outlooks
from tonearm.views.reading import PAGE
from tonearm.views.tracks import TrackQuery
from tonearm.web import cursors
from tonearm.web.activity_feed import FeedEvent
from tonearm.web.answers import Cursor, Id
from tonearm.web.api_activity import encoded
from tonearm.web.api_queue import RETRY, retry_steps
from tonearm.web.api_tracks import STATES, TrackFilter
from tonearm.web.parts import Parts
from tonearm.web.problems import status_of
from tonearm.web.track_table import file_facts, result_groups, table_columns

TEMPLATES = Path(__file__).parent / "templates"
LARGEST_BPM = "999"
IsPart = Annotated[str | None, Header(alias="hx-request")]
"""Sent by htmx: only a part of the page is wanted."""


class TableFilter:
    """Which tracks the table shows and in which order, as the fields of its form say it."""

    def __init__(
        self,
        title: str = "",
        artist: str = "",
        album: str = "",
        genre: str = "",
        codec: str = "",
        key: str = "",
        state: str = "",
        bpm_from: str = "",
        bpm_to: str = "",
        sort: str = "path",
        order: str = "",
    ) -> None:
        self.sort, self.descending = sort, bool(order)
        self.texts = {"title": title, "artist": artist, "album": album, "genre": genre, "codec": codec}
        fields = {"key": key, "state": state, "bpm_from": bpm_from, "bpm_to": bpm_to}
        self.values = self.texts | fields | {"sort": sort, "order": order}
        self.texts = {name: text for name, text in self.texts.items() if text}

    def query(self, parts: Parts) -> TrackQuery:
        """The query. Raises ConfigurationError and NotFound."""
        low, high = self.values["bpm_from"], self.values["bpm_to"]
        wanted = TrackFilter(
            title=self.values["title"],
            artist=self.values["artist"],
            album=self.values["album"],
            genre=self.values["genre"],
            codec=self.values["codec"],
            key=self.values["key"],
            state=self.values["state"],
            range=[f"bpm:{low or 0}-{high or LARGEST_BPM}"] if low or high else [],
            sort=f"-{self.sort}" if self.descending else self.sort,
        )
        return wanted.query(parts)

    def sorted_by(self, name: str) -> str:
        """The link of a heading: sort by its column, or turn the order round."""
        turned = "descending" if name == self.sort and not self.descending else ""
        return _link("/library", **self.values | {"sort": name, "order": turned})


class Pages:
    """Renders templates."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
        )
        words = ("duration", "moment", "plural", "resting", "outlook_text", "number")
        self._templates.globals |= {name: getattr(formatting, name) for name in words}
        self._templates.globals["printable"] = printable

    def text(self, template: str, **values: Any) -> str:
        """A template with values. Characters that UTF-8 has no form for are replaced."""
        library = printable(self._parts.library.database.address)
        made = self._templates.get_template(template).render(library=library, here="", **values)
        return made.encode("utf-8", "replace").decode("utf-8")

    def page(self, template: str, here: str, title: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A whole page. here: the path of its entry in the menu."""
        library = printable(self._parts.library.database.address)
        made = self._templates.get_template(template).render(
            library=library, here=here, title=title, **values
        )
        return HTMLResponse(made.encode("utf-8", "replace"), status)

    def activity(self, activity: Activity | None, trouble: str = "") -> str:
        """The part of the first page that changes by itself."""
        runs = []
        if activity is not None:
            database = self._parts.library.database
            runs = with_outlooks(database, read_liveness(database), activity.runs)
        return self.text("activity.html", now=activity, runs=runs, trouble=trouble)

    def problem(self, error: TonearmError, here: str = "") -> HTMLResponse:
        """A page that says what is wrong."""
        status = status_of(error)
        return self.page("problem.html", here, HTTPStatus(status).phrase, status, problem=str(error))


def routes(parts: Parts) -> APIRouter:
    """The routes of the pages."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    pages = Pages(parts)
    for add in (_now, _runs, _library, _failures, _workers):
        add(router, parts, pages)
    return router


def _now(router: APIRouter, parts: Parts, pages: Pages) -> None:
    @router.get("/")
    def now() -> Response:
        try:
            activity, trouble = parts.watched.read(), ""
        except TonearmError as error:
            activity, trouble = None, str(error)
        runs = (
            []
            if activity is None
            else with_outlooks(parts.library.database, read_liveness(parts.library.database), activity.runs)
        )
        return pages.page("now.html", "/", "Now", now=activity, runs=runs, trouble=trouble)

    @router.get("/now/events")
    async def events(last_event_id: Annotated[str | None, Header(max_length=100)] = None) -> Response:
        return StreamingResponse(_parts_of_page(parts, pages, last_event_id), media_type="text/event-stream")


async def _parts_of_page(parts: Parts, pages: Pages, last_id: str | None) -> AsyncIterator[bytes]:
    """The changing part of the first page, again with every event."""
    last: Activity | None = None
    async for event in parts.feed.events(last_id):
        if event is None:
            yield encoded(None, None)
        elif event.name != "reset":
            last = event.activity or last
            trouble = "" if event.activity is not None else str(event.data["reason"])
            html = await run_in_threadpool(_rendered, pages, last, trouble)
            yield encoded(FeedEvent(event.id, "message", {}), html)


def _rendered(pages: Pages, activity: Activity | None, trouble: str) -> str:
    try:
        return pages.activity(activity, trouble)
    except TonearmError as error:
        return pages.activity(None, str(error))


def _runs(router: APIRouter, parts: Parts, pages: Pages) -> None:
    library = parts.library

    @router.get("/runs")
    def runs(cursor: Cursor = None) -> Response:
        try:
            alive = read_liveness(library.database)
            found = library.run_list.latest(PAGE + 1, cursors.to_id(cursor))
            shown = with_outlooks(library.database, alive, [alive.run(run) for run in found[:PAGE]])
        except TonearmError as error:
            return pages.problem(error, "/runs")
        following = _link("/runs", cursor=cursors.of_id(shown[-1].id)) if len(found) > PAGE else None
        return pages.page("runs.html", "/runs", "Runs", runs=shown, following=following)

    @router.post("/runs/{id}/{verb}")
    def change(id: Id, verb: str, hx_request: IsPart = None) -> Response:  # noqa: A002  the API's name
        verbs = {"pause": library.runs.pause, "resume": library.runs.resume, "cancel": library.runs.cancel}
        if verb not in verbs:
            return HTMLResponse(status_code=404)
        trouble = ""
        try:
            verbs[verb](id)
        except TonearmError as error:
            if hx_request is None:
                return pages.problem(error)
            trouble = str(error)
        if hx_request is None:
            return RedirectResponse("/", 303)
        return HTMLResponse(_rendered(pages, parts.watched.read(), trouble))


def _library(router: APIRouter, parts: Parts, pages: Pages) -> None:
    library = parts.library

    @router.get("/library")
    def tracks(
        given: Annotated[TableFilter, Depends()], cursor: Cursor = None, hx_request: IsPart = None
    ) -> Response:
        view: dict[str, Any] = {
            "given": given.values,
            "states": STATES,
            "columns": library.tracks.columns,
            "sort": given.sort,
            "descending": given.descending,
            "counting": _link("/library/count", **given.values),
            "shown": [],
            "tracks": [],
            "following": None,
            "after": cursor,
            "problem": "",
            "sorted_by": given.sorted_by,
        }
        status = 200
        try:
            page = library.tracks.page(given.query(parts), cursors.to_tracks(cursor), PAGE)
            view["shown"] = table_columns([given.sort, *given.texts], parts.analysers)
            view["tracks"] = page.tracks
            if page.end is not None:
                view["following"] = _link("/library", **given.values, cursor=cursors.of_tracks(page.end))
        except TonearmError as error:
            view["problem"], status = str(error), status_of(error)
        if hx_request is not None and not view["problem"]:
            return HTMLResponse(pages.text("tracks.html", **view))
        return pages.page("library.html", "/library", "Library", status, **view)

    @router.get("/library/count")
    def count(given: Annotated[TableFilter, Depends()]) -> Response:
        """How many tracks there are; asked after the table, as it takes longer."""
        try:
            found = library.tracks.count(given.query(parts))
        except TonearmError as error:
            return pages.problem(error, "/library")
        return HTMLResponse(found.of_noun("track"))

    @router.get("/tracks/{id}")
    def track(id: Id) -> Response:  # noqa: A002  the API's name
        try:
            detail = library.tracks.detail(id)
        except TonearmError as error:
            return pages.problem(error, "/library")
        one = detail.track
        return pages.page(
            "track.html",
            "/library",
            one.title or printable(os.path.basename(one.path)),
            track=one,
            name=printable(os.path.basename(one.path)),
            path=printable(one.path),
            doubt=tempo_doubt(one.to_json()),
            warnings=list(map(printable, detail.warnings)),
            remarks=list(map(printable, detail.remarks)),
            facts=list(file_facts(one)),
            results=result_groups(one, parts.analysers),
            tags=[(printable(name), printable(str(value))) for name, value in detail.tags.items()],
            history=[
                (formatting.moment(event["at"]), printable(f"{event['what']} {event.get('reason') or ''}"))
                for event in detail.history
            ],
        )


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
            None if end is None else _link("/failures/files", code=code, cursor=cursors.of_failures(end))
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
    async def retry(request: Request) -> Response:
        code = (await _form(request)).get("code", "")
        if not code:
            return HTMLResponse(status_code=422)
        action = await run_in_threadpool(_retry, parts, code)
        return RedirectResponse(_link("/failures", started=action), 303)


def _retry(parts: Parts, code: str) -> str:
    """Queue all files that failed with a code again; returns the id of the action."""
    chosen = FailedSelection(codes=[code])
    return parts.actions.start(RETRY, retry_steps(parts, chosen), None).id


def _workers(router: APIRouter, parts: Parts, pages: Pages) -> None:
    library = parts.library

    @router.get("/workers")
    def workers(drained: Annotated[str, Query(max_length=200)] = "") -> Response:
        database = library.database
        try:
            found = library.worker_list.page()
        except TonearmError as error:
            return pages.problem(error, "/workers")
        process = None if database.shared else holder(Path(database.address).parent)
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
    async def drain(request: Request) -> Response:
        name = (await _form(request)).get("name", "")
        try:
            await run_in_threadpool(library.workers.drain, name)
        except TonearmError as error:
            return pages.problem(error, "/workers")
        return RedirectResponse(_link("/workers", drained=name), 303)


async def _form(request: Request) -> Mapping[str, str]:
    """The fields of a form as browsers send it."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(urllib.parse.parse_qsl(body, max_num_fields=20))


def _link(path: str, **parameters: str | None) -> str:
    return f"{path}?{urllib.parse.urlencode({name: value for name, value in parameters.items() if value})}"
