"""Progress as plain lines, for output that is not a terminal."""

import sys
import time
from collections.abc import Mapping

from tonearm.events.event import Event
from tonearm.events.facts import (
    FileMoved,
    FileSkipped,
    JobFinished,
    JobRetrying,
    Listening,
    Remote,
    RunStateChanged,
    ScanFinished,
    ScanStarted,
    Slow,
    Summary,
    Warned,
    WorkerStateChanged,
    WorkloadKnown,
)
from tonearm.events.rests import WorkerResting, WorkerResumed
from tonearm.events.services import BreakerChanged, BrokerStateChanged, StorageStateChanged
from tonearm.events.states import BreakerState, BrokerState, Severity, StorageState
from tonearm.names import printable
from tonearm.progress.live import LiveView
from tonearm.views.formatting import duration, left_out_text, number, outlook_text, plural, resting

EVERY_S = 5.0
SLOW_S = 0.05
"""Files that took less are not listed as slow, because 0.0 s would be shown."""
_LABELS = {Severity.INFO: "note    ", Severity.WARNING: "warning ", Severity.ERROR: "error   "}
_BROKER_LINES = {
    BrokerState.REPUBLISHING: f"{_LABELS[Severity.INFO]} RabbitMQ has lost messages; they are sent again",
    BrokerState.READY: f"{_LABELS[Severity.INFO]} RabbitMQ has the waiting jobs",
}
PARTS = ("done", "partial", "skipped", "failed", "pending")


class PlainLines:
    """Prints a line for each event, and the progress of the run every few seconds."""

    def __init__(self, view: LiveView, progress_only: bool = False) -> None:
        """``progress_only``: the events are shown elsewhere."""
        self._view = view
        self._progress_only = progress_only
        self._printed_at = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Print the lines of an event."""
        for line in () if self._progress_only else lines(event):
            _print(line)
        fact = event.fact if isinstance(event, Remote) else event
        if isinstance(fact, JobFinished) and time.monotonic() - self._printed_at >= EVERY_S:
            self._printed_at = time.monotonic()
            _print(self._progress())

    def _progress(self) -> str:
        return progress_line(self._view)


class WorkerLines(PlainLines):
    """The same for a worker, which serves all runs and has no total. Its rates count only the time it has work."""

    def __init__(self, view: LiveView, progress_only: bool = False) -> None:
        super().__init__(view, progress_only)
        self._worked_s = 0.0
        self._last_event_at: float | None = None

    def __call__(self, event: Event) -> None:
        """Print the lines of an event; the view must have got it before."""
        now = time.monotonic()
        if self._last_event_at is not None:
            self._worked_s += now - self._last_event_at
        self._last_event_at = now if self._view.running else None
        super().__call__(event)

    def _progress(self) -> str:
        view, worked_s = self._view, max(self._worked_s, 1e-3)
        return (
            f"{plural(view.ended, 'file')} so far, {view.failed:,} failed, "
            f"{view.ended / worked_s * 60:.0f} files/min, {view.decoded_s / worked_s:.0f} audio-hours/h"
        )


def progress_line(view: LiveView) -> str:
    """The progress of a run, in one line."""
    files, hours = view.throughput()
    if view.scanning:
        return (
            f"{view.ended:,} files so far, {files:.0f} files/min, {hours:.0f} audio-hours/h, "
            f"{view.failed} failed, {view.to_analyse:,} found to analyse, still scanning"
        )
    return (
        f"{view.ended:,} of {view.total:,} files, {files:.0f} files/min, {hours:.0f} audio-hours/h, "
        f"{view.failed} failed; {outlook_text(view.outlook())}"
    )


def lines(event: Event) -> list[str]:
    """The lines a person sees for an event; they hold no control characters."""
    return [printable(line) for line in _lines(event)]


def _lines(event: Event) -> list[str]:
    match event:
        case ScanStarted():
            return [f"Scanning {printable(event.root)}"]
        case FileSkipped():
            return [f"skipped  {printable(event.path)}: {event.reason}"]
        case Listening():
            return [f"listening on {event.url}"]
        case FileMoved():
            return [f"moved    {printable(event.path)} (was {printable(event.from_path)})"]
        case Warned():
            where = f"{printable(event.path)}: " if event.path is not None else ""
            return [f"{_LABELS[event.severity]} {where}{event.text}"]
        case ScanFinished():
            return [scan_line(event), *_left_out(event.left_out)]
        case WorkloadKnown():
            if not event.files:
                return ["Nothing new to analyse"]
            return [
                f"Analysing {plural(event.files, 'file')}, {event.slots:,} at a time (run {event.run})"
                + (f"; {event.ended:,} done meanwhile" if event.ended else "")
            ]
        case JobFinished():
            return finished_lines(event)
        case JobRetrying():
            return [
                f"again    {printable(event.job.path)}: {event.reason}; next try in {event.delay_s:.1f} s"
            ]
        case BreakerChanged():
            return _breaker_lines(event)
        case BrokerStateChanged():
            return [_BROKER_LINES.get(event.state) or f"{_LABELS[Severity.WARNING]} {event.reason}"]
        case StorageStateChanged(StorageState.AVAILABLE):
            return [f"{_LABELS[Severity.INFO]} the database can be used again"]
        case RunStateChanged() | WorkerStateChanged() | StorageStateChanged():
            return [f"{event.state}{_because(event.reason)}"]
        case WorkerResting():
            return [f"{resting(event.reason, event.until)}; `--now` works at once"]
        case WorkerResumed():
            return [f"working again after {duration(event.rested_s)} of rest"]
        case Remote():
            return _lines(event.fact)
        case _:
            return []


def _breaker_lines(event: BreakerChanged) -> list[str]:
    """When a server is no longer called, and when it is again; the trials in between change nothing for a person."""
    match event.before, event.after:
        case BreakerState.CLOSED, BreakerState.OPEN:
            text = f"{event.service} is called only every few seconds for now: {event.reason}"
            return [f"{_LABELS[Severity.WARNING]} {text}"]
        case _, BreakerState.CLOSED:
            return [f"{_LABELS[Severity.INFO]} {event.service} answers again"]
        case _:
            return []


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def scan_line(event: ScanFinished) -> str:
    """What a scan found."""
    parts = [
        f"{getattr(event, name):,} {name}"
        for name in ("new", "changed", "moved", "unchanged", "missing", "skipped")
        if getattr(event, name)
    ]
    return (
        f"Found {plural(event.discovered, 'file')} in {event.elapsed_s:.1f} s: {', '.join(parts) or 'none'}"
    )


def _left_out(counts: Mapping[str, int]) -> list[str]:
    return [left_out_text(counts)] if counts else []


def finished_lines(event: JobFinished) -> list[str]:
    """The outcome of a file, with advice if it failed."""
    path = printable(event.job.path)
    if event.state == "quarantined":
        return [f"failed   {path}: {event.reason}", f"         {event.advice}"]
    tempo = "no tempo" if event.bpm is None else f"{number(event.bpm)} BPM"
    found = f"{tempo}, {event.key or 'no key'}" if event.decoded_s else "known already"
    line = f"{event.state:8} {path}: {found} ({event.run_s:.1f} s)"
    return [line, f"         {event.reason}"] if event.reason else [line]


def summary_lines(summary: Summary, shared: bool = False, left: str = "") -> list[str]:
    """The summary of a run: the counts, the slowest files, and how to continue.

    ``shared``: other workers continue with the files that are left. ``left``: who else does, if not they.
    """
    speed = summary.decoded_s / summary.elapsed_s if summary.elapsed_s else 0.0
    text = []
    if summary.cancelled:
        text.append(f"Run {summary.run} was cancelled; what it had not analysed by then counts as skipped.")
    text += [
        f"{summary.discovered:,} discovered = "
        + " + ".join(f"{getattr(summary, part):,} {part}" for part in PARTS),
        f"{duration(summary.elapsed_s)} elapsed, {duration(summary.decoded_s)} of audio decoded"
        + (f" ({speed:.0f} × real time)" if summary.decoded_s else ""),
    ]
    slowest = [_slow(slow) for slow in summary.slowest[:3] if slow.elapsed_s >= SLOW_S]
    if slowest:
        text.append(f"Slowest: {', '.join(slowest)}")
    text += _left_out(summary.left_out)
    if summary.unread:
        text.append(f"{plural(summary.unread, 'path')} could not be read: see the warnings.")
    if summary.failed or summary.partial:
        text.append("`tonearm failures` lists what went wrong and what to do.")
    if left:
        text.append(left)
    elif summary.pending and shared:
        text.append(
            f"{plural(summary.pending, 'file')} left; nothing is lost. Workers continue run {summary.run}: "
            "`tonearm status` shows it, `tonearm runs` can pause and cancel it."
        )
    elif summary.pending:
        text.append(f"{plural(summary.pending, 'file')} left; nothing is lost. `tonearm analyze` continues.")
    return text


def _slow(slow: Slow) -> str:
    return f"{printable(slow.path.rsplit(b'/', 1)[-1])} ({slow.elapsed_s:.1f} s)"


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
