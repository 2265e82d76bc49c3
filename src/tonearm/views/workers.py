"""The workers of a shared library as they are shown, by their heartbeats."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from tonearm.jobs.job_sql import clock
from tonearm.jobs.worker_rows import ALONE, LOST_S, log_levels_at
from tonearm.library.column_types import sort_key
from tonearm.library.database import Database
from tonearm.library.schema import worker_table
from tonearm.names import from_document, path_fields, paths_fields
from tonearm.views.reading import MANY_AT_ONCE, reading

STATES = ("working", "idle", "resting", "draining", "lost")
"""States of workers that have not ended."""
ALIVE = ("working", "idle", "resting", "draining")
"""States of workers whose heartbeats arrive."""


@dataclass(frozen=True, slots=True)
class RestView:
    """Why a worker takes no jobs for now: a code and a sentence. until: ``None``: nobody knows."""

    code: str
    reason: str
    since: float
    until: float | None


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker as it is shown. ``state``: working, idle, resting, draining, lost or ended; times by the database's
    clock.

    url: where it serves its metrics over HTTP, if it does. log_levels: levels that a person has set, by logger.
    """

    name: str
    host: str
    pid: int
    version: str
    slots: int
    state: str
    started_at: float
    seen_s_ago: float
    done: int
    failed: int
    running: tuple[Mapping[str, Any], ...]
    breakers: Mapping[str, str]
    unmounted: tuple[str, ...]
    url: str | None
    log_levels: Mapping[str, str]
    rest: RestView | None = None
    work_times: tuple[tuple[float, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        fields = dataclasses.asdict(self)
        fields["running"] = [
            {**file, **path_fields(from_document(file["path"]))} if "path" in file else file
            for file in self.running
        ]
        del fields["work_times"]
        fields |= paths_fields([from_document(path) for path in self.unmounted], "unmounted")
        return {"worker": fields.pop("name"), **fields}


class WorkerList:
    """The workers of a library, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, ended: bool = False, after: str | None = None, limit: int = MANY_AT_ONCE
    ) -> list[WorkerView]:
        """Workers that have not ended, or all; ``after``: only workers with a greater name."""
        name = sort_key(worker_table.c.name)
        chosen = select(worker_table).order_by(name).limit(limit)
        if not ended:
            chosen = chosen.where(worker_table.c.ended_at.is_(None))
        if (
            not self._database.shared
        ):  # the process of a library in a folder has a row only to tell that it rests
            chosen = chosen.where(~worker_table.c.instance.startswith(ALONE))
        if after is not None:
            chosen = chosen.where(name > after)
        with reading(self._database) as connection:
            now = clock(connection)
            return [_view(row, now) for row in connection.execute(chosen)]

    def each(self, ended: bool = False) -> Iterator[WorkerView]:
        """All of them, read page by page."""
        after: str | None = None
        while page := self.page(ended, after):
            yield from page
            after = page[-1].name


def state_of(row: Any, now: float) -> str:
    """The state of a worker by its row: one of ``STATES``, or ended."""
    if row.ended_at is not None:
        return "ended"
    if now - row.seen_at > LOST_S:
        return "lost"
    if row.drain:
        return "draining"
    if row.rest_code is not None:
        return "resting"
    return "working" if row.running else "idle"


def rest_of(row: Any) -> RestView | None:
    """Why a worker takes no jobs for now, by its row; ``None`` while it does."""
    if row.rest_code is None:
        return None
    return RestView(row.rest_code, row.rest_reason, row.rest_since, row.rest_until)


def _view(row: Any, now: float) -> WorkerView:
    state = state_of(row, now)
    return WorkerView(
        name=row.name,
        host=row.host,
        pid=row.pid,
        version=row.version,
        slots=row.slots,
        state=state,
        started_at=row.started_at,
        seen_s_ago=max(0.0, now - row.seen_at),
        done=row.done,
        failed=row.failed,
        running=() if state in {"lost", "ended"} else tuple(row.running),
        breakers=row.breakers,
        unmounted=tuple(row.unmounted),
        url=row.url,
        log_levels=log_levels_at(row.log_levels, now),
        rest=rest_of(row) if state not in {"lost", "ended"} else None,
        work_times=tuple((begin, end) for begin, end in row.work_times),
    )
