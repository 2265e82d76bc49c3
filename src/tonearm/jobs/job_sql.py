"""Conditions, values and statements on the jobs table that several modules share."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    update,
)

from tonearm.errors import Failure
from tonearm.jobs.failures import CANCELLED_BY_PERSON
from tonearm.jobs.job import JobState, UnmountedPlace
from tonearm.library.content_versions import IDENTITY_VERSION, TAGS_VERSION
from tonearm.library.database_time import database_time
from tonearm.library.roots import below
from tonearm.library.schema import file_table, job_table, run_table

Versions = Mapping[str, int]
FILE_VERSIONS: Versions = {"identity": IDENTITY_VERSION, "tags": TAGS_VERSION}
"""The versions of the identity of the sound, and of the reading of tags."""
WAITING = (JobState.QUEUED, JobState.RETRYING)
IS_OPEN = job_table.c.finished_at.is_(None)
"""Condition: jobs that have not ended. The queue's partial indexes contain only these; the database uses such an index
only for queries that include this condition."""
_CLOCK = select(database_time())


def in_state(state: JobState) -> ColumnElement[bool]:
    """Condition: jobs in one state.

    It is a constant in the statement: where a parameter could decide whether a partial index can be used, SQLite
    compiles the statement again each time it is executed.
    """
    return job_table.c.state == literal_column(f"'{state.value}'")


def engine_text(versions: Versions) -> str:
    """The versions of what is told of a file, and of the analysers, as one text for the files table."""
    analysers = [f"{name}:{version}" for name, version in sorted(versions.items())]
    return " ".join([*[f"{name}:{version}" for name, version in FILE_VERSIONS.items()], *analysers])


def versions_in(engine: str) -> dict[str, int]:
    """The versions that ``engine_text`` has put into a text, by name."""
    pairs = (part.rpartition(":") for part in engine.split())
    return {name: int(version) for name, _, version in pairs}


def former_identity(engine: str | None) -> int | None:
    """The version of the identity in an ``engine_text``, ``None`` if it is the present one or there is no text."""
    version = versions_in(engine).get("identity", 1) if engine else IDENTITY_VERSION
    return None if version == IDENTITY_VERSION else version


def has_results() -> ColumnElement[bool]:
    """Condition: files that are there and were analysed."""
    return and_(
        file_table.c.state.in_((JobState.DONE, JobState.PARTIAL)),
        file_table.c.missing_since.is_(None),
        file_table.c.left_out_since.is_(None),
        file_table.c.moved_to_id.is_(None),
    )


def has_stale_results(engine: str) -> ColumnElement[bool]:
    """Condition: such files with results from other analysers or versions than ``engine`` names."""
    return and_(func.coalesce(file_table.c.engine, "") != engine, has_results())


def has_results_of(analyser: str, version: int | None) -> ColumnElement[bool]:
    """Condition: such files with results of one version of an analyser, or, with ``None``, without any of it."""
    named = literal(" ").concat(func.coalesce(file_table.c.engine, "")).concat(" ")
    if version is None:
        return and_(not_(named.contains(f" {analyser}:", autoescape=True)), has_results())
    return and_(named.contains(f" {analyser}:{version} ", autoescape=True), has_results())


def clock(connection: Connection) -> float:
    """Seconds since 1970 by the database's clock."""
    return connection.execute(_CLOCK).scalar_one()


def cancel_unwanted(connection: Connection, among: ColumnElement[bool], now: float) -> int:
    """Cancel the waiting jobs of cancelled runs among the jobs that match a condition; returns how many."""
    unwanted = select(run_table.c.id).where(run_table.c.state == "cancelled")
    return connection.execute(
        update(job_table)
        .where(among, job_table.c.state.in_(WAITING), IS_OPEN, job_table.c.run_id.in_(unwanted))
        .values(**cancelled(CANCELLED_BY_PERSON, now))
    ).rowcount


def cancelled(failure: Failure, now: float) -> dict[str, Any]:
    """Values of the columns of a waiting job that is cancelled; ``failure``: why."""
    return {
        "state": JobState.CANCELLED,
        "finished_at": now,
        "publish_due_at": None,
        "published_level": None,
        **reasons(failure),
    }


def last_jobs(files: Collection[int] | Select[tuple[int]]) -> Select[tuple[int]]:
    """The id of the newest job of each file."""
    return (
        select(func.max(job_table.c.id)).where(job_table.c.file_id.in_(files)).group_by(job_table.c.file_id)
    )


def of_run(run: int | None) -> ColumnElement[bool]:
    """Condition: jobs of one run, or of all."""
    return true() if run is None else job_table.c.run_id == run


def in_mounted_places(unmounted: Collection[UnmountedPlace]) -> ColumnElement[bool]:
    """Condition on jobs joined with their files: the file lies in none of the unmounted places."""
    hidden = [
        and_(file_table.c.root_id == place.root, below(place.scope))
        if place.scope
        else file_table.c.root_id == place.root
        for place in unmounted
    ]
    return not_(or_(*hidden)) if hidden else true()


def reasons(failure: Failure | None) -> dict[str, Any]:
    """Values of the columns that describe a failure."""
    if failure is None:
        return {"code": None, "reason": None, "advice": None}
    return {"code": failure.code, "reason": failure.reason, "advice": failure.advice}
