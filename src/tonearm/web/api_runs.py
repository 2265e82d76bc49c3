"""``/api/v1/runs``: lists runs, starts scans of known folders, and pauses, resumes and cancels."""

from http import HTTPStatus

from fastapi import APIRouter

from tonearm.errors import LibraryInUse
from tonearm.jobs.asked_runs import AskedRuns, ScanRequest
from tonearm.library.process_lock import takes_requests
from tonearm.library.roots import Place
from tonearm.names import printable
from tonearm.settings import Level
from tonearm.views.liveness import read_liveness
from tonearm.views.outlook import with_outlooks
from tonearm.views.reading import PAGE
from tonearm.web.access import Who
from tonearm.web.api_models import NewRun, Page, RunModel, RunStateModel
from tonearm.web.json_response import Json
from tonearm.web.listings import run_page
from tonearm.web.response_docs import RUNS, Cursor, Id, Limit, described, known_place
from tonearm.web.service_parts import Parts


def routes(parts: Parts) -> APIRouter:
    """The routes over runs."""
    router = APIRouter(prefix="/runs", tags=["runs"])
    _reading(router, parts)
    _starting(router, parts)
    _changing(router, parts)
    return router


def _reading(router: APIRouter, parts: Parts) -> None:
    library = parts.library

    @router.get("", responses=described(Page[RunModel], 400), summary="List runs")
    def runs(limit: Limit = PAGE, cursor: Cursor = None) -> Json:
        """The runs, the newest first; open ones with what is left of them."""
        return Json(run_page(parts, limit, cursor))

    @router.get("/{id}", responses=described(RunModel, 404), summary="Show one run")
    def one(id: Id) -> Json:  # noqa: A002  the API's name
        """One run, with what is left of it while it is open."""
        alive = read_liveness(library.database)
        found = library.run_list.one(id)
        [shown] = with_outlooks(library.database, alive, [alive.run(found)])
        return Json(shown.to_json())


def _starting(router: APIRouter, parts: Parts) -> None:
    @router.post(
        "",
        responses=described(
            RunStateModel,
            404,
            409,
            status=202,
            said="The run was asked for; `Location` shows it.",
            changes=True,
        ),
        status_code=202,
        summary="Scan known folders",
    )
    def start(wanted: NewRun, who: Who) -> Json:
        """Have folders of the library scanned, and what is new or changed in them analysed.

        The process that keeps the library up to date (`tonearm serve`, over PostgreSQL with `--analyze`) does it.
        """
        places = [known_place(parts, path) for path in wanted.paths] or parts.library.roots.every()
        _require_scanning(parts)
        run = _ask(parts, places, wanted)
        about = {
            "run": run,
            "paths": [printable(place.path) for place in places],
            "fresh": wanted.fresh or None,
        }
        parts.note(who, "start a run", about)
        return Json({"run": run, "state": "running"}, HTTPStatus.ACCEPTED, {"Location": f"{RUNS}/{run}"})


def _ask(parts: Parts, places: list[Place], wanted: NewRun) -> int:
    level = None if wanted.level is None else Level[wanted.level.upper()]
    request = ScanRequest(level=level, fresh=wanted.fresh)
    asked = AskedRuns(parts.library.database)
    paths = [place.path for place in places]
    return parts.actions.repeated(lambda: asked.ask(paths, request))


def _require_scanning(parts: Parts) -> None:
    """Raise LibraryInUse where no process would carry out a scan."""
    library = parts.library
    if library.database.shared:
        if not AskedRuns(library.database).someone_scans():
            raise LibraryInUse(
                "no process scans on request now: start `tonearm serve --analyze` on a host where the folders are "
                "mounted, or call `tonearm analyze` there"
            )
    elif not takes_requests(library.settings.data_dir):
        raise LibraryInUse(
            "no process keeps this library up to date now: start `tonearm serve` without --no-analyze, "
            "or call `tonearm analyze`"
        )


def _changing(router: APIRouter, parts: Parts) -> None:
    library = parts.library

    @router.post("/{id}/pause", responses=described(RunStateModel, 404, changes=True), summary="Pause a run")
    def pause(id: Id, who: Who) -> Json:  # noqa: A002  the API's name
        """Take no more of its files; those that are being analysed are finished."""
        library.runs.pause(id)
        parts.note(who, "pause a run", {"run": id})
        return Json({"run": id, "state": "paused"})

    @router.post(
        "/{id}/resume", responses=described(RunStateModel, 404, changes=True), summary="Resume a run"
    )
    def resume(id: Id, who: Who) -> Json:  # noqa: A002  the API's name
        """Continue a paused run."""
        library.runs.resume(id)
        parts.note(who, "resume a run", {"run": id})
        return Json({"run": id, "state": "running"})

    @router.post(
        "/{id}/cancel", responses=described(RunStateModel, 404, changes=True), summary="Cancel a run"
    )
    def cancel(id: Id, who: Who) -> Json:  # noqa: A002  the API's name
        """End it: waiting files are not analysed, running ones are given up; results stay."""
        cancelled = library.runs.cancel(id)
        parts.note(who, "cancel a run", {"run": id}, cancelled)
        return Json({"run": id, "state": "cancelled", "cancelled": cancelled})
