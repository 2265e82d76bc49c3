"""The handler of the logging tree: queues records, and writes them in a thread of its own.

So neither a disk that is full or hangs nor a pipe that nobody reads delays the work. Lines that the queue does not take
are counted, and so are lines that can't be written.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tonearm.events.event import Event
from tonearm.events.queued import QueuedSubscriber
from tonearm.events.report import LOGGER
from tonearm.telemetry.log_context import LogContext

ROOM = 20_000
"""Records in the queue, about 20 MB at most."""
STALLED_S = 1.0
CLOSE_S = 5.0
FLUSH_S = 1.0


class Output(Protocol):
    """Where lines go."""

    @property
    def name(self) -> str:
        """What it is, for messages."""

    def write(self, line: str) -> None:
        """Write a line. Raises OSError."""

    def close(self) -> None:
        """Write nothing more."""


@dataclass(slots=True)
class Sink:
    """An output with the form of its lines.

    only: name of the one logger whose records it gets; ``None``: it gets all. lost: lines that could not be written
    since the last one that was.
    """

    output: Output
    formatter: logging.Formatter
    only: str | None = None
    lost: int = 0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Logged(Event):
    record: logging.LogRecord


class LogHandler(logging.Handler):
    """Writes records to its sinks. ``context`` is added to each record.

    failed: called once with a sentence for each sink that can't be written to. It goes on being tried.
    """

    def __init__(self, context: LogContext, sinks: Sequence[Sink]) -> None:
        super().__init__()
        self.context = context
        self.failed: Callable[[str], None] = lambda _: None
        self._sinks = sinks
        self._dropped = 0
        self._unwritten = 0
        self._queue = QueuedSubscriber(self._deliver, "the log", ROOM, STALLED_S, CLOSE_S, self._broken)

    @property
    def dropped(self) -> int:
        """How many lines the queue did not take."""
        return self._queue.dropped

    @property
    def missing(self) -> int:
        """How many lines the queue did not take, and how many could not be written."""
        return self._queue.dropped + self._unwritten

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record, and return at once."""
        if record.args:  # the arguments may change before the line is written
            record.msg, record.args = record.getMessage(), None
        record.context = self.context
        self._queue.put(_Logged(record))

    def flush(self) -> None:
        """Wait until all records so far are written, at most ``FLUSH_S``."""
        self._queue.flush(FLUSH_S)

    def close(self) -> None:
        """Write what is queued, and end the thread; a sink that hangs is not waited for any longer."""
        if not self._queue.close(time.monotonic()):
            for sink in self._sinks:
                sink.output.close()
        super().close()

    def _deliver(self, event: Event) -> None:
        if isinstance(event, _Logged):
            dropped = self._queue.dropped - self._dropped
            self._dropped += dropped
            for sink in self._sinks:
                if sink.only is None:
                    sink.lost += dropped
                if sink.only in {None, event.record.name}:
                    self._write(sink, event.record)

    def _write(self, sink: Sink, record: logging.LogRecord) -> None:
        try:
            if sink.lost:
                text = f"{sink.lost:,} lines are missing from this log"
                sink.output.write(sink.formatter.format(self._record(logging.WARNING, text)))
                sink.lost = 0
            sink.output.write(sink.formatter.format(record))
            sink.failed = False
        except OSError as error:
            sink.lost += 1
            self._unwritten += 1
            if not sink.failed:
                sink.failed = True
                self._report(sink, error)

    def _report(self, failed: Sink, error: OSError) -> None:
        """Say in the other sinks that one can't be written to, and call ``failed``."""
        text = f"{failed.output.name} can't be written: {error.strerror}; the work goes on, and log lines are lost"
        record = self._record(logging.ERROR, text)
        for sink in self._sinks:
            if sink is not failed:
                with contextlib.suppress(OSError):
                    sink.output.write(sink.formatter.format(record))
        self.failed(text)

    def _broken(self, _: str, error: Exception) -> None:
        """A record that can't be formatted, which is a mistake of whoever logged it."""
        text = f"a log line could not be written: {type(error).__name__}: {error}"
        for sink in self._sinks:
            with contextlib.suppress(OSError):
                sink.output.write(sink.formatter.format(self._record(logging.ERROR, text)))

    def _record(self, level: int, text: str) -> logging.LogRecord:
        record = logging.LogRecord(LOGGER, level, "", 0, text, None, None)
        record.context = self.context
        return record
