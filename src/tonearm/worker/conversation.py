"""Handles the messages of children: answers them, and records how attempts end.

For each file a child sends stages; ``tags`` first, if an earlier attempt failed; then ``hash``, when it has identified
the file, which is answered with the analysers to run; then ``finished`` or ``failed``. It may send ``log`` and
``stacks`` at any time. A child that sends anything unexpected is killed.
"""

import time
from collections.abc import Collection

from tonearm.errors import Failure, Fault
from tonearm.events.event import Announce
from tonearm.events.facts import ChildReady, StageReached, Warned
from tonearm.events.messages import ChildMessage
from tonearm.events.states import WarningCode
from tonearm.jobs.failures import INVALID_MESSAGES
from tonearm.jobs.port import JobStore
from tonearm.library.former_identities import FormerIdentity
from tonearm.worker.attempt_recorder import AttemptRecorder
from tonearm.worker.child_process import Assignment, ChildProcess
from tonearm.worker.child_protocol import InvalidReply, Message
from tonearm.worker.child_replies import (
    IdentifiedFile,
    parsed_failure,
    parsed_identity,
    parsed_log,
    parsed_reading,
    parsed_stage,
    read_so_far,
    result_of,
)
from tonearm.worker.pending_writes import PendingWrites
from tonearm.worker.pool import ChildPool
from tonearm.worker.sampling_requests import ChildSampling


class Conversation:
    """The parent's side of the message exchange with all children."""

    def __init__(
        self,
        pool: ChildPool,
        job_store: JobStore,
        pending_writes: PendingWrites,
        recorder: AttemptRecorder,
        analysers: Collection[str],
        announce: Announce,
        sampling: ChildSampling,
    ) -> None:
        """``sampling``: gets the stacks that children send."""
        self._pool = pool
        self._job_store = job_store
        self._pending_writes = pending_writes
        self._recorder = recorder
        self._analysers = analysers
        self._announce = announce
        self._sampling = sampling
        self._identified: list[tuple[ChildProcess, Assignment, IdentifiedFile]] = []
        self._warned_unsealed = False

    def read(self, child: ChildProcess) -> bool:
        """Read and handle the messages of a child; ``False`` when it has ended."""
        messages = child.receive()
        if messages is None:
            return False
        try:
            for message in messages:
                self._handle(child, message)
        except (InvalidReply, LookupError, TypeError):
            child.kill(INVALID_MESSAGES)  # a malicious file may have taken control of it
        return True

    def answer_identified(self) -> None:
        """Send each child that has identified its file the analysers to run: those without a stored result.

        The stored results of all files identified since the last call are read with one query.
        """
        waiting = [one for one in self._identified if one[0].assignment is one[1]]
        self._identified.clear()
        if not waiting:
            return
        files = [(assignment.lease, identity.hash) for _, assignment, identity in waiting]
        former = {
            identity.hash: FormerIdentity(identity.former_hash, identity.file.exact_s)
            for _, _, identity in waiting
            if identity.former_hash is not None
        }
        answer = self._pending_writes.read(lambda: self._job_store.known_results(files, former))
        stored = answer or [frozenset[str]()] * len(waiting)
        for (child, _, identity), names in zip(waiting, stored, strict=True):
            to_run = [name for name in self._analysers if name not in names]
            child.send_analysers(to_run, identity.file.declared_s)

    def attempt_failed(self, child: ChildProcess, assignment: Assignment, failure: Failure) -> None:
        """Record a failed attempt; the child, if it has not ended, becomes idle."""
        work_s = time.monotonic() - assignment.started_at
        lease, timings, identity = assignment.lease, assignment.timings(), assignment.identity
        codec = identity.sound.codec if isinstance(identity, IdentifiedFile) else None
        child.close_file()
        self._recorder.failed(lease, failure, work_s, timings, codec, read_so_far(assignment))

    def _left_out(self, child: ChildProcess, assignment: Assignment, failure: Failure) -> None:
        """Record that a file is of another kind than music."""
        child.close_file()
        self._recorder.cancelled(assignment.lease, failure, time.monotonic() - assignment.started_at)

    def _handle(self, child: ChildProcess, message: Message) -> None:
        assignment = child.assignment
        if "ready" in message:
            self._ready(child, message)
        elif "log" in message:
            self._logged(child, message)
        elif "stacks" in message:
            self._sampling.received(child, message)
        elif assignment is None or assignment.file is None:
            child.kill(None)  # a message while it has no file
        elif "stage" in message:
            stage, fraction = parsed_stage(message)
            assignment.reach(stage)
            self._announce(StageReached(assignment.lease.ref, stage, fraction))
        elif "hash" in message:
            assignment.identity = identity = parsed_identity(message)
            assignment.reach("lookup")
            self._identified.append((child, assignment, identity))
        elif "finished" in message:
            self._finished(child, assignment, message)
        elif "failed" in message:
            failure = parsed_failure(message)
            assignment.read = parsed_reading(message) or assignment.read
            if failure.code == Fault.VIDEO.code:
                self._left_out(child, assignment, failure)
            else:
                self.attempt_failed(child, assignment, failure)
            if failure.code == Fault.OUT_OF_MEMORY.code:
                child.kill(failure)  # it is about to end, and another file must not be there when it does
        elif "tags" in message:
            assignment.read = parsed_reading(message)

    def _logged(self, child: ChildProcess, message: Message) -> None:
        text, logger, severity = parsed_log(message)
        job = child.assignment.lease.ref if child.assignment is not None else None
        for line in text.splitlines():
            if admitted := child.output.admitted(line):
                self._announce(ChildMessage(child.process.pid, admitted, logger, severity, job))

    def _ready(self, child: ChildProcess, message: Message) -> None:
        self._pool.mark_ready(child)
        self._announce(ChildReady(child.process.pid, time.monotonic() - child.started_at))
        if message["unsealed"] and not self._warned_unsealed:
            self._warned_unsealed = True
            text = f"files are read without a sandbox: {message['unsealed']}"
            self._announce(Warned(WarningCode.NO_SANDBOX, text))

    def _finished(self, child: ChildProcess, assignment: Assignment, message: Message) -> None:
        work_s = time.monotonic() - assignment.started_at
        result = result_of(assignment, message, work_s)
        file, lease, timings = child.release_file(), assignment.lease, assignment.timings()

        def checked(failure: Failure | None) -> None:
            if failure is not None:
                self._recorder.failed(lease, failure, work_s, timings, result.sound.codec)
            else:
                self._recorder.finished(lease, result)

        self._recorder.expect(lease)
        if file is not None:
            file.check(checked)
