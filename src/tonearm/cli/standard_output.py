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


class OutputFailed(ReaderGone):
    """Standard output can't be written, for example because the disk is full."""


class Output(io.TextIOWrapper):
    """Raises ReaderGone once, at the first write that fails; later writes are dropped."""

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return super().write(text)
        except OSError as error:
            self._failed(error)
            return len(text)

    def flush(self) -> None:
        """Send what was written."""
        try:
            super().flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> None:
        self._drop()
        if isinstance(error, BrokenPipeError):
            raise ReaderGone
        raise OutputFailed(f"standard output can't be written: {error.strerror}") from None

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


class Errors(Output):
    """Drops what is written after a write has failed, without an exception."""

    def _failed(self, error: OSError) -> None:  # noqa: ARG002  the same for every error
        self._drop()


@contextmanager
def watched_output() -> Iterator[None]:
    """Have standard output raise ReaderGone after its reader has ended, at the latest when this context ends.

    Characters that the terminal's encoding lacks are escaped.
    """
    open_missing()
    sys.stderr = _replaced(sys.stderr, Errors)
    sys.stdout = _replaced(sys.stdout, Output)
    sys.__stdout__ = sys.stdout  # type: ignore[misc,assignment]  # shutil gets the terminal's width from it
    try:
        yield
    finally:
        if isinstance(sys.stdout, Output):
            sys.stdout.flush()


def _replaced(plain: TextIO, kind: type[Output]) -> TextIO:
    if not isinstance(plain, io.TextIOWrapper):  # something that collects it
        return plain
    lines, at_once = plain.line_buffering, plain.write_through
    encoding = plain.encoding
    return kind(plain.detach(), encoding, "backslashreplace", line_buffering=lines, write_through=at_once)


def open_missing() -> None:
    """Open the null device in place of standard input, output and error that are closed.

    Otherwise the next file or socket that is opened would get one of their numbers.
    """
    while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(opened, True)
    os.close(opened)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode))


def while_read(show: Subscriber, stop: StopSwitch) -> Subscriber:
    """Show events until the output can't be written any more; then request a stop, as Ctrl-C does."""

    def show_event(event: Event) -> None:
        try:
            show(event)
        except ReaderGone as error:
            report(f"{str(error) or 'the reader of the output has ended'}: stopping")
            stop.request()

    return show_event
