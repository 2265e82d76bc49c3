"""Reports what no fact tells: one line in the log where one is set up, else on standard error."""

import contextlib
import os
import sys

from tonearm.events.event import Event
from tonearm.events.states import Severity

LOGGER = "tonearm.report"
"""The logger of these lines. Its parent ``tonearm`` has handlers exactly while a log is set up."""


def where(error: BaseException) -> str:
    """What was raised and in which line of which file."""
    import traceback  # loaded only where something has failed

    frames = traceback.extract_tb(error.__traceback__)
    line = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{line}"


def report(text: str, severity: Severity = Severity.WARNING, at_once: bool = False) -> None:
    """Write a line. ``at_once``: return after it is written, as the process may end without closing its log."""
    import logging  # loaded only where there is something to report

    handlers = logging.getLogger("tonearm").handlers
    if not handlers:
        with contextlib.suppress(OSError, ValueError):  # it is closed, or its reader has ended
            sys.stderr.write(f"tonearm: {text}\n")
            sys.stderr.flush()
        return
    logging.getLogger(LOGGER).log(logging.getLevelNamesMapping()[severity.name], text)
    if at_once:
        for handler in handlers:
            handler.flush()


def unheard(event: Event) -> None:
    """Announce an event where nothing subscribes: a mistake of this program is reported, the rest is not told."""
    from tonearm.events.facts import Warned  # loaded only where something has happened

    if isinstance(event, Warned) and event.severity is Severity.ERROR:
        report(event.text)
