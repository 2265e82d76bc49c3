"""Takes jobs, has child processes analyse them, stores what they found.

One thread, one loop: fill idle slots, wait for an answer or a moment to act, handle it. The loop, in order:

1. asked to stop: take nothing more, let running files finish within the grace, give the rest back;
2. something could not be stored: try again before anything else is taken;
3. give every idle slot the next job;
4. wait until a child speaks, a note comes, a deadline passes or a second is over; hear all that was said, answer
   it with one question to the database, and store all results in one transaction;
5. once a second: renew leases, look whether a run was paused or cancelled, say that this worker lives.

What is there is handled together, and nothing waits for company: many short files make large batches by themselves.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tonearm.errors import Failure, StorageError, TonearmError
from tonearm.events.facts import (
    Announce,
    Event,
    JobFinished,
    JobReturned,
    JobStarted,
    ProcessLost,
    StageReached,
    StateChanged,
    Warned,
)
from tonearm.jobs.failures import CANCELLED_BY_PERSON, DEADLINE, KILLED, NONSENSE, NOT_MOUNTED, REPLACED
from tonearm.jobs.job import Lease, UnmountedPlace
from tonearm.jobs.port import JobQueue, JobStore
from tonearm.jobs.runs import Runs, RunState
from tonearm.jobs.worker_registry import NameTaken, WorkerStatus
from tonearm.settings import Settings
from tonearm.worker.attempt_recorder import AttemptRecorder, whole_path
from tonearm.worker.child_process import CHILD, Assignment, Slot
from tonearm.worker.child_protocol import InvalidReply, Message
from tonearm.worker.child_replies import (
    IdentifiedFile,
    parsed_failure,
    parsed_identity,
    parsed_stage,
    result_of,
)
from tonearm.worker.maintenance import Maintenance, Registration
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.pending_writes import PendingWrites
from tonearm.worker.safe_open import CannotOpen, open_inside, replaced
from tonearm.worker.signals import StopSwitch

TICK_S = 1.0
STARTS = 5
KILLED_STARTS = 50  # somebody outside kills them; that passes
ELSEWHERE_S = 5.0
REST = 20  # times what a fruitless question took
LONGEST_REST_S = 10.0
NOT_HERE = "its folder is not mounted here"
LEFT_BEHIND = "process {} does not end, as what it reads from does not answer; it is left behind"


class CannotStart(TonearmError):
    """Analysing processes do not come up on this machine."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a supervisor works for.

    run: the run whose state is watched and told; ``None`` for a worker that serves all.
    over: asked when there is nothing to take and nothing in hand: is that the end? Told what is unseen.
    meanwhile: called about once a second.
    """

    run: int | None
    over: Callable[[frozenset[UnmountedPlace]], bool]
    meanwhile: Callable[[], None]


class Supervisor:
    """Works on jobs with a bounded number of child processes."""

    def __init__(
        self,
        job_store: JobStore,
        queue: JobQueue,
        runs: Runs,
        settings: Settings,
        versions: Mapping[str, int],
        worker: str,
        mount_guard: MountGuard,
        registration: Registration | None,
        announce: Announce,
        stop: StopSwitch,
        child: Sequence[str] = CHILD,
    ) -> None:
        self._child = child
        self._job_store = job_store
        self._queue = queue
        self._settings = settings
        self._versions = versions
        self._mount_guard = mount_guard
        self._announce = announce
        self._stop = stop
        self._slots: list[Slot] = []
        self._asking: list[tuple[Slot, Assignment, IdentifiedFile]] = []
        self._selector = selectors.DefaultSelector()
        self._pending_writes = PendingWrites(settings.storage_wait_s)
        self._recorder = AttemptRecorder(job_store, queue, self._pending_writes, self._noted)
        self._maintenance = Maintenance(job_store, runs, self._pending_writes, settings, worker, registration)
        self._state = RunState.RUNNING
        self._draining = False
        self._take_at = 0.0
        self._failed_starts = 0
        self._left_behind: list[subprocess.Popen[bytes]] = []
        self._said_unsealed = False
        self._said_trouble: str | None = None

    def work(self, task: Task) -> bool:
        """Work until the task is over, or until asked to stop or drained. Returns whether it is over.

        Raises:
            StorageError: the database could not be written for longer than ``storage_wait_s``.
            CannotStart: child processes end before they are ready, again and again.
            NameTaken: another worker goes by this one's name now.
        """
        self._selector.register(self._stop.wakeup, selectors.EVENT_READ, None)
        stopping_since: float | None = None
        looked = 0.0
        try:
            while True:
                now = time.monotonic()
                if self._stop.requests and stopping_since is None:
                    stopping_since = now
                    self._say_state(task, "stopping", "finishing or giving back what runs")
                grace_over = stopping_since is not None and now > stopping_since + self._settings.grace_s
                if self._stop.requests > 1 or grace_over:
                    return False
                self._pending_writes.settle()
                ending = stopping_since is not None or self._draining
                if ending:
                    self._queue.close()
                else:
                    self._fill()
                self._say_trouble(task)
                if not self._busy() and not self._pending_writes.owed:
                    if ending:
                        return False
                    if self._found_none(now) and self._is_over(task):
                        return True
                self._listen(now)
                self._end_overdue()
                if now - looked > TICK_S:
                    looked = now
                    self._look_around(task)
                    task.meanwhile()
        finally:
            self._release()

    def _noted(self, event: Event) -> None:
        """Count what ended, for this worker's row."""
        if isinstance(event, JobFinished):
            self._maintenance.done += event.state != "quarantined"
            self._maintenance.failed += event.state == "quarantined"
        self._announce(event)

    def _busy(self) -> bool:
        return any(slot.assignment is not None for slot in self._slots)

    def _found_none(self, now: float) -> bool:
        """Whether there was just nothing to take; who takes nothing at all never finds any."""
        return now < self._take_at or not self._settings.workers

    def _is_over(self, task: Task) -> bool:
        """While the database can't be asked, it is not."""
        return bool(self._pending_writes.ask(lambda: task.over(self._mount_guard.unmounted())))

    def _fill(self) -> None:
        """Give idle slots work, and start slots that are missing."""
        for worn in [slot for slot in self._slots if slot.idle and slot.worn]:
            self._drop(worn)
        until = time.monotonic() + TICK_S  # there is more to be done, also when no file can be opened
        while (
            self._settings.workers and self._take_at <= time.monotonic() < until and not self._stop.requests
        ):
            idle = [slot for slot in self._slots if slot.idle]
            if not idle:
                self._start_missing()
                return
            if not (leases := self._take(len(idle))):
                return
            for slot, lease in zip(idle, leases, strict=False):
                self._dispatch(slot, lease)

    def _take(self, room: int) -> Sequence[Lease]:
        """The next jobs, if there are any and the database can be asked."""
        began = time.monotonic()
        leases = self._pending_writes.change(lambda: self._queue.take(self._mount_guard.unmounted(), room))
        if not leases:
            self._rest_from_taking(began)
        return leases or ()

    def _rest_from_taking(self, began: float) -> None:
        """Ask for nothing for a while: the longer it took to learn that there is nothing, the less often."""
        now = time.monotonic()
        self._take_at = now + min(LONGEST_REST_S, max(TICK_S / 2, (now - began) * REST))

    def _start_missing(self) -> None:
        """Start as many processes as there is work for, within the bound. Those left behind count until they end."""
        self._left_behind = [process for process in self._left_behind if process.poll() is None]
        missing = self._settings.workers - len(self._slots) - len(self._left_behind)
        if missing <= 0:
            return
        starting = sum(not slot.ready for slot in self._slots)
        began = time.monotonic()
        wanted = self._pending_writes.ask(
            lambda: self._queue.waiting(self._mount_guard.unmounted(), self._settings.workers)
        )
        if not wanted:
            self._rest_from_taking(began)
        for _ in range(min(missing, (wanted or 0) - starting)):
            self._start()

    def _start(self) -> None:
        slot = Slot(self._settings, self._child)
        self._slots.append(slot)
        self._selector.register(slot.link, selectors.EVENT_READ, slot)

    def _dispatch(self, slot: Slot, lease: Lease) -> None:
        if self._mount_guard.hides(
            lease.root_id, lease.path
        ):  # found out by a job that was taken with this one
            self._recorder.give_back(lease, NOT_HERE, ELSEWHERE_S)
            return
        root = self._mount_guard.here(lease.root)
        try:
            descriptor, status = open_inside(root, lease.path)
        except CannotOpen as error:
            self._could_not_open(lease, error)
            return
        slot.give(lease, os.path.join(root, lease.path), descriptor, status)
        self._announce(
            JobStarted(
                lease.job,
                whole_path(lease),
                status.st_size,
                lease.extension,
                lease.attempt,
                lease.level.label,
                lease.run,
                uncharged_attempts=lease.uncharged_attempts,
            )
        )

    def _could_not_open(self, lease: Lease, error: CannotOpen) -> None:
        if error.in_doubt and not self._sees_its_folder(lease):
            self._recorder.give_back(lease, NOT_HERE, ELSEWHERE_S)
        elif error.gone:
            self._recorder.cancel(lease, error.failure)
        else:
            self._recorder.fail(lease, error.failure, 0.0, lease.size)

    def _sees_its_folder(self, lease: Lease) -> bool:
        """Whether what a file lies in is there; while the database can't say what else should be, it is not."""
        seen = self._pending_writes.ask(lambda: self._mount_guard.sees(lease.root_id, lease.root, lease.path))
        if seen is False:
            self._announce(Warned(NOT_MOUNTED, self._mount_guard.here(lease.root)))
        return seen is True

    def _listen(self, now: float) -> None:
        due = min([now + TICK_S / 4, *(slot.due for slot in self._slots)]) - now
        try:
            for key, _ in self._selector.select(max(0.0, due)):
                if key.data is None:
                    self._stop.heard()
                    self._take_at = 0.0
                else:
                    self._hear(key.data)
            self._answer_identified()
        finally:
            self._recorder.settle()

    def _hear(self, slot: Slot) -> None:
        messages = slot.hear()
        if messages is None:
            self._lost(slot)
            return
        try:
            for message in messages:
                self._answer(slot, message)
        except (InvalidReply, LookupError, TypeError):
            slot.kill(NONSENSE)  # whatever controls it now must not confuse its parent

    def _answer(self, slot: Slot, message: Message) -> None:
        assignment = slot.assignment
        if "ready" in message:
            slot.ready = True
            self._failed_starts = 0
            if message["unsealed"] and not self._said_unsealed:
                self._said_unsealed = True
                self._announce(Warned(f"files are read without a sandbox: {message['unsealed']}"))
        elif assignment is None:
            slot.kill(None)  # nothing was asked
        elif "stage" in message:
            assignment.stage, fraction = parsed_stage(message)
            self._announce(StageReached(assignment.lease.job, assignment.stage, fraction))
        elif "hash" in message:
            self._identified(slot, assignment, message)
        elif "finished" in message:
            self._finished(slot, assignment, message)
        elif "failed" in message:
            self._end_attempt(slot, assignment, parsed_failure(message))

    def _identified(self, slot: Slot, assignment: Assignment, message: Message) -> None:
        assignment.identity = identity = parsed_identity(message)
        self._asking.append((slot, assignment, identity))

    def _answer_identified(self) -> None:
        """Tell the children that have identified their files what is left to be measured."""
        asking = [one for one in self._asking if one[0].assignment is one[1]]
        self._asking.clear()
        if not asking:
            return
        question = [(assignment.lease, identity.hash) for _, assignment, identity in asking]
        known = self._pending_writes.ask(lambda: self._job_store.stored(question)) or [
            frozenset[str]()
        ] * len(asking)
        for (slot, _, identity), stored in zip(asking, known, strict=True):
            slot.analyse([name for name in self._versions if name not in stored], identity.facts.declared_s)

    def _finished(self, slot: Slot, assignment: Assignment, message: Message) -> None:
        work_s = time.monotonic() - assignment.since
        if replaced(assignment.place, assignment.descriptor, assignment.status):
            self._end_attempt(slot, assignment, REPLACED)
            return
        result = result_of(assignment, message, work_s)
        lease = assignment.lease
        slot.let_go()
        self._recorder.store(lease, result)

    def _end_attempt(self, slot: Slot, assignment: Assignment, failure: Failure) -> None:
        work_s = time.monotonic() - assignment.since
        lease, size = assignment.lease, assignment.status.st_size
        slot.let_go()
        self._recorder.fail(lease, failure, work_s, size)

    def _lost(self, slot: Slot) -> None:
        """A child is gone; what it had in hand is one failed attempt, nothing else is touched."""
        self._selector.unregister(slot.link)
        self._slots.remove(slot)
        failure = slot.post_mortem()
        self._announce(ProcessLost(slot.process.pid, failure.reason))
        if slot.assignment is not None:
            self._end_attempt(slot, slot.assignment, failure)
        elif not slot.ready:
            self._failed_starts += 1
            if self._failed_starts >= (KILLED_STARTS if failure is KILLED else STARTS):
                raise CannotStart(f"analysing processes do not start: {slot.last_words()}")
        slot.close()

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for slot in [slot for slot in self._slots if now > slot.due]:
            if slot.killed:
                place = slot.assignment.place if slot.assignment is not None else None
                self._announce(Warned(LEFT_BEHIND.format(slot.process.pid), place))
                self._left_behind.append(slot.process)
                self._lost(slot)
            else:
                slot.kill(DEADLINE)

    def _say_trouble(self, task: Task) -> None:
        """Announce when storage begins or ceases to fail."""
        trouble = self._pending_writes.trouble
        if trouble != self._said_trouble:
            if (trouble is None) != (self._said_trouble is None):
                self._say_state(task, "waiting" if trouble else str(self._state), trouble)
            self._said_trouble = trouble

    def _look_around(self, task: Task) -> None:
        """Follow what a round of upkeep has found: leases that are lost, a person's pause, cancel or drain."""
        assignments = [slot.assignment for slot in self._slots if slot.assignment is not None]
        found = self._maintenance.round(assignments, task.run, self._mount_guard.unmounted_paths())
        state = found.states.get(task.run, self._state) if task.run is not None else self._state
        if state != self._state:
            self._state = state
            self._say_state(task, str(state), None)
        if found.status is WorkerStatus.REPLACED:
            raise NameTaken(
                "another worker has taken the name of this one, which was not heard of for too long; this one ends. "
                "Give each a name of its own with --name"
            )
        if found.status is WorkerStatus.DRAINING and not self._draining:
            self._draining = True
            self._say_state(task, "draining", "finishing what runs, taking no more")
        for slot in [slot for slot in self._slots if slot.assignment is not None]:
            lease = slot.assignment.lease if slot.assignment is not None else None
            if lease is not None and found.states.get(lease.run) == RunState.CANCELLED:
                self._abandon(slot)
            elif lease is not None and lease.job in found.lost:
                self._give_up(slot, lease)

    def _give_up(self, slot: Slot, lease: Lease) -> None:
        """Another worker has the job by now: its lease ran out while this one slept or was cut off."""
        slot.let_go()
        self._drop(slot)
        self._queue.acknowledge(lease)
        self._announce(
            JobReturned(lease.job, whole_path(lease), "taken over by another worker, as its lease ran out")
        )

    def _abandon(self, slot: Slot) -> None:
        """End a child in the middle of a file that nobody wants any more."""
        assignment = slot.assignment
        if assignment is not None:
            self._recorder.cancel(assignment.lease, CANCELLED_BY_PERSON)
            slot.let_go()
        self._drop(slot)

    def _drop(self, slot: Slot) -> None:
        self._selector.unregister(slot.link)
        self._slots.remove(slot)
        slot.kill(None)
        slot.close()

    def _say_state(self, task: Task, state: str, reason: str | None) -> None:
        self._announce(StateChanged(task.run or 0, state, reason))

    def _release(self) -> None:
        """End all children, then give back what they had in hand."""
        held = [slot.assignment.lease for slot in self._slots if slot.assignment is not None]
        for slot in self._slots:
            slot.kill(None)
        for slot in self._slots:
            slot.close()
        self._slots.clear()
        self._selector.close()
        try:
            self._job_store.give_back(held)
        except StorageError:
            return  # they come back when their leases run out, or when this worker starts again
        self._maintenance.last_word()
        for lease in held:
            self._queue.acknowledge(lease)
            self._announce(JobReturned(lease.job, whole_path(lease), "given back to the queue"))
