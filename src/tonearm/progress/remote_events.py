"""Reads what other workers do in a run, and returns it as the facts that they announced.

Which jobs ended, wait and run is read from the database; how far a running file is, from the live view. Each call
makes a fixed number of bounded queries, however long the run is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tonearm.errors import ServiceUnavailable
from tonearm.events.event import Event
from tonearm.events.facts import JobEvent, JobFinished, JobRetrying, JobReturned, JobStarted, StageReached
from tonearm.events.job_ref import JobRef
from tonearm.jobs.failures import INTERRUPTED, cause_of
from tonearm.jobs.finished_jobs import ENDED, LIMIT, FinishedJobsCursor
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import clock
from tonearm.jobs.remote_jobs import Attempt, JobRow, job_rows, retrying, running, tempo_and_key
from tonearm.library.database import Database
from tonearm.progress.port import RunningFile


class RunningFiles(Protocol):
    """The running files with their progress: the shared live view, or what was last read of it."""

    def running(self) -> tuple[RunningFile, ...]:
        """The running files of all workers. May raise ServiceUnavailable."""


@dataclass(slots=True)
class _Known:
    """An attempt of another worker that was announced. ``noted``: its stage in the database, which lags behind."""

    attempt: Attempt
    job: JobRef
    noted: str = "start"
    stage: str = "start"
    fraction: float | None = None


class RemoteEvents:
    """Finds what happened in one run since the last call of ``look``, without the work of worker ``me``.

    It is also a subscriber for this process's own events, because the database does not say who announced something: a
    job that waits for its retry has no worker's name, and a job of a lost worker has the name of that worker.
    """

    def __init__(
        self, database: Database, progress: RunningFiles | None, run: int, me: str, from_now: bool = False
    ) -> None:
        """``progress``: ``None`` where there is no shared live view. ``from_now``: leave out what ended before."""
        self._database = database
        self._progress = progress
        self._run = run
        self._me = me
        self._finished_jobs = FinishedJobsCursor(run, me, from_now)
        self._known: dict[int, _Known] = {}
        self._retried: dict[int, int] = {}
        self._announced: set[tuple[int, int]] = set()

    @property
    def behind(self) -> bool:
        """Whether more had ended than the last look took in, so that the next look should follow at once."""
        return self._finished_jobs.behind

    def __call__(self, event: Event) -> None:
        """Remember the end of an attempt that this process announced itself."""
        match event:
            case JobRetrying():
                self._retried[event.job.job] = event.job.attempt
            case JobFinished() if event.job.run == self._run and event.job.worker != self._me:
                self._announced.add((event.job.job, event.job.attempt))
            case JobReturned():
                pass
            case _:
                return
        known = self._known.get(event.job.job)
        if known is not None and known.attempt.number == event.job.attempt:
            del self._known[event.job.job]

    def look(self) -> list[JobEvent]:
        """What happened since the last look, jobs that ended first.

        Raises:
            StorageError: the database can't be asked now; the next look returns what this one missed.
        """
        known_retries = set(self._retried)
        with self._database.read() as connection:
            now = clock(connection)
            ended = self._finished_jobs.read(connection, now)
            hands = running(connection, self._run, self._me, LIMIT)
            waiting = retrying(connection, self._run, LIMIT)
            failed = {job for job, attempt in waiting.items() if self._retried.get(job, 0) < attempt}
            changed = {job for job in hands.keys() | self._known.keys() if self._is_other(job, hands)}
            rows = job_rows(connection, {finished.job for finished in ended} | failed | changed)
            audio = {row.audio for row in rows.values() if row.audio is not None and row.decoded_s}
            found = tempo_and_key(connection, audio)
        self._finished_jobs.advance()
        events: list[JobEvent] = []
        for row in (rows[finished.job] for finished in ended):
            if (row.id, row.attempts) in self._announced:
                self._announced.remove((row.id, row.attempts))
            else:
                events.append(_finished(row, found))
        for job in sorted(changed & self._known.keys()):
            events += self._gone(self._known[job], rows.get(job), now)
        for job in sorted(failed):
            if self._retried.get(job, 0) < rows[job].attempts:
                events.append(self._retry(rows[job], rows[job].last_attempt, now))
        if len(waiting) < LIMIT:
            for job in known_retries - waiting.keys():
                self._retried.pop(job, None)
        events += [self._started(hands[job], rows[job], now) for job in sorted(changed & hands.keys())]
        return events + self._stages(hands)

    def _is_other(self, job: int, hands: Mapping[int, Attempt]) -> bool:
        """Whether an attempt began or ended since the last look."""
        known, now = self._known.get(job), hands.get(job)
        if known is None or now is None:
            return True
        return (known.attempt.number, known.attempt.since) != (now.number, now.since)

    def _gone(self, known: _Known, row: JobRow | None, now: float) -> list[JobEvent]:
        """What became of an attempt that no worker has any more."""
        attempt = known.attempt
        if row is not None and (row.state, row.run) == (JobState.RUNNING, self._run):
            if (row.attempts, row.worker) == (attempt.number, attempt.worker):
                return []  # more jobs are running than one look takes in
            if row.worker == self._me:
                del self._known[attempt.job]
                return []
        del self._known[attempt.job]
        if row is None or row.run != self._run:
            return [JobReturned(known.job, "no longer part of this run", JobState.CANCELLED)]
        if row.state == JobState.CANCELLED:
            return [JobReturned(known.job, row.reason or "no longer wanted", JobState.CANCELLED)]
        if row.state in ENDED or self._retried.get(row.id, 0) >= attempt.number:
            return []
        uncharged_attempts = (
            row.uncharged_attempts > attempt.uncharged_attempts and row.code != INTERRUPTED.code
        )
        if uncharged_attempts or row.code is None:
            return [JobReturned(known.job, "given back to the queue", JobState.QUEUED)]
        return [self._retry(row, known.job, now)]

    def _retry(self, row: JobRow, job: JobRef, now: float) -> JobRetrying:
        self._retried[row.id] = job.attempt
        waits = row.state == JobState.RETRYING and row.not_before is not None
        delay_s = max(0.0, (row.not_before or now) - now) if waits else 0.0
        same = row.attempts == job.attempt
        return JobRetrying(
            job=job,
            code=row.code or "",
            reason=row.reason or "",
            delay_s=delay_s,
            run_s=row.work_s if same else 0.0,
            store_s=(row.store_s or 0.0) if same else 0.0,
            timings=row.timings if same else {},
            cause=cause_of(row.code) if row.code else None,
        )

    def _started(self, attempt: Attempt, row: JobRow, now: float) -> JobStarted:
        job = row.ref(
            attempt.number, attempt.worker, attempt.uncharged_attempts, attempt.since - row.queued_at
        )
        self._known[attempt.job] = _Known(attempt, job)
        return JobStarted(job, elapsed_s=max(0.0, now - attempt.since))

    def _stages(self, hands: Mapping[int, Attempt]) -> list[JobEvent]:
        try:
            files = self._progress.running() if self._progress is not None else ()
            seen = {(file.job, file.attempt): file for file in files}
        except ServiceUnavailable:
            seen = {}
        events: list[JobEvent] = []
        for job, attempt in hands.items():
            known, file = self._known[job], seen.get((job, attempt.number))
            stage, fraction = known.stage, known.fraction
            if file is not None:
                stage, fraction = file.stage, file.fraction
            elif attempt.stage not in {known.noted, known.stage}:
                stage, fraction = attempt.stage, None
            known.noted = attempt.stage
            if (stage, fraction) != (known.stage, known.fraction):
                known.stage, known.fraction = stage, fraction
                events.append(StageReached(known.job, stage, fraction))
        return events


def _finished(row: JobRow, found: Mapping[int, tuple[float | None, str | None]]) -> JobFinished:
    bpm, key = found.get(row.audio or 0, (None, None)) if row.decoded_s else (None, None)
    return JobFinished(
        job=row.last_attempt,
        state=row.state,
        run_s=row.work_s,
        store_s=row.store_s or 0.0,
        timings=row.timings,
        decoded_s=row.decoded_s,
        code=row.code,
        reason=row.reason,
        advice=row.advice,
        bpm=bpm,
        key=key,
        codec=row.codec if row.state != JobState.QUARANTINED else None,
        cause=cause_of(row.code) if row.code else None,
    )
