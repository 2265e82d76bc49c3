"""Analyses files again whose results were those of another file, or were dropped before the file was stored."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, select, update

from tonearm.jobs.enqueue import new_correlation_id
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import FILE_VERSIONS, last_jobs, versions_in
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import Result
from tonearm.jobs.runs import count_discovered
from tonearm.library.bulk_write import add
from tonearm.library.features import FeatureTables
from tonearm.library.file_contents import AUDIO_ID
from tonearm.library.former_identities import shared_wrongly
from tonearm.library.one_of import among
from tonearm.library.schema import IS_PRESENT, analysis_table, audio_table, file_table, job_table


def part_shared_sounds(
    connection: Connection,
    finished: Sequence[tuple[Lease, Result]],
    engine: str,
    features: FeatureTables,
    now: float,
) -> None:
    """Drop the results that files with other sounds shared, and queue those that were given them already.

    Files that are not identified anew yet have jobs, or are stale. ``engine``: of files that are.
    """
    for lease, result in finished:
        if result.former_hash is None:
            continue
        audio = shared_wrongly(connection, result.audio_hash, result.former_hash, versions_in(engine))
        if audio is not None:
            _drop_results(connection, audio, features)
            given = select(file_table.c.id).where(
                file_table.c.audio_id == audio,
                file_table.c.id != lease.file,
                file_table.c.engine == engine,
                IS_PRESENT,
            )
            _queue(connection, lease.run, given, now)


def queue_unmeasured(
    connection: Connection, without_results: Sequence[tuple[Lease, int]], engine: str, now: float
) -> None:
    """Queue files again whose sound had results when they were identified, and has none now that they are stored.

    without_results: files that were not decoded, and their sounds, which no stored result is known of.
    """
    if not without_results or not versions_in(engine).keys() - FILE_VERSIONS.keys():
        return
    audios = [audio for _, audio in without_results]
    measured = select(analysis_table.c.audio_id).where(among(analysis_table.c.audio_id, "audios"))
    known = set(connection.execute(measured, {"audios": audios}).scalars())
    for lease, audio in without_results:
        if audio not in known:
            _queue(connection, lease.run, [lease.file], now)


def _drop_results(connection: Connection, audio: int, features: FeatureTables) -> None:
    connection.execute(delete(analysis_table).where(analysis_table.c.audio_id == audio))
    for table in features.tables:
        connection.execute(delete(table).where(table.c[AUDIO_ID] == audio))
    undecoded: dict[str, Any] = {"decoded_s": None, "intact": None, "warnings": []}
    connection.execute(update(audio_table).where(audio_table.c.id == audio).values(**undecoded))


def _queue(connection: Connection, run: int, files: Collection[int] | Select[tuple[int]], now: float) -> None:
    """Queue those files again that have no open job."""
    jobs = connection.execute(
        select(job_table).where(job_table.c.id.in_(last_jobs(files)), job_table.c.finished_at.is_not(None))
    ).all()
    rows = [
        {
            "file_id": job.file_id,
            "run_id": run,
            "state": JobState.QUEUED,
            "level": job.level,
            "level_by": job.level_by,
            "rank": job.rank,
            "queued_at": now,
            "publish_due_at": now,
            "correlation_id": new_correlation_id(),
        }
        for job in jobs
    ]
    if rows:
        add(connection, job_table, rows)
        count_discovered(connection, run, len(rows))
        waiting = update(file_table).where(among(file_table.c.id, "files")).values(state="waiting")
        connection.execute(waiting, {"files": [job.file_id for job in jobs]})
