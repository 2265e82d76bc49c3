"""Standard output whose reader may end before the output does: ``tonearm tracks | head``."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tonearm.events.event import Event, Subscriber
from tonearm.events.report import report
from tonearm.worker.signals import StopSwitch

UNREAD = 141
"""The exit status that a shell reports for a program that was ended by SIGPIPE."""


class ReaderGone(Exception):
    """The reader of the output has ended. Not an OSError, because libraries would handle that."""


class Output(io.TextIOWrapper):
    """Raises ReaderGone once, at the first write after its reader has ended; later writes are dropped."""

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self._left()
            return len(text)

    def flush(self) -> None:
        """Send what was written."""
        try:
            super().flush()
        except BrokenPipeError:
            self._left()

    def _left(self) -> None:
        self._drop()
        raise ReaderGone

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class Errors(Output):
    """Drops what is written after the reader has ended, without an exception."""

    def _left(self) -> None:
        self._drop()


@contextmanager
def watched_output() -> Iterator[None]:
    """Have standard output raise ReaderGone after its reader has ended, at the latest when this context ends.

    Characters that the terminal's encoding lacks are escaped.
    """
    sys.stderr = _replaced(sys.stderr, Errors)
    sys.stdout = _replaced(sys.stdout, Output)
    sys.__stdout__ = sys.stdout  # type: ignore[misc,assignment]  # shutil gets the terminal's width from it
    try:
        yield
    finally:
        if isinstance(sys.stdout, Output):
            sys.stdout.flush()


def _replaced(plain: TextIO, kind: type[Output]) -> TextIO:
    if not isinstance(plain, io.TextIOWrapper):  # it is closed
        return plain
    lines, at_once = plain.line_buffering, plain.write_through
    encoding = plain.encoding
    return kind(plain.detach(), encoding, "backslashreplace", line_buffering=lines, write_through=at_once)


def while_read(show: Subscriber, stop: StopSwitch) -> Subscriber:
    """Show events until the reader of the output has ended; then request a stop, as Ctrl-C does."""

    def show_event(event: Event) -> None:
        try:
            show(event)
        except ReaderGone:
            report("the reader of the output has ended: stopping")
            stop.request()

    return show_event
