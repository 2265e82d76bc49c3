"""``/api/v1``: jobs, failures and workers, and what can be done with them."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from tonearm.errors import ConfigurationError
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.library.audit import Actor
from tonearm.names import printable
from tonearm.settings import Level
from tonearm.views.reading import PAGE
from tonearm.web.access import Who
from tonearm.web.api_models import (
    ActionModel,
    FailedFilter,
    FailureModel,
    GroupsModel,
    JobModel,
    Page,
    Priority,
    TotalModel,
    WorkerModel,
)
from tonearm.web.bulk_actions import Progress, Work
from tonearm.web.json_response import Json
from tonearm.web.listings import failure_page, job_page, worker_page
from tonearm.web.response_docs import Cursor, DryRun, Limit, described, place_at, started
from tonearm.web.service_parts import Parts

RETRY = "retry failed files"
Path = Annotated[str | None, Query(max_length=4096, description="Files at or below it.")]


def routes(parts: Parts) -> APIRouter:
    """The routes over the queue."""
    router = APIRouter()
    for part in (_jobs, _failures, _workers, _actions):
        router.include_router(part(parts))
    return router


def _jobs(parts: Parts) -> APIRouter:
    router = APIRouter(prefix="/jobs", tags=["jobs"])
    library = parts.library

    @router.get("", responses=described(Page[JobModel], 400, 404), summary="List jobs")
    def jobs(
        state: Annotated[list[str] | None, Query(max_length=10)] = None,
        run: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        path: Path = None,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> Json:
        """Running jobs, then waiting ones in the order of the queue, then ended ones; open jobs by default."""
        return Json(job_page(parts, state, run, path, limit, cursor))

    @router.post(
        "/prioritize",
        response_model=None,
        responses=described(TotalModel, 404, said="With `dry_run`: how many jobs would be changed.")
        | described(ActionModel, 404, status=202, said="The action was started.", changes=True),
        status_code=202,
        summary="Change priorities",
    )
    def prioritize(wanted: Priority, who: Who, dry_run: DryRun = False) -> Response:
        """Set the level of every open job at or below a path."""
        place = place_at(parts, wanted.path)
        assert place is not None  # noqa: S101  a path was given
        jobs = library.queue_admin.count_open(place)
        if dry_run:
            return Json({"count": jobs})

        def work(progress: Progress) -> None:
            level = Level[wanted.level.upper()]
            changed = parts.actions.repeated(lambda: library.queue_admin.prioritize(place, level))
            progress.advance(changed)
            parts.note(
                who, "change priorities", {"path": printable(wanted.path), "level": wanted.level}, changed
            )

        return started(parts, f"set the priority {wanted.level}", work, jobs)

    return router


def _failures(parts: Parts) -> APIRouter:
    router = APIRouter(prefix="/failures", tags=["failures"])
    library = parts.library

    @router.get("", responses=described(Page[FailureModel], 400, 404), summary="List failed files")
    def failures(
        code: Annotated[list[str] | None, Query(max_length=50)] = None,
        path: Path = None,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> Json:
        """Failed files, by code and then in the order in which they were queued."""
        return Json(failure_page(parts, code, path, limit, cursor))

    @router.get("/groups", responses=described(GroupsModel, 404), summary="Group failed files")
    def groups(path: Path = None, limit: Limit = PAGE) -> Json:
        """The largest groups of failed files with the same code and reason."""
        found, files = library.failures.groups(FailedSelection(place_at(parts, path)), limit)
        return Json({"items": [group.to_json() for group in found], "files": files})

    @router.post(
        "/retry",
        response_model=None,
        responses=described(TotalModel, 404, said="With `dry_run`: how many files would be queued.")
        | described(ActionModel, 404, status=202, said="The action was started.", changes=True),
        status_code=202,
        summary="Queue failed files again",
    )
    def retry(wanted: FailedFilter, who: Who, dry_run: DryRun = False) -> Response:
        """Queue every failed file that matches again; their attempts count from zero."""
        chosen = FailedSelection(
            place_at(parts, wanted.below), wanted.codes, wanted.partial or bool(wanted.codes)
        )
        files = library.failures.groups(chosen, 1)[1]
        if dry_run:
            return Json({"count": files})

        return started(parts, RETRY, retrying(parts, chosen, who), files)

    return router


def _workers(parts: Parts) -> APIRouter:
    router = APIRouter(prefix="/workers", tags=["workers"])
    library = parts.library

    @router.get("", responses=described(Page[WorkerModel], 400), summary="List workers")
    def workers(ended: bool = False, limit: Limit = PAGE, cursor: Cursor = None) -> Json:
        """The workers of a shared library by name; those that have not ended, by default."""
        return Json(worker_page(parts, ended, limit, cursor))

    @router.post(
        "/{name}/drain", responses=described(WorkerModel, 404, changes=True), summary="Drain a worker"
    )
    def drain(name: str, who: Who) -> Json:
        """Have a worker finish what it has, take nothing new, and end."""
        if "\0" in name:
            raise ConfigurationError("a name of a worker has no NUL character")
        library.workers.drain(name)
        parts.note(who, "drain workers", {"workers": [name]}, 1)
        return Json({"worker": name, "state": "draining"})

    return router


def _actions(parts: Parts) -> APIRouter:
    router = APIRouter(prefix="/actions", tags=["actions"])

    @router.get("/{id}", responses=described(ActionModel, 404), summary="Show an action")
    def action(id: str) -> Json:  # noqa: A002  the API's name
        """How far an action over many rows is."""
        return Json(parts.actions.get(id).to_json())

    return router


def retrying(parts: Parts, chosen: FailedSelection, who: Actor) -> Work:
    """What queues failed files again."""

    def work(progress: Progress) -> None:
        retry = parts.library.queue_admin.retry(chosen)
        queued = 0
        while not (retry.ended or progress.stopping):
            queued += parts.actions.repeated(retry.step)
            progress.advance(queued)
        place = None if chosen.place is None else printable(chosen.place.path)
        about = {
            "path": place,
            "file": chosen.file,
            "codes": list(chosen.codes),
            "partial": chosen.partial or None,
        }
        parts.note(who, RETRY, about, queued)

    return work
