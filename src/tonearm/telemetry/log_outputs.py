"""Where log lines go: standard error, or a file."""

import io
import os
import select
import sys
from typing import TextIO

WAIT_S = 1.0


class StandardError:
    """Standard error; lines go to its descriptor, so that a reader who does not read holds up no other writer."""

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return "standard error"

    def write(self, line: str) -> None:
        """Write a line. Raises OSError."""
        descriptor = _descriptor(sys.stderr)
        if descriptor is not None:
            write_all(descriptor, (line + "\n").encode("utf-8", "backslashreplace"))
        elif sys.stderr is not None:  # something that shows it above a live display, or collects it
            sys.stderr.write(line + "\n")

    def close(self) -> None:
        """Does nothing, as others use standard error too."""


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno() if isinstance(stream, io.TextIOWrapper) else None
    except io.UnsupportedOperation:
        return None


def write_all(descriptor: int, data: bytes) -> None:
    """Write bytes; where the descriptor does not block, wait ``WAIT_S`` for room. Raises OSError."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            if not select.select([], [descriptor], [], WAIT_S)[1]:
                raise
