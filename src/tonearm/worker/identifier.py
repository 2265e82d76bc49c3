"""Has a child tell the identity and the tags of files, for those who do not analyse them."""

import dataclasses
import os
import select
import time
from io import FileIO

from tonearm.settings import Settings
from tonearm.worker.child_process import STARTUP_S, ChildProcess
from tonearm.worker.child_protocol import InvalidReply, Message, encode, send_with_files
from tonearm.worker.child_replies import IdentifiedFile, parsed_identity
from tonearm.worker.opener_process import CPU_MORE_S, allowed_s


class _Ended(Exception):
    """The child has ended, sent something invalid, or taken too long."""


class Identifier:
    """Sends files to one child, which is started with the first file and replaced after one that ended it."""

    def __init__(self, settings: Settings) -> None:
        """``settings``: of the child; it reads as fast as it can."""
        self._settings = dataclasses.replace(settings, read_mb_s=None, cpu_share=1.0)
        self._child: ChildProcess | None = None
        self._messages: list[Message] = []

    def __call__(self, file: FileIO) -> IdentifiedFile | None:
        """The identity and the tags of a file that is open for reading alone; ``None`` if it can't be identified."""
        allowed = allowed_s(self._settings.deadline_base_s, os.fstat(file.fileno()).st_size)
        try:
            child = self._child or self._started()
            send_with_files(child.connection, {"cpu_s": allowed + CPU_MORE_S}, [file.fileno()])
            return self._answer(child, time.monotonic() + allowed)
        except (OSError, InvalidReply, _Ended):
            self.close()
            return None

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child, self._messages = self._child, None, []
        if child is not None:
            child.kill(None)
            child.close()

    def _started(self) -> ChildProcess:
        self._child = child = ChildProcess(self._settings)
        until = time.monotonic() + STARTUP_S
        while "ready" not in self._next(child, until):
            pass
        return child

    def _answer(self, child: ChildProcess, until: float) -> IdentifiedFile | None:
        """What the child says of a file: its identity, or that it has failed."""
        found: IdentifiedFile | None = None
        while True:
            message = self._next(child, until)
            if "hash" in message:
                found = parsed_identity(message)
                child.connection.sendall(encode({"analyse": []}))
            elif "finished" in message:
                return found
            elif "failed" in message:
                return None

    def _next(self, child: ChildProcess, until: float) -> Message:
        """The next message of the child. Raises _Ended."""
        while not self._messages:
            ready, _, _ = select.select([child.connection], [], [], max(0.0, until - time.monotonic()))
            received = child.receive() if ready else None
            if received is None:
                raise _Ended
            self._messages += received
            child.output.lines()  # what it writes to standard error is not kept
        return self._messages.pop(0)
