"""Ends the files of children before they are finished: of those that have ended, take too long, or are not wanted."""

import time

from tonearm.events.event import Announce
from tonearm.events.facts import JobReturned
from tonearm.events.states import ChildEnding
from tonearm.jobs.failures import CANCELLED_BY_PERSON, DEADLINE
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import JobQueue
from tonearm.worker.attempt_recorder import AttemptRecorder
from tonearm.worker.child_process import Assignment, ChildProcess
from tonearm.worker.conversation import Conversation
from tonearm.worker.dispatch import Dispatcher
from tonearm.worker.pool import ChildPool

LEASE_LOST = "its lease was lost; the job is in the queue again, or another worker has it"


class ChildEndings:
    """Removes children from the pool, and records what becomes of their files."""

    def __init__(
        self,
        pool: ChildPool,
        dispatcher: Dispatcher,
        conversation: Conversation,
        recorder: AttemptRecorder,
        queue: JobQueue,
        announce: Announce,
    ) -> None:
        self._pool = pool
        self._dispatcher = dispatcher
        self._conversation = conversation
        self._recorder = recorder
        self._queue = queue
        self._announce = announce

    def ended(self, child: ChildProcess) -> None:
        """Remove a child that has ended; the attempt at its file has failed, other files are not affected."""
        failure = self._pool.remove_ended(child)
        if (one := child.assignment) is not None and not (
            failure is DEADLINE and self._dispatcher.ended_by_deadline(child, one)
        ):
            self._conversation.attempt_failed(child, one, failure)
        child.close()

    def end_overdue(self) -> None:
        """Kill children whose deadline has passed, after it was found out whether the mount of their file answers."""
        for child in self._pool.overdue(time.monotonic()):
            if child.killed:
                self._pool.leave_behind(child)
                self.ended(child)
            elif child.assignment is not None and not child.assignment.is_suspected:
                self._dispatcher.look_at(child.assignment)
            else:
                child.kill(DEADLINE)

    def abandon(self, child: ChildProcess, lease: Lease) -> None:
        """End the child of a job whose lease was lost, because this process slept or could not reach the database."""
        self._pool.end(child, ChildEnding.LEASE_LOST, LEASE_LOST)
        self._queue.acknowledge(lease)
        self._announce(JobReturned(lease.ref, LEASE_LOST))

    def cancel(self, child: ChildProcess, assignment: Assignment) -> None:
        """End the child of a job whose run was cancelled, without finishing the file."""
        work_s = time.monotonic() - assignment.started_at
        self._recorder.cancelled(assignment.lease, CANCELLED_BY_PERSON, work_s)
        self._pool.end(child, ChildEnding.CANCELLED, CANCELLED_BY_PERSON.reason)
