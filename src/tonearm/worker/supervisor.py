"""The loop of a worker: takes jobs, has child processes analyse the files, stores the results.

A second thread makes its writes, one at a time, so that the loop hears the children meanwhile. One pass of the loop, in
order:

1. If a stop was requested: take no more jobs, let running files finish within ``grace_s``, then give the others back.
2. If a write has ended: acknowledge and announce what was stored, and send the jobs that were taken to idle children.
   Begin the next write that waits, or repeat one that failed because the database could not be used.
3. Unless stopping or draining: end children that are due for recycling, and start children while jobs wait for them.
4. If nothing is being written: read the messages that have arrived meanwhile, and begin to store all results, in one
   transaction, which also takes the next jobs for the idle children. Without results, only take jobs; while the worker
   rests, take none.
5. Announce when the database becomes unavailable or available. Return when there is nothing left to do.
6. Begin or end the sampling of children, if that is wanted. Wait until a child sends a message, a write ends, a wake-up
   arrives, or a quarter of a second is over. Read all messages, and query the stored results of all
   identified files at once.
7. Kill children whose deadline has passed.
8. Once a second: maintenance (leases, heartbeat, paused and cancelled runs).

Results that arrive during a write are stored together by the next one; no result is delayed to enlarge a batch.
"""

import time
from collections.abc import Mapping, Sequence

from tonearm.errors import StorageError
from tonearm.events.event import Announce, Event
from tonearm.events.facts import JobFinished, JobReturned, RunStateChanged, WorkerStateChanged
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import RunState, StorageState, WorkerState
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import JobQueue, JobStore
from tonearm.jobs.runs import Runs
from tonearm.jobs.worker_registry import NameTaken, WorkerStatus
from tonearm.resilience.compute_lock import ComputeLock
from tonearm.resilience.garbage import collected_seldom
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.settings import Settings
from tonearm.worker.attempt_recorder import AttemptRecorder
from tonearm.worker.child_process import CHILD
from tonearm.worker.conversation import Conversation
from tonearm.worker.cpu_budget import CpuBudget
from tonearm.worker.dispatch import Dispatcher
from tonearm.worker.endings import ChildEndings
from tonearm.worker.job_taker import JobTaker
from tonearm.worker.maintenance import Maintenance, Registration
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.opener_pool import Openers
from tonearm.worker.pending_writes import PendingWrites
from tonearm.worker.pool import ChildPool
from tonearm.worker.rest import RestWatch
from tonearm.worker.sampling_requests import ChildSampling
from tonearm.worker.signals import StopSwitch
from tonearm.worker.storing_thread import StoringThread
from tonearm.worker.task import Task

MAINTENANCE_S = 1.0
WAIT_S = 0.25
SETTLE_S = 5.0
"""Maximum seconds to wait for a write at the end; results that are not stored then are measured again later."""
LOOP = "supervisor"
"""Name under which the turns of the loop are noted."""

GIVEN_BACK = "given back to the queue"


class Supervisor:
    """Works on jobs with up to ``settings.workers`` child processes."""

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
        turns: LoopTurns | None = None,
        sampling: ChildSampling | None = None,
        rest: RestWatch | None = None,
        cpu_budget: CpuBudget | None = None,
    ) -> None:
        """``versions``: the current version of each analyser. ``child``: arguments of Python for a child.

        turns: where the turns of the loop are noted. sampling: which children are to sample themselves.
        rest: whether this worker is to leave the machine to others. cpu_budget: how much CPU time it may use.
        """
        self._job_store = job_store
        self._queue = queue
        self._worker = worker
        self._settings = settings
        self._mount_guard = mount_guard
        self._announce, self._stop = announce, stop
        self._turns = turns or LoopTurns()
        self._sampling = sampling or ChildSampling()
        self._rest = rest or RestWatch()
        self._cpu_budget = cpu_budget
        self._computing = ComputeLock()
        storing = StoringThread(self._turns, self._computing)
        self._pending_writes = PendingWrites(settings.storage_wait_s, storing)
        self._recorder = AttemptRecorder(job_store, queue, self._pending_writes, self._count_and_announce)
        self._maintenance = Maintenance(
            job_store, runs, self._pending_writes, settings, worker, registration, announce
        )
        self._pool = ChildPool(settings, child, stop.wakeup, announce)
        self._pool.attend(storing.ended, lambda: None)  # ``flush`` finds out
        self._taker = JobTaker(queue, self._pending_writes, mount_guard, announce)
        self._openers = Openers(
            self._pool.attend,
            self._pool.leave,
            lambda mount, is_hung: self._dispatcher.mount_changed(mount, is_hung),
            follow_links=settings.follow_links,
        )
        self._dispatcher = Dispatcher(
            self._openers,
            mount_guard,
            self._pending_writes,
            self._recorder,
            settings.deadline_base_s,
            announce,
        )
        self._conversation = Conversation(
            self._pool,
            job_store,
            self._pending_writes,
            self._recorder,
            versions,
            announce,
            self._sampling,
        )
        self._endings = ChildEndings(
            self._pool, self._dispatcher, self._conversation, self._recorder, queue, announce
        )
        self._state = RunState.RUNNING
        self._stopping_since: float | None = None
        self._announced_failure: str | None = None
        self._maintained_at = 0.0
        self._draining = self._is_taking = False

    def work(self, task: Task) -> bool:
        """Work until the task is complete, or until stopped or drained. Returns whether it is complete.

        Raises:
            StorageError: the database could not be written for longer than ``storage_wait_s``.
            CannotStart: too many child processes in a row end before they are ready.
            NameTaken: another worker has taken this one's name.
        """
        self._sampling.attend()
        try:
            with collected_seldom(), self._computing.held():
                return self._loop(task)
        finally:
            self._turns.ended(LOOP)
            self._sampling.leave()
            self._release()

    def _loop(self, task: Task) -> bool:
        while True:
            now = time.monotonic()
            self._turns.turned(LOOP)
            if self._must_stop_now(now):
                return False
            self._pending_writes.flush()
            ending = self._stopping_since is not None or self._draining
            if ending and not self._pending_writes.is_writing:  # it may be taking jobs
                self._queue.close()
            elif not ending and self._rest.turn():
                self._leave_machine()
            elif not (ending or self._pending_writes.has_pending):  # no job is taken during a write
                self._start_missing()
            self._store_and_take()
            self._recorder.announce_stored()
            self._announce_storage()
            if not (self._pool.busy or self._openers.is_busy or self._pending_writes.has_pending):
                if ending:
                    return False
                if self._nothing_to_take(now) and self._rest.may_ask() and self._is_over(task):
                    return True
            self._sampling.turn(self._pool.children)
            self._hear()
            self._openers.turn(time.monotonic())
            self._endings.end_overdue()
            if now - self._maintained_at > MAINTENANCE_S:
                self._maintained_at = now
                self._maintain(task)
                task.each_second()

    def _must_stop_now(self, now: float) -> bool:
        """Whether stop was requested twice, or ``grace_s`` has passed since the first request."""
        if self._stop.requests and self._stopping_since is None:
            self._stopping_since = now
            self._announce_worker(WorkerState.STOPPING, "finishing the running files or giving them back")
        if self._stop.requests > 1:
            return True
        return self._stopping_since is not None and now > self._stopping_since + self._settings.grace_s

    def _count_and_announce(self, event: Event) -> None:
        if isinstance(event, JobFinished):
            self._maintenance.count(event)
        self._announce(event)

    def _nothing_to_take(self, now: float) -> bool:
        """Whether the queue was found empty a moment ago. A process with 0 ``workers`` takes no jobs, nor at rest."""
        return self._taker.is_paused(now) or self._rest.resting or not self._settings.workers

    def _is_over(self, task: Task) -> bool:
        """Whether the task is complete; ``False`` while the database does not answer."""
        unmounted = self._mount_guard.unmounted_places()  # a task that goes on may know without the database
        return bool(self._pending_writes.read(lambda: task.is_over(unmounted), shows_use=bool))

    def _start_missing(self) -> None:
        """End children that are due for recycling, and start one for each waiting job, up to ``workers``."""
        self._pool.recycle()
        if (free := self._pool.free_slots) > 0 and self._may_take():
            waiting = self._taker.count_waiting(self._settings.workers)
            self._pool.start(min(free, waiting - self._pool.starting - len(self._pool.idle)))

    def _store_and_take(self) -> None:
        """Store the results that have arrived and take jobs for idle children, unless something is being written."""
        if self._recorder.has_results and not self._pending_writes.has_pending:
            self._hear(0.0)  # a transaction costs the less for each result, the more it stores
        if self._pending_writes.has_pending:
            return
        began = time.monotonic()
        room = len(self._pool.idle) if self._may_take() else 0
        self._is_taking = room > 0

        def taken(leases: Sequence[Lease]) -> None:
            self._taker.announce(leases, time.monotonic() - began)
            self._dispatch(leases)

        if self._recorder.has_results:
            self._recorder.flush(self._mount_guard.unmounted_places(), room, taken)
        elif room > len(self._recorder.recording):  # the others have results, with which jobs are taken
            self._taker.take(room - len(self._recorder.recording), self._dispatch)

    def _may_take(self) -> bool:
        """Whether jobs may be taken now: not while ending or resting, nor after the queue was found empty."""
        if self._is_leaving or not self._settings.workers:
            return False
        return not self._taker.is_paused(time.monotonic()) and not self._maintenance.owes_return

    @property
    def _is_leaving(self) -> bool:
        return bool(self._stop.requests or self._draining or self._rest.resting)

    def _leave_machine(self) -> None:
        """Take nothing and keep no message; after a while keep no idle child either."""
        if not self._pending_writes.is_writing:  # it may be taking jobs
            self._queue.rest()
        if self._rest.is_long:
            self._pool.end_idle()

    def _dispatch(self, leases: Sequence[Lease]) -> None:
        """Send jobs to idle children; give back those for which there is none any more, and all after a stop."""
        children = [] if self._is_leaving else self._pool.idle
        for child, lease in zip(children, leases, strict=False):
            self._dispatcher.dispatch(child, lease)
        for lease in leases[len(children) :]:
            self._recorder.given_back(lease, GIVEN_BACK, 0.0)

    def _hear(self, at_most_s: float = WAIT_S) -> None:
        """Wait for messages or a wake-up, and handle all messages.

        A look that does not wait leaves the wake-up to the wait that follows, which then ends at once: a request to
        stop, for example, is looked at by the next turn.
        """
        look_s = WAIT_S if self._cpu_budget is None else self._cpu_budget.turn(self._pool.children)
        self._openers.send()
        readable, woken = self._pool.wait(min(at_most_s, look_s))
        if woken and at_most_s:
            self._stop.clear_wakeup()
            self._taker.wake()
        for child in readable:
            if not self._conversation.read(child):
                self._endings.ended(child)
            self._computing.give_way()
        self._conversation.answer_identified()

    def _announce_storage(self) -> None:
        """Announce when the database becomes unavailable, and when it is available again."""
        failure = self._pending_writes.failure
        if (failure is None) != (self._announced_failure is None):
            state = StorageState.WAITING if failure else StorageState.AVAILABLE
            self._announce(StorageStateChanged(state, failure))
        self._announced_failure = failure

    def _maintain(self, task: Task) -> None:
        """Run due maintenance, and act on lost leases, changes of the run, and drain."""
        assignments = [assignment for _, assignment in self._pool.busy]
        taking = self._is_taking and self._pending_writes.is_writing
        found = self._maintenance.run_due(
            assignments,
            task.run,
            self._mount_guard.unmounted_paths(),
            None if taking else self._recorder.recording,
        )
        state = found.run_states.get(task.run, self._state) if task.run is not None else self._state
        if state != self._state:
            self._state = state
            self._announce(RunStateChanged(task.run or 0, state))
        if found.worker_status is WorkerStatus.REPLACED:
            raise NameTaken(
                "another worker has taken the name of this one, whose heartbeat was missing for too long; "
                "this one ends. Give each worker its own name with --name"
            )
        if found.worker_status is WorkerStatus.DRAINING and not self._draining:
            self._draining = True
            self._announce_worker(WorkerState.DRAINING, "finishing the running files, taking no more")
        for child, assignment in self._pool.busy:
            if found.run_states.get(assignment.lease.run) == RunState.CANCELLED:
                self._endings.cancel(child, assignment)
            elif assignment.lease.job in found.lost_jobs:
                self._endings.abandon(child, assignment.lease)

    def _announce_worker(self, state: WorkerState, reason: str) -> None:
        self._announce(WorkerStateChanged(self._worker, state, reason))

    def _release(self) -> None:
        """End all children, store what has arrived, then give the other jobs back."""
        now = time.monotonic()
        work_s = {one.lease.job: now - one.started_at for _, one in self._pool.busy}
        leases = [assignment.lease for _, assignment in self._pool.busy]
        self._pool.end_all()
        try:
            self._openers.close()
            self._recorder.flush()
            self._pending_writes.settle(SETTLE_S)
            self._job_store.give_back(leases, work_s=work_s)
        except StorageError:
            return  # they are recovered when their leases expire, or when this worker starts again
        finally:
            self._recorder.announce_stored()
            self._pool.close()
        self._maintenance.send_final_heartbeat()
        for lease in leases:
            self._queue.acknowledge(lease)
            self._announce(JobReturned(lease.ref, GIVEN_BACK, run_s=work_s[lease.job]))
