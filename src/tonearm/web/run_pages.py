"""The pages of runs: the list, one run with its jobs, and one job with where the time of its attempts went."""

import functools
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tonearm.errors import ConfigurationError, NotFound, TonearmError
from tonearm.jobs.job import JobState
from tonearm.library.audit import Actor
from tonearm.names import printable
from tonearm.settings import Level
from tonearm.views.formatting import left_out_text, moment
from tonearm.views.liveness import read_liveness
from tonearm.views.outlook import with_outlooks
from tonearm.views.reading import PAGE
from tonearm.views.trace_text import seconds_text, step_texts
from tonearm.web import cursors
from tonearm.web.access import Who
from tonearm.web.attempt_drawing import attempts_of
from tonearm.web.forms import form_of
from tonearm.web.rendering import Pages, link
from tonearm.web.response_docs import Cursor, Id, IsPart
from tonearm.web.service_parts import Parts

HERE = "/runs"
STATES = tuple(str(state) for state in JobState)


def add_runs(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Add the routes of runs and jobs."""
    _lists(router, parts, pages)
    _job(router, parts, pages)
    _changes(router, parts, pages)


def _lists(router: APIRouter, parts: Parts, pages: Pages) -> None:
    library = parts.library

    @router.get("/runs")
    def runs(cursor: Cursor = None) -> Response:
        try:
            alive = read_liveness(library.database)
            found = library.run_list.latest(PAGE + 1, cursors.to_id("runs", cursor))
            shown = with_outlooks(library.database, alive, [alive.run(run) for run in found[:PAGE]])
        except TonearmError as error:
            return pages.problem(error, HERE)
        following = link("/runs", cursor=cursors.of_id("runs", shown[-1].id)) if len(found) > PAGE else None
        return pages.page("runs.html", HERE, "Runs", runs=shown, following=following)

    @router.get("/runs/{id}")
    def one(
        id: Id,  # noqa: A002  the API's name
        state: Annotated[str, Query(max_length=20)] = "",
        cursor: Cursor = None,
    ) -> Response:
        try:
            if state and state not in STATES:
                raise ConfigurationError(f"state: {state!r} is none of {', '.join(STATES)}")
            alive = read_liveness(library.database)
            found = library.run_list.one(id)
            [run] = with_outlooks(library.database, alive, [alive.run(found)])
            states = [state] if state else STATES
            jobs, end = library.job_list.page(states, None, id, cursors.to_jobs(cursor), PAGE)
        except TonearmError as error:
            return pages.problem(error, HERE)
        following = None if end is None else link(f"/runs/{id}", state=state, cursor=cursors.of_jobs(end))
        view: dict[str, Any] = {
            "run": run,
            "jobs": [alive.job(job) for job in jobs],
            "following": following,
            "left_out": left_out_text(run.left_out),
            "states": STATES,
            "levels": [level.label for level in Level],
            "state": state,
            "seconds_text": seconds_text,
        }
        return pages.page("run.html", HERE, f"Run {id}", **view)


def _job(router: APIRouter, parts: Parts, pages: Pages) -> None:
    @router.get("/jobs/{id}")
    def one(id: Id) -> Response:  # noqa: A002  the API's name
        try:
            trace = parts.library.file_traces.of_job(id)
            if trace is None:
                raise NotFound(f"there is no job {id}")
        except TonearmError as error:
            return pages.problem(error, HERE)
        view = {
            "job": id,
            "run": next(step.fields["run"] for step in trace.steps if step.what == "queued"),
            "file": trace.file,
            "path": printable(trace.path),
            "attempts": list(attempts_of(trace)),
            "steps": [(moment(step.at), list(step_texts(step.what, step.fields))) for step in trace.steps],
        }
        return pages.page("job.html", HERE, f"Job {id}", **view)


def _prioritize(parts: Parts, run: int, label: str, who: Actor) -> None:
    """Set the level of every open job at or below the paths of a run. Raises NotFound and ConfigurationError."""
    library = parts.library
    level = next((level for level in Level if level.label == label), None)
    if level is None:
        raise ConfigurationError(f"level: {label!r} is none of {', '.join(each.label for each in Level)}")
    paths = library.run_list.one(run).paths
    places = [place for path in paths if (place := library.roots.locate(path)) is not None]
    for place in places or library.roots.every():
        changed = parts.actions.repeated(functools.partial(library.queue_admin.prioritize, place, level))
        about = {"path": printable(place.path), "level": label}
        parts.note(who, "change priorities", about, changed)


def _changes(router: APIRouter, parts: Parts, pages: Pages) -> None:
    runs = parts.library.runs

    @router.post("/runs/{id}/prioritize")
    async def prioritize(id: Id, request: Request, who: Who) -> Response:  # noqa: A002  the API's name
        level = (await form_of(request)).get("level", "")
        try:
            await run_in_threadpool(_prioritize, parts, id, level, who)
        except TonearmError as error:
            return pages.problem(error, HERE)
        return RedirectResponse(f"/runs/{id}", 303)

    @router.post("/runs/{id}/{verb}")
    def change(id: Id, verb: str, who: Who, hx_request: IsPart = None) -> Response:  # noqa: A002  the API's name
        verbs = {"pause": runs.pause, "resume": runs.resume, "cancel": runs.cancel}
        if verb not in verbs:
            return HTMLResponse(status_code=404)
        trouble = ""
        try:
            verbs[verb](id)
            parts.note(who, f"{verb} a run", {"run": id})
        except TonearmError as error:
            if hx_request is None:
                return pages.problem(error)
            trouble = str(error)
        if hx_request is None:
            return RedirectResponse("/", 303)
        return HTMLResponse(pages.activity(parts.watched.read(), trouble))
