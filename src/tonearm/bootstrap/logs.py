"""Sets up the log of a process: the logging tree, its levels, and where its lines go."""

import contextlib
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from tonearm.events.report import LOGGER
from tonearm.settings import Settings
from tonearm.telemetry.log_context import LogContext
from tonearm.telemetry.log_facts import FactLog
from tonearm.telemetry.log_file import LogFile
from tonearm.telemetry.log_handler import LogHandler, Sink
from tonearm.telemetry.log_levels import LogLevels
from tonearm.telemetry.log_lines import json_lines, text_lines
from tonearm.telemetry.log_outputs import StandardError
from tonearm.telemetry.log_repeats import Repeats
from tonearm.worker.registration import worker_name

LOG_FILE = Path("log", "tonearm.log")
"""Below the library's folder: the log of a run that shows a bar."""
STANDARD_ERROR = Path("-")


@contextlib.contextmanager
def open_log(settings: Settings, service: str, bar: bool) -> Iterator[FactLog]:
    """Log everything to where the settings say, until the ``with`` block ends; yields what logs facts.

    That are facts, records of libraries, Python's warnings and uncaught exceptions of threads.

    bar: a progress bar is shown on the terminal, so that lines go to a file unless the settings name another place.
    """
    handler = LogHandler(LogContext(service, worker_name(settings)), _sinks(settings, bar))
    handler.addFilter(Repeats())
    levels = LogLevels(settings.log_level, settings.log_levels)
    with _tree(handler, levels), _uncaught():
        yield FactLog(handler, levels)


def _sinks(settings: Settings, bar: bool) -> list[Sink]:
    """Where lines go. Beside a file, standard error gets what a person must see at once, such as why a command ends."""
    terminal = sys.stderr is not None and sys.stderr.isatty()
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and terminal)
    errors = text_lines(terminal) if as_text else json_lines()
    path = settings.log_file
    if path is None and bar:
        path = settings.data_dir / LOG_FILE
    if path is None or path == STANDARD_ERROR:
        return [Sink(StandardError(), errors)]
    lines = text_lines(terminal=False) if settings.log_format == "text" else json_lines()
    if as_text:
        errors = logging.Formatter("tonearm: %(message)s")
    return [
        Sink(LogFile(path, settings.log_file_mb * 1e6), lines),
        Sink(StandardError(), errors, only=LOGGER),
    ]


@contextlib.contextmanager
def _tree(handler: LogHandler, levels: LogLevels) -> Iterator[None]:
    """Have the loggers of the program and of all libraries write to a handler; at the end restore their levels."""
    root, ours = logging.getLogger(), logging.getLogger("tonearm")
    ours.propagate = False
    for logger in (root, ours):
        logger.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger in (root, ours):
            logger.removeHandler(handler)
        levels.restore()
        ours.propagate = True
        handler.close()


@contextlib.contextmanager
def _uncaught() -> Iterator[None]:
    """Log exceptions that end a thread, and those that Python can't raise anywhere."""

    def of_thread(found: threading.ExceptHookArgs) -> None:
        if found.exc_type is not SystemExit:
            name = found.thread.name if found.thread is not None else "a thread"
            _log(
                f"an exception ended the thread {name}", found.exc_type, found.exc_value, found.exc_traceback
            )

    def unraisable(found: "sys.UnraisableHookArgs") -> None:
        text = found.err_msg or "an exception could not be raised"
        _log(text, found.exc_type, found.exc_value, found.exc_traceback)

    before = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = of_thread, unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = before


def _log(
    text: str, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    found = (kind, error if error is not None else kind(), trace)
    logging.getLogger("tonearm").critical(text, exc_info=found)
