"""What every log line of a process tells about the process."""

import os
import socket
import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LogContext:
    """The process that a line comes from, and the run that it carries out.

    service: ``tonearm-worker`` or ``tonearm-analyze``. worker: name under which it takes jobs. correlation_id: that of
    the run, once there is one; before that, and in a process that serves all runs, one of this start of the process.
    """

    service: str
    worker: str
    correlation_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    run: int | None = None
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
