"""Stores the results of finished attempts in as few transactions as possible."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from tonearm.jobs import attempt_outcomes
from tonearm.jobs.attempt_outcomes import Finished
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome, Result
from tonearm.library.database import Database
from tonearm.library.features import FeatureTables

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class ResultWriter:
    """Stores results, all in one transaction unless some can't be stored in it.

    engine: the versions of the analysers. reject: ends the attempt whose result the database refuses.
    """

    database: Database
    engine: str
    features: FeatureTables
    reject: Callable[[Lease, Result, Exception], AttemptOutcome | None]

    def write(
        self, finished: Sequence[Finished], then: Callable[[Connection], AnswerT]
    ) -> tuple[list[AttemptOutcome | None], AnswerT | None]:
        """Store results, and call ``then`` in the same transaction if it stores all of them; returns its answer.

        After a transaction with leases there is no other one, whose failure would hide them from the caller.
        """
        outcomes: dict[Lease, AttemptOutcome | None] = {}
        answer: AnswerT | None = None
        left = list(finished)
        together = True
        while left:
            if together:
                try:
                    stored, answer = self._together(left, then)
                    outcomes |= stored
                except Exception as error:
                    if not attempt_outcomes.is_data_error(error):
                        raise
                    together = False  # one result can't be stored: find it by storing them one at a time
                left = [one for one in left if one[0] not in outcomes]
            if left:
                outcomes[left[0][0]] = self._alone(left[0])
                del left[0]
        return [outcomes[lease] for lease, _ in finished], answer

    def _together(
        self, finished: Sequence[Finished], then: Callable[[Connection], AnswerT]
    ) -> tuple[dict[Lease, AttemptOutcome], AnswerT | None]:
        """Store the results whose leases were not lost and whose rows no other transaction has locked."""
        with self.database.write() as connection:
            rows = attempt_outcomes.lock_leased(connection, [lease for lease, _ in finished], wait=False)
            ours = [(lease, result) for lease, result in finished if lease in rows]
            if not ours:
                return {}, None
            now = rows[ours[0][0]].now
            stored = attempt_outcomes.store(
                connection, ours, now, self.engine, self.database.shared, self.features
            )
            return stored, then(connection) if len(ours) == len(finished) else None

    def _alone(self, finished: Finished) -> AttemptOutcome | None:
        lease, result = finished
        try:
            with self.database.write() as connection:
                rows = attempt_outcomes.lock_leased(connection, [lease])
                if not rows:
                    return attempt_outcomes.recorded_outcome(connection, lease)
                now = rows[lease].now
                return attempt_outcomes.store(
                    connection, [finished], now, self.engine, self.database.shared, self.features
                )[lease]
        except Exception as error:
            if not attempt_outcomes.is_data_error(error):
                raise
            return self.reject(lease, result, error)
