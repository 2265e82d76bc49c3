"""Prints how a call of ``analyze`` ended, and what to do where it found nothing."""

from collections.abc import Sequence
from contextlib import suppress

from tonearm.cli.plain_progress import summary_lines
from tonearm.cli.standard_output import ReaderGone
from tonearm.cli.terminal import say
from tonearm.events.facts import Summary
from tonearm.names import printable
from tonearm.session.session import AnalyzeRequest
from tonearm.settings import Settings
from tonearm.views.formatting import cancelled_files, shell_words


def print_summary(
    summary: Summary,
    settings: Settings,
    request: AnalyzeRequest,
    known: Sequence[bytes],
    cancelled: tuple[int, Sequence[bytes]],
    left: str,
) -> None:
    """Print the summary. ``left``: what is to be said of a run that goes on in another process."""
    with suppress(ReaderGone):  # the exit status still says how the run ended
        for line in summary_lines(summary, settings.database_url is not None, left):
            say(line)
        if not summary.discovered and not summary.unread and not summary.interrupted:
            say(_what_to_do(settings, request, known, cancelled))


def _what_to_do(
    settings: Settings,
    request: AnalyzeRequest,
    known: Sequence[bytes],
    cancelled: tuple[int, Sequence[bytes]],
) -> str:
    """Advice for a call that found no file. ``cancelled``: the files of cancelled runs, and their roots."""
    if request.stale is not None:
        return "No file has stale results: all are from the present analysers."
    if request.paths:
        where = ", ".join(printable(named.path) for named in request.paths)
        return (
            f"There is no music in {where}: no file has one of the extensions "
            f"{', '.join(settings.extensions)} (setting `extensions`) and passes --include and --exclude."
        )
    if cancelled[0]:
        return cancelled_files(*cancelled)
    return f"Nothing is left to analyse. To look for new and changed files: `tonearm analyze {shell_words(known)}`."
