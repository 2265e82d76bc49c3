"""Opens the file of a job and sends it to a child, or ends the attempt if it can't be opened."""

import os

from tonearm.events.event import Announce
from tonearm.events.facts import JobStarted, Warned
from tonearm.events.states import WarningCode
from tonearm.jobs.failures import NOT_MOUNTED
from tonearm.jobs.job import Lease
from tonearm.worker.attempt_recorder import AttemptRecorder
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.pending_writes import PendingWrites
from tonearm.worker.safe_open import CannotOpen, open_inside

UNMOUNTED_DELAY_S = 5.0
"""Seconds before a job whose folder is not mounted here may be taken again."""

UNMOUNTED = "its folder is not mounted here"


class Dispatcher:
    """Sends jobs to idle children."""

    def __init__(
        self,
        mount_guard: MountGuard,
        pending_writes: PendingWrites,
        recorder: AttemptRecorder,
        announce: Announce,
    ) -> None:
        self._mount_guard = mount_guard
        self._pending_writes = pending_writes
        self._recorder = recorder
        self._announce = announce

    def dispatch(self, child: ChildProcess, lease: Lease) -> None:
        """Open the file of a job and send it to an idle child.

        If the folder is not mounted here, the job is given back; if the file is gone, the job is cancelled; if it can't
        be opened, the attempt has failed. In these cases the child stays idle.
        """
        if self._mount_guard.covers(lease.root_id, lease.path):  # another job of the same batch found it
            self._recorder.given_back(lease, UNMOUNTED, UNMOUNTED_DELAY_S)
            return
        root = self._mount_guard.local_path(lease.root)
        try:
            descriptor, status = open_inside(root, lease.path)
        except CannotOpen as error:
            self._could_not_open(lease, error)
            return
        child.send_file(lease, os.path.join(root, lease.path), descriptor, status)
        self._announce(JobStarted(lease.ref, child.process.pid))

    def _could_not_open(self, lease: Lease, error: CannotOpen) -> None:
        if error.maybe_unmounted and not self._is_mounted(lease):
            self._recorder.given_back(lease, UNMOUNTED, UNMOUNTED_DELAY_S)
        elif error.gone:
            self._recorder.cancelled(lease, error.failure)
        else:
            self._recorder.failed(lease, error.failure, 0.0, {})

    def _is_mounted(self, lease: Lease) -> bool:
        """Whether a file's folder is mounted here; ``False`` also while the database can't be read."""
        mounted = self._pending_writes.read(
            lambda: self._mount_guard.is_mounted(lease.root_id, lease.root, lease.path)
        )
        if mounted is False:
            root = self._mount_guard.local_path(lease.root)
            self._announce(Warned(WarningCode.NOT_MOUNTED, NOT_MOUNTED, root))
        return mounted is True
