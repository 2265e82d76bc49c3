"""What is to be done about once a second beside the work: leases, the wishes of persons, the worker's own row."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tonearm.errors import StorageError
from tonearm.jobs.port import Ledger
from tonearm.jobs.runs import Runs, RunState
from tonearm.jobs.workers import Standing
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
    ) -> Standing:
        """Renew this worker's row, and learn how it stands."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round has found out. ``lost``: jobs in hand that are no longer ours; ``states``: of their runs."""

    lost: frozenset[int] = frozenset()
    states: Mapping[int, RunState] = field(default_factory=dict)
    standing: Standing = Standing.AT_WORK


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
        self._standing = Standing.AT_WORK
        self.done = 0
        self.failed = 0

    def round(self, hands: Sequence[InHand], watched: int | None, unseen: Sequence[bytes]) -> Round:
        """Do what is due. ``watched``: a run whose state matters though nothing of it may be in hand."""
        now = time.monotonic()
        lost = self._renewed(hands, now)
        away = self._books.away_until
        back = away > self._disowned_at and not self._books.owed and not self._books.trouble
        if back or now >= self._beat_at:
            self._beat_at = now + BEAT_S
            heard = self._beat(hands, unseen)
            if back and heard:
                self._disown(hands, away)
        if now >= self._recover_at:
            self._recover_at = now + min(10.0, self._settings.lease_s / 4)
            self._books.change(self._ledger.recover)
        runs = {hand.lease.run for hand in hands} | ({watched} if watched is not None else set())
        states = self._books.ask(lambda: self._runs.states(runs)) if runs else {}
        return Round(lost, states or {}, self._standing)

    def _renewed(self, hands: Sequence[InHand], now: float) -> frozenset[int]:
        stages = {hand.lease.job: hand.stage for hand in hands}
        if not stages or now < self._renew_at:
            return frozenset()
        held = self._books.change(lambda: self._ledger.renew(self._worker, stages))
        if held is None:
            return frozenset()
        self._renew_at = now + min(RENEW_S, self._settings.lease_s / 3)
        return frozenset(stages) - held

    def _disown(self, hands: Sequence[InHand], away: float) -> None:
        """After the server was away: a job may have been given to this worker in an answer that got lost.

        Only to be said by who still has the worker's name: what another start of it has in hand is not ours.
        """
        if self._standing is Standing.REPLACED:
            return
        jobs = [hand.lease.job for hand in hands]
        if self._books.change(lambda: self._ledger.disown(self._worker, jobs)) is not None:
            self._disowned_at = away

    def last_word(self) -> None:
        """Say for the last time what this worker has done."""
        if self._roster is not None and not self._books.trouble:
            with contextlib.suppress(StorageError):
                self._roster.beat([], [], self.done, self.failed)

    def _beat(self, hands: Sequence[InHand], unseen: Sequence[bytes]) -> bool:
        """Say what this worker does, and note how it stands; returns whether that is known."""
        roster = self._roster
        if roster is None:
            return True
        hand = [
            {
                "job": hand.lease.job,
                "path": to_document(whole_path(hand.lease)),
                "stage": hand.stage,
                "for_s": round(time.monotonic() - hand.since, 1),
            }
            for hand in hands
        ]
        standing = self._books.change(lambda: roster.beat(hand, unseen, self.done, self.failed))
        self._standing = standing or self._standing
        return standing is not None
