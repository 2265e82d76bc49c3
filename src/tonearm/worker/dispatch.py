"""Has the file of a job opened and sent to a child, or ends the attempt if it can't be opened."""

import functools
import os
import time
from collections.abc import Mapping
from typing import Any

from tonearm.errors import Failure, Fault
from tonearm.events.event import Announce
from tonearm.events.facts import JobStarted, Warned
from tonearm.events.states import WarningCode
from tonearm.jobs.failures import GONE, NOT_MOUNTED
from tonearm.jobs.lease import Lease
from tonearm.worker.attempt_recorder import AttemptRecorder
from tonearm.worker.child_process import Assignment, ChildProcess
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.opener_pool import LIMIT_S, Openers, OpenFile, Question, look_at
from tonearm.worker.pending_writes import PendingWrites
from tonearm.worker.safe_open import failure_of

UNMOUNTED_DELAY_S = 5.0
"""Seconds before a job whose folder is not mounted here, or does not answer, may be taken again."""

ANSWER_S = 1.0
"""Seconds more than ``LIMIT_S`` until it is known whether a mount answers."""

MAYBE_UNMOUNTED = (GONE.code, Fault.READ_ERROR.code)
"""Codes of failures that a folder which is not mounted may be the reason of."""

UNMOUNTED = "its folder is not mounted here"
UNANSWERING = "its folder does not answer"


class Dispatcher:
    """Sends jobs to idle children."""

    def __init__(
        self,
        openers: Openers,
        mount_guard: MountGuard,
        pending_writes: PendingWrites,
        recorder: AttemptRecorder,
        deadline_base_s: float,
        announce: Announce,
    ) -> None:
        """``deadline_base_s``: the setting."""
        self._openers = openers
        self._mount_guard = mount_guard
        self._pending_writes = pending_writes
        self._recorder = recorder
        self._deadline_base_s = deadline_base_s
        self._announce = announce

    def dispatch(self, child: ChildProcess, lease: Lease) -> None:
        """Have the file of a job opened, and sent to an idle child.

        If the folder is not mounted here or does not answer, the job is given back; if the file is gone, the job is
        cancelled; if it can't be opened, the attempt has failed. In these cases the child becomes idle again.
        """
        if self._mount_guard.covers(lease.root_id, lease.path):  # another job of the same batch found it
            self._recorder.given_back(lease, UNMOUNTED, UNMOUNTED_DELAY_S)
            return
        root = self._mount_guard.local_path(lease.root)
        assignment = child.expect_file(lease, os.path.join(root, lease.path))
        self._openers.open(
            root,
            lease.path,
            self._deadline_base_s,
            child.connection,
            functools.partial(self._opened, child, assignment),
            functools.partial(self._gave_up, child, assignment),
            tags_first=lease.attempt > 1,
            former=lease.former_identity,
        )

    def mount_changed(self, mount: bytes, is_hung: bool) -> None:
        """Note that a mount does not answer, or answers again; its jobs are not taken meanwhile."""
        if is_hung:
            text = f"does not answer within {LIMIT_S:.0f} s; its files wait, at no charge, and others are analysed"
            self._announce(Warned(WarningCode.FOLDER_HANGS, text, mount))
            self._mount_guard.hung(mount)
        else:
            self._announce(Warned(WarningCode.FOLDER_ANSWERS, "answers again", mount))
            self._mount_guard.answers(mount)

    def look_at(self, assignment: Assignment) -> None:
        """Find out whether the mount of a file answers that takes too long; the file is given the time for that."""
        assignment.is_suspected = True
        assignment.deadline = time.monotonic() + LIMIT_S + ANSWER_S
        mount = self._openers.mount_of(assignment.path)

        def known(is_hung: bool) -> None:
            assignment.deadline, assignment.is_hung = time.monotonic(), is_hung
            if is_hung:
                self._hung(assignment)

        question = Question(look_at(mount), lambda _: known(False), lambda: known(True))
        self._openers.ask(assignment.path, question)

    def ended_by_deadline(self, child: ChildProcess, assignment: Assignment) -> bool:
        """Give back the job of a file that took too long because its mount does not answer; ``False`` if it does."""
        lease = assignment.lease
        if not self._mount_guard.covers(lease.root_id, lease.path):
            return False
        child.close_file()
        self._recorder.given_back(lease, UNANSWERING, UNMOUNTED_DELAY_S)
        return True

    def _opened(self, child: ChildProcess, assignment: Assignment, answer: OpenFile | int) -> None:
        if child.assignment is not assignment:  # it has ended, or its lease was lost
            if isinstance(answer, OpenFile):
                answer.close()
        elif isinstance(answer, OpenFile):
            child.file_opened(answer)
            self._announce(JobStarted(assignment.lease.ref, child.process.pid))
        elif failure_of(answer).code in MAYBE_UNMOUNTED:
            self._ask_whether_mounted(child, assignment, failure_of(answer))
        else:
            self._failed(child, assignment, failure_of(answer))

    def _gave_up(self, child: ChildProcess, assignment: Assignment) -> None:
        """Give back the job of a file that was not opened, as its mount does not answer."""
        self._hung(assignment)
        if child.assignment is assignment:
            child.close_file()
            self._recorder.given_back(assignment.lease, UNANSWERING, UNMOUNTED_DELAY_S)

    def _hung(self, assignment: Assignment) -> None:
        lease = assignment.lease
        root = self._mount_guard.local_path(lease.root)
        mount, link = self._openers.mount_of(assignment.path), self._openers.link_in(assignment.path)
        self._mount_guard.remember_hung(mount, lease.root_id, root, link)

    def _ask_whether_mounted(self, child: ChildProcess, assignment: Assignment, failure: Failure) -> None:
        """Ask whether a file's folder is mounted here; it counts as not mounted while the database can't be read."""
        lease = assignment.lease
        question = self._pending_writes.read(
            lambda: self._mount_guard.question(lease.root_id, lease.root, lease.path)
        )
        if question is None:
            self._unmounted(child, assignment)
            return

        def answered(answer: Mapping[str, Any]) -> None:
            if child.assignment is not assignment:
                return
            if self._mount_guard.is_mounted(lease.root_id, lease.root, lease.path, answer):
                self._failed(child, assignment, failure)
            else:
                root = self._mount_guard.local_path(lease.root)
                self._announce(Warned(WarningCode.NOT_MOUNTED, NOT_MOUNTED, root))
                self._unmounted(child, assignment)

        given_up = functools.partial(self._gave_up, child, assignment)
        self._openers.ask(assignment.path, Question(("mounted", question), answered, given_up))

    def _unmounted(self, child: ChildProcess, assignment: Assignment) -> None:
        child.close_file()
        self._recorder.given_back(assignment.lease, UNMOUNTED, UNMOUNTED_DELAY_S)

    def _failed(self, child: ChildProcess, assignment: Assignment, failure: Failure) -> None:
        child.close_file()
        if failure is GONE:
            self._recorder.cancelled(assignment.lease, failure)
        else:
            self._recorder.failed(assignment.lease, failure, 0.0, {})
