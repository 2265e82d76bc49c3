"""Learns what other workers do in a run, and tells it as the events they announced at home.

The database says what ended, what waits and who has what in hand; the live view, where it knows of a file,
says how far that is. A look costs a few bounded queries, however long the run is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tonearm.errors import ServiceAway
from tonearm.events.facts import Event, JobFinished, JobRetrying, JobReturned, JobStarted, StageReached
from tonearm.jobs.failures import INTERRUPTED
from tonearm.jobs.job import JobState
from tonearm.jobs.job_sql import clock
from tonearm.library.database import Database
from tonearm.progress.finished_jobs import ENDED, LIMIT, FinishedJobsCursor
from tonearm.progress.port import RunningFile
from tonearm.progress.remote_jobs import Attempt, JobRow, in_hand, job_rows, retrying, tempo_and_key

ELSEWHERE = "elsewhere"
"""The worker, where it is not known which."""


class MountGuard(Protocol):
    """Where it can be seen how far files are: the live view, or a Glance at it."""

    def running(self) -> tuple[RunningFile, ...]:
        """What all workers have in hand. May raise ServiceAway."""


@dataclass(slots=True)
class _Known:
    """An attempt of another worker that was told of. ``noted``: its stage in the database, which lags behind."""

    attempt: Attempt
    path: bytes
    noted: str = "start"
    stage: str = "start"
    fraction: float | None = None


class RemoteEvents:
    """Tells what happened since the last look in one run, but for the work of worker ``me``.

    It is also a subscriber for this process's own events: a retry has no worker's name on it in the database.
    """

    def __init__(
        self, database: Database, progress: MountGuard, run: int, me: str, from_now: bool = False
    ) -> None:
        """``from_now``: leave out what ended before the first look."""
        self._database = database
        self._progress = progress
        self._run = run
        self._me = me
        self._finished_jobs = FinishedJobsCursor(run, me, from_now)
        self._known: dict[int, _Known] = {}
        self._retried: dict[int, int] = {}

    @property
    def behind(self) -> bool:
        """Whether more had ended than the last look took in: another is worth while at once."""
        return self._finished_jobs.behind

    def __call__(self, event: Event) -> None:
        """Take note of what this process itself tells."""
        if isinstance(event, JobRetrying) and not event.worker:
            self._retried[event.job] = event.attempt

    def look(self) -> list[Event]:
        """What happened since the last look, endings first.

        Raises:
            StorageError: the database can't be asked now; the next look makes up for it.
        """
        heard = set(self._retried)
        with self._database.read() as connection:
            now = clock(connection)
            ended = self._finished_jobs.look(connection, now)
            hands = in_hand(connection, self._run, self._me, LIMIT)
            waiting = retrying(connection, self._run, LIMIT)
            failed = {job for job, attempt in waiting.items() if self._retried.get(job, 0) < attempt}
            changed = {job for job in hands.keys() | self._known.keys() if self._is_other(job, hands)}
            rows = job_rows(connection, {finished.job for finished in ended} | failed | changed)
            audio = {row.audio for row in rows.values() if row.audio is not None and row.decoded_s}
            found = tempo_and_key(connection, audio)
        self._finished_jobs.tell()
        events: list[Event] = [_finished(rows[finished.job], found) for finished in ended]
        for job in sorted(changed & self._known.keys()):
            events += self._gone(self._known[job], rows.get(job), now)
        for job in sorted(failed):
            if self._retried.get(job, 0) < rows[job].attempts:
                events.append(self._retry(rows[job], rows[job].attempts, ELSEWHERE, now))
        if len(waiting) < LIMIT:
            for job in heard - waiting.keys():
                self._retried.pop(job, None)
        events += [self._started(hands[job], rows[job], now) for job in sorted(changed & hands.keys())]
        return events + self._stages(hands)

    def _is_other(self, job: int, hands: Mapping[int, Attempt]) -> bool:
        """Whether an attempt began or is over since the last look."""
        known, now = self._known.get(job), hands.get(job)
        if known is None or now is None:
            return True
        return (known.attempt.number, known.attempt.since) != (now.number, now.since)

    def _gone(self, known: _Known, row: JobRow | None, now: float) -> list[Event]:
        """What became of an attempt that is no longer seen in anybody's hands."""
        attempt = known.attempt
        if row is not None and (row.state, row.run) == (JobState.RUNNING, self._run):
            if (row.attempts, row.worker) == (attempt.number, attempt.worker):
                return []  # there are more in hand than one look takes in
            if row.worker == self._me:
                del self._known[attempt.job]
                return []
        del self._known[attempt.job]
        if row is None or row.run != self._run:
            return [_returned(known, "no longer part of this run", JobState.CANCELLED)]
        if row.state == JobState.CANCELLED:
            return [_returned(known, row.reason or "no longer wanted", JobState.CANCELLED)]
        if row.state in ENDED or self._retried.get(row.id, 0) >= attempt.number:
            return []
        uncharged_attempts = (
            row.uncharged_attempts > attempt.uncharged_attempts and row.code != INTERRUPTED.code
        )
        if uncharged_attempts or row.code is None:
            return [_returned(known, "given back to the queue", JobState.QUEUED)]
        return [self._retry(row, attempt.number, attempt.worker, now)]

    def _retry(self, row: JobRow, attempt: int, worker: str, now: float) -> JobRetrying:
        self._retried[row.id] = attempt
        waits = row.state == JobState.RETRYING and row.not_before is not None
        delay_s = max(0.0, (row.not_before or now) - now) if waits else 0.0
        return JobRetrying(row.id, row.path, row.code or "", row.reason or "", attempt, delay_s, worker)

    def _started(self, attempt: Attempt, row: JobRow, now: float) -> JobStarted:
        self._known[attempt.job] = _Known(attempt, row.path)
        return JobStarted(
            job=row.id,
            path=row.path,
            size=row.size,
            extension=row.extension,
            attempt=attempt.number,
            level=row.level,
            run=row.run,
            worker=attempt.worker,
            elapsed_s=max(0.0, now - attempt.since),
            uncharged_attempts=attempt.uncharged_attempts,
        )

    def _stages(self, hands: Mapping[int, Attempt]) -> list[Event]:
        try:
            seen = {(file.job, file.attempt): file for file in self._progress.running()}
        except ServiceAway:
            seen = {}
        events: list[Event] = []
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
                events.append(StageReached(job, stage, fraction))
        return events


def _finished(row: JobRow, found: Mapping[int, tuple[float | None, str | None]]) -> JobFinished:
    bpm, key = found.get(row.audio or 0, (None, None)) if row.decoded_s else (None, None)
    return JobFinished(
        job=row.id,
        path=row.path,
        state=row.state,
        elapsed_s=row.work_s,
        decoded_s=row.decoded_s,
        size=row.size,
        extension=row.extension,
        code=row.code,
        reason=row.reason,
        advice=row.advice,
        attempts=row.attempts - row.uncharged_attempts,
        bpm=bpm,
        key=key,
        worker=row.worker or ELSEWHERE,
    )


def _returned(known: _Known, reason: str, state: str) -> JobReturned:
    return JobReturned(known.attempt.job, known.path, reason, state, known.attempt.worker)
