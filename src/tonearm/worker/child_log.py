"""The log of a child: it is sealed, so its parent writes the lines."""

import logging
from typing import Protocol

LONGEST = 4000
"""Characters of a message."""


class Send(Protocol):
    """Sends a message to the parent."""

    def __call__(self, **message: object) -> None:
        """Send it."""


class ParentHandler(logging.Handler):
    """Sends records to the parent, as messages ``log``, ``logger`` and ``severity``."""

    def __init__(self, send: Send) -> None:
        super().__init__(logging.WARNING)
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record."""
        severity = "error" if record.levelno >= logging.ERROR else "warning"
        self._send(log=self.format(record)[:LONGEST], logger=record.name[:100], severity=severity)


def log_to_parent(send: Send) -> None:
    """Send what is logged from now on, and Python's warnings, to the parent."""
    logging.getLogger().addHandler(ParentHandler(send))
    logging.captureWarnings(True)
