"""Records in the database how attempts end: stores results, ends jobs, and postpones jobs that are tried again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, StatementError

from tonearm.errors import Failure
from tonearm.jobs import attempts
from tonearm.jobs.failures import INTERRUPTED_OFTEN, incomplete
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import in_state, reasons
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome, ReadFile, Result
from tonearm.jobs.shared_sounds import part_shared_sounds, queue_unmeasured
from tonearm.library.bulk_write import change, row_batch
from tonearm.library.database_time import database_time
from tonearm.library.features import FeatureTables
from tonearm.library.file_contents import DecodeFacts, FileFacts
from tonearm.library.former_identities import inherit_locks
from tonearm.library.locked_values import locks_of
from tonearm.library.moved_files import link_moved_files
from tonearm.library.one_of import among
from tonearm.library.results import (
    Sound,
    add_findings,
    add_tags,
    file_columns,
    mark_graph_due,
    write_sounds,
)
from tonearm.library.schema import attempt_table, file_table, job_table

Finished = tuple[Lease, Result]

_RUNNING = (
    select(
        job_table.c.id,
        job_table.c.worker,
        job_table.c.attempts,
        job_table.c.uncharged_attempts,
        database_time().label("now"),
    )
    .where(among(job_table.c.id, "jobs"), in_state(JobState.RUNNING))
    .order_by(job_table.c.id)
)
_RUNNING_SKIP_LOCKED = _RUNNING.with_for_update(skip_locked=True)
_RUNNING_WAIT = _RUNNING.with_for_update()
_HOW_IT_ENDED = select(
    job_table.c.state,
    job_table.c.attempts,
    job_table.c.worker,
    job_table.c.code,
    job_table.c.reason,
    job_table.c.advice,
    job_table.c.not_before,
    database_time().label("now"),
).where(job_table.c.id == bindparam("job"))
_FAILED = select(attempt_table.c.code).where(
    attempt_table.c.job_id == bindparam("job"),
    attempt_table.c.number == bindparam("attempt"),
    attempt_table.c.worker == bindparam("by"),
    attempt_table.c.outcome == attempts.Outcome.FAILED,
)


def lock_leased(connection: Connection, leases: Sequence[Lease], wait: bool = True) -> dict[Lease, Any]:
    """Lock and return the job rows of those leases that have not been lost.

    wait: wait for rows that another transaction has locked; otherwise such rows are left out.
    """
    statement = _RUNNING_WAIT if wait else _RUNNING_SKIP_LOCKED
    rows = {row.id: row for row in connection.execute(statement, {"jobs": [lease.job for lease in leases]})}
    return {
        lease: row
        for lease in leases
        if (row := rows.get(lease.job)) is not None
        and (row.worker, row.attempts) == (lease.worker, lease.attempt)
    }


def recorded_outcome(
    connection: Connection, lease: Lease, failure: Failure | None = None
) -> AttemptOutcome | None:
    """How this attempt ended, if an earlier call ended it and only its answer was lost.

    failure: what the attempt is said to have failed of, if it is.
    """
    row = connection.execute(_HOW_IT_ENDED, {"job": lease.job}).one_or_none()
    if row is None:
        return None
    ended = (JobState.DONE, JobState.PARTIAL, JobState.QUARANTINED)
    if (row.attempts, row.worker) == (lease.attempt, lease.worker) and row.state in ended:
        return AttemptOutcome(row.state, Failure(row.code, row.reason, row.advice) if row.code else None)
    named = {"job": lease.job, "attempt": lease.attempt, "by": lease.worker}
    code = connection.execute(_FAILED, named).scalar_one_or_none()
    if failure is None or failure.code != code:
        return None
    if row.state == JobState.CANCELLED:
        return AttemptOutcome(JobState.CANCELLED, failure)
    return AttemptOutcome(JobState.RETRYING, failure, max(0.0, (row.not_before or row.now) - row.now))


def store(
    connection: Connection,
    finished: Sequence[Finished],
    now: float,
    engine: str,
    shared: bool,
    features: FeatureTables,
) -> dict[Lease, AttemptOutcome]:
    """Store results and end their jobs. The caller has locked the rows of the leases."""
    part_shared_sounds(connection, finished, engine, features, now)
    stored = write_sounds(connection, _sounds(finished), now)
    former = {result.audio_hash: result.former_hash for _, result in finished if result.former_hash}
    inherited = {stored[present].audio: before for present, before in former.items()}
    inherit_locks(connection, inherited)
    ordered = [
        (lease, result, stored[result.audio_hash])
        for lease, result in sorted(finished, key=lambda one: one[1].audio_hash)
    ]
    found: dict[int, dict[str, Any]] = {}
    for _, result, known in ordered:
        if result.findings:
            found.setdefault(known.audio, {}).update(result.findings)
    with_files = {known.audio for known in stored.values() if not known.is_new}  # or with lost ones
    mark_graph_due(connection, [audio for audio in found if audio in with_files], now)
    moved = link_moved_files(
        connection,
        {lease.file: known.audio for lease, _, known in ordered if known.audio in with_files},
        now,
    )
    contents = {lease: file_columns(result.file, known.decoded) for lease, result, known in ordered}
    outcomes = {
        lease: _ending(result.file, known.decoded, contents[lease]["complete"], moved.get(lease.file))
        for lease, result, known in ordered
    }
    locks = locks_of(connection, found.keys() & (with_files | inherited.keys()))  # others can't have any
    with row_batch(connection) as batch:
        add_findings(batch, found, now, features, locks)
        add_tags(batch, {lease.file: (lease.taken_at, result.tags) for lease, result, _ in ordered})
        batch.change(
            file_table,
            [
                {
                    "id": lease.file,
                    "audio_id": known.audio,
                    "state": outcomes[lease].state,
                    "engine": engine,
                    "missing_since": None,
                    "graph_due_at": now,
                    **contents[lease],
                    **({} if shared else _status_when_read(result)),
                }
                for lease, result, known in ordered
            ],
        )
        attempts.add_to(
            batch,
            [
                attempts.ended(
                    lease,
                    attempts.Outcome(outcomes[lease].state),
                    now,
                    failure.code if (failure := outcomes[lease].failure) is not None else None,
                    result.work_s,
                    result.timings,
                    result.ended_at,
                )
                for lease, result, _ in ordered
            ],
        )
        batch.change(
            job_table,
            [
                _ended(
                    lease,
                    outcomes[lease].state,
                    now,
                    outcomes[lease].failure,
                    result.work_s,
                    result.decoded.decoded_s if result.decoded else 0.0,
                )
                for lease, result, _ in ordered
            ],
        )
    undecoded = [
        (lease, known.audio)
        for lease, result, known in ordered
        if known.decoded is None and not result.findings
    ]
    queue_unmeasured(connection, undecoded, engine, now)
    return outcomes


def _sounds(finished: Sequence[Finished]) -> list[Sound]:
    """Each sound once, with the outcome of decoding it if a file of it was decoded now."""
    sounds: dict[str, Sound] = {}
    for _, result in finished:
        if result.decoded is not None or result.audio_hash not in sounds:
            sounds[result.audio_hash] = Sound(result.audio_hash, result.sound, result.decoded)
    return list(sounds.values())


def _ending(
    file: FileFacts, decoded: DecodeFacts | None, complete: bool | None, moved_from: bytes | None
) -> AttemptOutcome:
    if decoded is None or complete:
        return AttemptOutcome(JobState.DONE, moved_from=moved_from)
    failure = incomplete(decoded.decoded_s, file.exact_s)
    return AttemptOutcome(JobState.PARTIAL, failure, moved_from=moved_from)


def _status_when_read(result: Result) -> dict[str, int]:
    """Size, time and inode of the file when it was read; not stored in shared libraries, where hosts may differ."""
    return {"size": result.size, "mtime_ns": result.mtime_ns, "inode": result.inode}


def is_data_error(error: Exception) -> bool:
    """Whether the database refused the values, as opposed to failing itself."""
    if isinstance(error, DBAPIError):
        return isinstance(error, IntegrityError | DataError)
    return isinstance(error, StatementError | OverflowError | ValueError)


def end(
    connection: Connection,
    lease: Lease,
    state: JobState,
    now: float,
    failure: Failure | None = None,
    work_s: float = 0.0,
) -> None:
    """End one job."""
    change(connection, job_table, [_ended(lease, state, now, failure, work_s, 0.0)])


def _ended(
    lease: Lease, state: str, now: float, failure: Failure | None, work_s: float, decoded_s: float
) -> dict[str, Any]:
    return {
        "id": lease.job,
        "state": state,
        "finished_at": now,
        "lease_until": None,
        "stage": None,
        "work_s": work_s,
        "decoded_s": decoded_s,
        **reasons(failure),
    }


def postpone(connection: Connection, job: int, until: float, failure: Failure) -> None:
    """Set a job to retrying, with its next attempt due at ``until``."""
    connection.execute(
        update(job_table)
        .where(job_table.c.id == job)
        .values(
            state=JobState.RETRYING,
            not_before=until,
            queued_at=until,
            publish_due_at=until,
            worker=None,
            lease_until=None,
            stage=None,
            **reasons(failure),
        )
    )


def count_child_death(connection: Connection, job: int) -> None:
    """Count an attempt whose child died or had to be killed."""
    connection.execute(
        update(job_table).where(job_table.c.id == job).values(child_deaths=job_table.c.child_deaths + 1)
    )


def quarantine_interrupted(connection: Connection, job: int, file: int, now: float) -> None:
    """Quarantine a file because too many attempts at it were interrupted."""
    connection.execute(
        update(job_table)
        .where(job_table.c.id == job)
        .values(
            state=JobState.QUARANTINED,
            finished_at=now,
            lease_until=None,
            stage=None,
            interruptions=job_table.c.interruptions + 1,
            **reasons(INTERRUPTED_OFTEN),
        )
    )
    set_file_state(connection, file, JobState.QUARANTINED)


def keep_what_was_read(connection: Connection, lease: Lease, read: ReadFile, now: float) -> None:
    """Store the tags and facts of a file that could not be analysed."""
    file = lease.file
    facts: dict[str, Any] = {"id": file}
    if read.audio_hash is not None and read.sound is not None:
        [stored] = write_sounds(connection, [Sound(read.audio_hash, read.sound, None)], now).values()
        facts["audio_id"] = stored.audio
    if read.file is not None:
        facts |= file_columns(read.file, None)
    with row_batch(connection) as batch:
        add_tags(batch, {file: (lease.taken_at, read.tags)})
        if len(facts) > 1:
            batch.change(file_table, [facts])
    has_sound = and_(
        file_table.c.id == file, file_table.c.audio_id.is_not(None)
    )  # others are not in the graph
    connection.execute(update(file_table).where(has_sound).values(graph_due_at=now))


def set_file_state(connection: Connection, file: int, state: str) -> None:
    """Set the state of a file to how its last job ended."""
    connection.execute(update(file_table).where(file_table.c.id == file).values(state=state))
