"""Standard output, whose reader may leave: ``tonearm tracks | head``."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tonearm.events import Announce, Event
from tonearm.worker.stopping import StopSwitch

UNREAD = 141
"""The status a shell gives to a program that was ended by SIGPIPE."""


class ReaderGone(Exception):
    """Nobody reads the output any more. No error of the system, or libraries would make an end of their own of it."""


class Output(io.TextIOWrapper):
    """Raises ReaderGone when its reader has left, once; what is written after that is dropped."""

    def write(self, text: str) -> int:
        """Write a text."""
        try:
            return super().write(text)
        except BrokenPipeError as error:
            self._drop()
            raise ReaderGone from error

    def flush(self) -> None:
        """Send what was written."""
        try:
            super().flush()
        except BrokenPipeError as error:
            self._drop()
            raise ReaderGone from error

    def _drop(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


@contextmanager
def watched_output() -> Iterator[None]:
    """Have standard output tell by ReaderGone that its reader has left, at the latest when this ends."""
    plain = sys.stdout
    if not isinstance(plain, io.TextIOWrapper):  # it is closed
        yield
        return
    lines = plain.line_buffering
    sys.stdout = output = Output(plain.detach(), plain.encoding, plain.errors, line_buffering=lines)
    try:
        yield
    finally:
        output.flush()


def while_read(show: Announce, stop: StopSwitch) -> Announce:
    """Show events as long as somebody reads them; after that ask to stop, as Ctrl-C does."""

    def tell(event: Event) -> None:
        try:
            show(event)
        except ReaderGone:
            sys.stderr.write("tonearm: nobody reads the output any more: stopping\n")
            stop.request()

    return tell
