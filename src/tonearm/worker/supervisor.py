"""Takes jobs, has child processes analyse them, stores what they found.

One thread, one loop: fill idle slots, wait for an answer or a moment to act, handle it. The loop, in order:

1. asked to stop: take nothing more, let running files finish within the grace, give the rest back;
2. something could not be stored: try again before anything else is taken;
3. give every idle slot the next job;
4. wait until a child speaks, a deadline passes, a retry falls due or a second is over;
5. renew leases and look whether the run was paused or cancelled.
"""

import os
import selectors
import time
from collections.abc import Mapping

from tonearm.errors import Failure, StorageBusy, StorageError, StorageFull, TonearmError
from tonearm.events import (
    Announce,
    JobReturned,
    JobStarted,
    ProcessLost,
    StageReached,
    StateChanged,
    Warned,
)
from tonearm.jobs.failures import CANCELLED_BY_PERSON, DEADLINE, KILLED, NONSENSE, REPLACED
from tonearm.jobs.job import Lease
from tonearm.jobs.port import Ledger, Queue
from tonearm.jobs.runs import Runs, RunState
from tonearm.settings import Settings
from tonearm.worker.books import Books
from tonearm.worker.messages import Garbled, Message
from tonearm.worker.opening import CannotOpen, open_inside
from tonearm.worker.outcome import result_of, told_failure, told_identity, told_stage
from tonearm.worker.settlement import Settlement, whole_path
from tonearm.worker.slot import InHand, Slot
from tonearm.worker.stopping import StopSwitch

TICK_S = 1.0
RENEW_S = 5.0
STARTS = 5
KILLED_STARTS = 50  # somebody outside kills them; that passes


class CannotStart(TonearmError):
    """Analysing processes do not come up on this machine."""


class Supervisor:
    """Works on the open jobs of one run with a bounded number of child processes."""

    def __init__(
        self,
        ledger: Ledger,
        queue: Queue,
        runs: Runs,
        settings: Settings,
        versions: Mapping[str, int],
        worker: str,
        announce: Announce,
        stop: StopSwitch,
    ) -> None:
        self._ledger = ledger
        self._queue = queue
        self._runs = runs
        self._settings = settings
        self._versions = versions
        self._worker = worker
        self._announce = announce
        self._stop = stop
        self._slots: list[Slot] = []
        self._selector = selectors.DefaultSelector()
        self._books = Books(settings.storage_wait_s)
        self._settlement = Settlement(ledger, self._books, announce)
        self._state = RunState.RUNNING
        self._failed_starts = 0
        self._renew_at = 0.0
        self._said_unsealed = False
        self._said_trouble: str | None = None

    def work(self, run: int) -> bool:
        """Work until no job of the run is open, or until asked to stop. Returns whether all is finished.

        Raises:
            StorageError: the database could not be written for longer than ``storage_wait_s``.
            CannotStart: child processes end before they are ready, again and again.
        """
        self._selector.register(self._stop.wakeup, selectors.EVENT_READ, None)
        stopping_since: float | None = None
        looked = time.monotonic()
        try:
            while True:
                now = time.monotonic()
                if self._stop.requests and stopping_since is None:
                    stopping_since = now
                    self._announce(StateChanged(run, "stopping", "finishing or giving back what runs"))
                grace_over = stopping_since is not None and now > stopping_since + self._settings.grace_s
                if self._stop.requests > 1 or grace_over:
                    return False
                self._books.settle()
                waits = self._fill(run) if stopping_since is None and not self._books.owed else False
                self._say_trouble(run)
                if not self._busy() and not self._books.owed and (stopping_since is not None or not waits):
                    return stopping_since is None
                self._listen(now)
                self._end_overdue()
                if now - looked > TICK_S:
                    looked = now
                    self._look_around(run)
        finally:
            self._release()

    def _busy(self) -> bool:
        return any(slot.hand is not None for slot in self._slots)

    def _fill(self, run: int) -> bool:
        """Give idle slots work and start missing ones. Returns whether open work remains to wait for."""
        while True:
            slot = next((slot for slot in self._slots if slot.idle), None)
            if slot is not None and slot.worn:
                self._drop(slot)
                continue
            starting = any(not slot.ready for slot in self._slots)
            if slot is None:
                if len(self._slots) < self._settings.workers and self._wants_more(run):
                    self._start()
                    continue
                return True if starting or self._busy() else self._remains(run)
            lease = self._books.ask(lambda: self._ledger.take(self._worker, run))
            if lease is None:
                return self._remains(run)
            self._dispatch(slot, lease)

    def _wants_more(self, run: int) -> bool:
        """Whether there is work for one more process than are starting or busy."""
        depth = self._books.ask(lambda: self._queue.depth(run))
        starting = sum(not slot.ready for slot in self._slots)
        return depth is not None and sum(depth.queued.values()) + depth.retrying > starting

    def _remains(self, run: int) -> bool:
        """Whether work is open; while the database can't be asked, it may be."""
        depth = self._books.ask(lambda: self._queue.depth(run))
        return depth is None or depth.open > 0

    def _start(self) -> None:
        slot = Slot(self._settings)
        self._slots.append(slot)
        self._selector.register(slot.link, selectors.EVENT_READ, slot)

    def _dispatch(self, slot: Slot, lease: Lease) -> None:
        try:
            descriptor, status = open_inside(lease.root, lease.path)
        except CannotOpen as error:
            self._could_not_open(lease, error)
            return
        slot.give(lease, descriptor, status)
        self._announce(
            JobStarted(
                lease.job,
                whole_path(lease),
                status.st_size,
                lease.extension,
                lease.attempt,
                lease.level.label,
            )
        )

    def _could_not_open(self, lease: Lease, error: CannotOpen) -> None:
        if error.gone:
            self._settlement.cancel(lease, error.failure)
        else:
            self._settlement.fail(lease, error.failure, 0.0, lease.size)

    def _listen(self, now: float) -> None:
        moments = [slot.hand.deadline for slot in self._slots if slot.hand is not None]
        due = min([now + TICK_S / 4, *moments]) - now
        for key, _ in self._selector.select(max(0.0, due)):
            if key.data is None:
                self._stop.heard()
            else:
                self._hear(key.data)

    def _hear(self, slot: Slot) -> None:
        messages = slot.hear()
        if messages is None:
            self._lost(slot)
            return
        try:
            for message in messages:
                self._answer(slot, message)
        except (Garbled, LookupError, TypeError):
            slot.kill(NONSENSE)  # whatever controls it now must not confuse its parent

    def _answer(self, slot: Slot, message: Message) -> None:
        hand = slot.hand
        if "ready" in message:
            slot.ready = True
            self._failed_starts = 0
            if message["unsealed"] and not self._said_unsealed:
                self._said_unsealed = True
                self._announce(Warned(f"files are read without a sandbox: {message['unsealed']}"))
        elif hand is None:
            slot.kill(None)  # nothing was asked
        elif "stage" in message:
            hand.stage, fraction = told_stage(message)
            self._announce(StageReached(hand.lease.job, hand.stage, fraction))
        elif "hash" in message:
            self._identified(slot, hand, message)
        elif "finished" in message:
            self._finished(slot, hand, message)
        elif "failed" in message:
            self._end_attempt(slot, hand, told_failure(message))

    def _identified(self, slot: Slot, hand: InHand, message: Message) -> None:
        digest, declared_s = told_identity(message)
        hand.identity = message
        stored = self._books.ask(lambda: self._ledger.stored(hand.lease, digest)) or frozenset()
        names = [name for name in self._versions if name not in stored]
        slot.analyse(names, declared_s)

    def _finished(self, slot: Slot, hand: InHand, message: Message) -> None:
        work_s = time.monotonic() - hand.since
        if _replaced(hand):
            self._end_attempt(slot, hand, REPLACED)
            return
        result = result_of(hand, message, work_s)
        lease = hand.lease
        slot.let_go()
        self._settlement.store(lease, result)

    def _end_attempt(self, slot: Slot, hand: InHand, failure: Failure) -> None:
        work_s = time.monotonic() - hand.since
        lease, size = hand.lease, hand.status.st_size
        slot.let_go()
        self._settlement.fail(lease, failure, work_s, size)

    def _lost(self, slot: Slot) -> None:
        """A child is gone; what it had in hand is one failed attempt, nothing else is touched."""
        self._selector.unregister(slot.link)
        self._slots.remove(slot)
        failure = slot.post_mortem()
        self._announce(ProcessLost(slot.process.pid, failure.reason))
        if slot.hand is not None:
            self._end_attempt(slot, slot.hand, failure)
        elif not slot.ready:
            self._failed_starts += 1
            if self._failed_starts >= (KILLED_STARTS if failure is KILLED else STARTS):
                raise CannotStart(f"analysing processes do not start: {slot.last_words()}")
        slot.close()

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.overdue(now):
                slot.kill(DEADLINE)

    def _say_trouble(self, run: int) -> None:
        """Announce when storage begins or ceases to fail."""
        trouble = self._books.trouble
        if trouble != self._said_trouble:
            self._said_trouble = trouble
            self._say_state(run, "waiting" if trouble else str(self._state), trouble)

    def _look_around(self, run: int) -> None:
        """Renew leases; follow a person's pause or cancel."""
        stages = {slot.hand.lease.job: slot.hand.stage for slot in self._slots if slot.hand is not None}
        try:
            if stages and time.monotonic() > self._renew_at:
                self._renew_at = time.monotonic() + min(RENEW_S, self._settings.lease_s / 3)
                self._ledger.renew(self._worker, stages)
            state = self._runs.state(run)
        except (StorageFull, StorageBusy):
            return  # asked again a tick later
        if state != self._state:
            self._state = state
            self._say_state(run, str(state), None)
        if state == RunState.CANCELLED:
            for slot in [slot for slot in self._slots if slot.hand is not None]:
                self._abandon(slot)

    def _abandon(self, slot: Slot) -> None:
        """End a child in the middle of a file that nobody wants any more."""
        hand = slot.hand
        if hand is not None:
            self._settlement.cancel(hand.lease, CANCELLED_BY_PERSON)
            slot.let_go()
        self._drop(slot)

    def _drop(self, slot: Slot) -> None:
        self._selector.unregister(slot.link)
        self._slots.remove(slot)
        slot.kill(None)
        slot.close()

    def _say_state(self, run: int, state: str, reason: str | None) -> None:
        self._announce(StateChanged(run, state, reason))

    def _release(self) -> None:
        """End all children, then give back what they had in hand."""
        held = [slot.hand.lease for slot in self._slots if slot.hand is not None]
        for slot in self._slots:
            slot.kill(None)
        for slot in self._slots:
            slot.close()
        self._slots.clear()
        self._selector.close()
        try:
            self._ledger.give_back(held)
        except StorageError:
            return  # the next start takes them back from a worker that is gone
        for lease in held:
            self._announce(JobReturned(lease.job, whole_path(lease), "given back to the queue"))


def _replaced(hand: InHand) -> bool:
    """Whether the path now holds another file, or this one was written to meanwhile."""
    then, now = hand.status, os.fstat(hand.descriptor)
    if (then.st_size, then.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        return True
    try:
        there = os.stat(whole_path(hand.lease), follow_symlinks=False)
    except OSError:
        return False  # moved or deleted: what was measured is still the audio of this file
    return (there.st_dev, there.st_ino) != (then.st_dev, then.st_ino)
