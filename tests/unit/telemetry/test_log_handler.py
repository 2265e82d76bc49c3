"""Logging never waits for a place that takes no lines, and says afterwards what is missing."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tonearm.events.report import LOGGER
from tonearm.telemetry import log_handler
from tonearm.telemetry.log_context import LogContext
from tonearm.telemetry.log_file import LogFile
from tonearm.telemetry.log_handler import LogHandler, Output, Sink

PLAIN = logging.Formatter("%(message)s")


class Lines:
    """An output that keeps its lines, and refuses them while ``error`` is set or ``free`` is not."""

    name = "the output"

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.error: OSError | None = None
        self.free = threading.Event()
        self.free.set()

    def write(self, line: str) -> None:
        self.free.wait()
        if self.error is not None:
            raise self.error
        self.lines.append(line)

    def close(self) -> None:
        self.lines.append("(closed)")


@pytest.fixture
def made() -> Iterator[list[LogHandler]]:
    handlers: list[LogHandler] = []
    yield handlers
    for handler in handlers:
        handler.close()


def handler_of(made: list[LogHandler], *outputs: Output, only: str | None = None) -> LogHandler:
    sinks = [Sink(output, PLAIN, only if output is not outputs[0] else None) for output in outputs]
    made.append(LogHandler(LogContext("tonearm-test", "here"), sinks))
    return made[-1]


def log(handler: LogHandler, text: str, *values: object, name: str = "tonearm.x") -> None:
    handler.handle(logging.LogRecord(name, logging.INFO, "", 0, text, values, None))


def test_lines_come_in_their_order_with_values_as_they_were(made: list[LogHandler]) -> None:
    output = Lines()
    handler = handler_of(made, output)
    changing = [1]
    log(handler, "the values %s", changing)
    changing.append(2)
    log(handler, "next")
    handler.flush()
    assert output.lines == ["the values [1]", "next"]


def test_an_output_that_hangs_holds_up_nobody_and_what_it_missed_is_counted(
    made: list[LogHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_handler, "ROOM", 5)
    output = Lines()
    output.free.clear()
    handler = handler_of(made, output)
    began = time.monotonic()
    for number in range(20):
        log(handler, f"{number}")
    assert time.monotonic() - began < 60  # or it would never end
    assert handler.dropped >= 14
    dropped = handler.dropped
    output.free.set()
    handler.flush()
    assert f"{dropped} lines are missing from this log" in output.lines
    assert len(output.lines) == 20 - dropped + 1


def test_a_process_ends_although_its_log_hangs(
    made: list[LogHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_handler, "STALLED_S", 0.1)
    output = Lines()
    output.free.clear()
    handler = handler_of(made, output)
    log(handler, "never written")
    began = time.monotonic()
    handler.close()
    assert time.monotonic() - began < 60  # or it would never end
    output.free.set()


def test_a_full_disk_is_reported_once_and_lines_are_written_again_when_there_is_room(
    made: list[LogHandler],
) -> None:
    full, other = Lines(), Lines()
    full.error = OSError(28, "No space left on device")
    handler = handler_of(made, full, other, only=LOGGER)
    said: list[str] = []
    handler.failed = said.append
    for _ in range(3):
        log(handler, "lost")
    handler.flush()
    text = "the output can't be written: No space left on device; the work goes on, and log lines are lost"
    assert (said, other.lines) == ([text], [text])
    full.error = None
    log(handler, "kept")
    handler.flush()
    assert full.lines == ["3 lines are missing from this log", "kept"]


def test_a_real_full_device_is_reported_too(made: list[LogHandler]) -> None:
    handler = handler_of(made, LogFile(Path("/dev/full"), 1e6))
    said: list[str] = []
    handler.failed = said.append
    log(handler, "lost")
    handler.flush()
    text = "the log file /dev/full can't be written: No space left on device"
    assert said == [f"{text}; the work goes on, and log lines are lost"]


def test_only_reports_are_written_beside_a_file(made: list[LogHandler]) -> None:
    file, errors = Lines(), Lines()
    handler = handler_of(made, file, errors, only=LOGGER)
    log(handler, "an event")
    log(handler, "an error", name=LOGGER)
    handler.flush()
    assert (file.lines, errors.lines) == (["an event", "an error"], ["an error"])


def test_a_record_that_can_not_be_formatted_costs_one_line(made: list[LogHandler]) -> None:
    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            if record.msg == "broken":
                raise KeyError("gone")
            return str(record.msg)

    output = Lines()
    made.append(LogHandler(LogContext("tonearm-test", "here"), [Sink(output, Broken())]))
    log(made[-1], "broken")
    log(made[-1], "whole")
    made[-1].flush()
    assert output.lines == ["a log line could not be written: KeyError: 'gone'", "whole"]
