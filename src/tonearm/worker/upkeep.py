"""What is to be done about once a second beside the work: leases, the wishes of persons, the worker's own row."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tonearm.errors import StorageError
from tonearm.jobs.port import Ledger
from tonearm.jobs.runs import Runs, RunState
from tonearm.names import to_document
from tonearm.settings import Settings
from tonearm.worker.books import Books
from tonearm.worker.settlement import whole_path
from tonearm.worker.slot import InHand

RENEW_S = 5.0
BEAT_S = 2.0


class Roster(Protocol):
    """Where a worker says that it lives."""

    def beat(
        self, hand: Sequence[Mapping[str, Any]], unseen: Sequence[bytes], done: int, failed: int
    ) -> bool:
        """Renew this worker's row; returns whether a person wants it to finish and end."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round has found out. ``lost``: jobs in hand that are no longer ours; ``states``: of their runs."""

    lost: frozenset[int] = frozenset()
    states: Mapping[int, RunState] = field(default_factory=dict)
    drain: bool = False


class Upkeep:
    """Keeps a worker's leases and its row alive."""

    def __init__(
        self,
        ledger: Ledger,
        runs: Runs,
        books: Books,
        settings: Settings,
        worker: str,
        roster: Roster | None,
    ) -> None:
        self._ledger = ledger
        self._runs = runs
        self._books = books
        self._settings = settings
        self._worker = worker
        self._roster = roster
        self._disowned_at = 0.0
        self._renew_at = self._recover_at = self._beat_at = 0.0
        self._drain = False
        self.done = 0
        self.failed = 0

    def round(self, hands: Sequence[InHand], watched: int | None, unseen: Sequence[bytes]) -> Round:
        """Do what is due. ``watched``: a run whose state matters though nothing of it may be in hand."""
        now = time.monotonic()
        lost = self._renewed(hands, now)
        self._disown(hands)
        if now >= self._recover_at:
            self._recover_at = now + min(10.0, self._settings.lease_s / 4)
            self._recover(now)
        if self._roster is not None and now >= self._beat_at:
            self._beat_at = now + BEAT_S
            self._drain = self._beaten(hands, unseen) or self._drain
        runs = {hand.lease.run for hand in hands} | ({watched} if watched is not None else set())
        states = self._books.ask(lambda: self._runs.states(runs)) if runs else {}
        return Round(lost, states or {}, self._drain)

    def _renewed(self, hands: Sequence[InHand], now: float) -> frozenset[int]:
        stages = {hand.lease.job: hand.stage for hand in hands}
        if not stages or now < self._renew_at:
            return frozenset()
        held = self._books.change(lambda: self._ledger.renew(self._worker, stages))
        if held is None:
            return frozenset()
        self._renew_at = now + min(RENEW_S, self._settings.lease_s / 3)
        return frozenset(stages) - held

    def _disown(self, hands: Sequence[InHand]) -> None:
        """After the server was away: a job may have been given to this worker in an answer that got lost."""
        away = self._books.away_until
        if away <= self._disowned_at or self._books.owed or self._books.trouble:
            return
        jobs = [hand.lease.job for hand in hands]
        if self._books.change(lambda: self._ledger.disown(self._worker, jobs)) is not None:
            self._disowned_at = away

    def _recover(self, now: float) -> None:
        """Take back what others lost. Not soon after the server was away: they could not renew either."""
        away = self._books.away_until
        if away and now < away + self._settings.lease_s:
            return
        self._books.change(lambda: self._ledger.recover(None))

    def last_word(self) -> None:
        """Say for the last time what this worker has done."""
        if self._roster is not None and not self._books.trouble:
            with contextlib.suppress(StorageError):
                self._roster.beat([], [], self.done, self.failed)

    def _beaten(self, hands: Sequence[InHand], unseen: Sequence[bytes]) -> bool:
        roster = self._roster
        if roster is None:
            return False
        hand = [
            {
                "job": hand.lease.job,
                "path": to_document(whole_path(hand.lease)),
                "stage": hand.stage,
                "for_s": round(time.monotonic() - hand.since, 1),
            }
            for hand in hands
        ]
        return bool(self._books.change(lambda: roster.beat(hand, unseen, self.done, self.failed)))
