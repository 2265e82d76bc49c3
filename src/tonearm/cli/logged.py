"""The log of a command that works for long: set up before anything else, it also gets why the command ends."""

import contextlib
import logging
import sys
from collections.abc import Iterator

import click

from tonearm.bootstrap.logs import STANDARD_ERROR, open_log
from tonearm.cli import REFUSED
from tonearm.cli.options import warn_of_unknown_variables
from tonearm.cli.standard_output import ReaderGone
from tonearm.errors import TonearmError
from tonearm.events.report import report
from tonearm.events.states import Severity
from tonearm.settings import Settings
from tonearm.telemetry.log_facts import FactLog

BROKEN = 1
"""Exit status after a mistake of this program, as Python's."""


def logs_to_terminal(settings: Settings) -> bool:
    """Whether a log of a command that shows no bar is seen on a terminal."""
    to_file = settings.log_file is not None and settings.log_file != STANDARD_ERROR
    return not to_file and sys.stderr.isatty()


@contextlib.contextmanager
def logged(settings: Settings, service: str, bar: bool = False) -> Iterator[FactLog]:
    """Log what happens until the ``with`` block ends; yields the subscriber that logs facts.

    An error that ends the command is a line of the log, not a text on standard error. bar: a progress bar is shown on
    the terminal.
    """
    with open_log(settings, service, bar) as log:
        warn_of_unknown_variables()
        try:
            yield log
        except TonearmError as error:
            report(str(error), Severity.ERROR)
            raise click.exceptions.Exit(REFUSED) from error
        except (click.ClickException, click.Abort, click.exceptions.Exit, ReaderGone):
            raise
        except Exception as error:
            logging.getLogger("tonearm").critical("a mistake of this program ended it", exc_info=error)
            raise click.exceptions.Exit(BROKEN) from error
