"""Progress on a terminal: a bar, rates and the running files; failures and warnings are printed above it."""

import os
import time
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tonearm.cli.plain_progress import lines
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished, Remote, RunStateChanged, WorkerStateChanged
from tonearm.events.rests import WorkerResting, WorkerResumed
from tonearm.events.services import StorageStateChanged
from tonearm.events.states import RunState, StorageState
from tonearm.names import printable
from tonearm.progress.live import LiveView
from tonearm.progress.running import Running
from tonearm.views.formatting import outlook_text, plural

_SAID_BY_OUTLOOK = (RunState.RUNNING, RunState.PAUSED, StorageState.WAITING)
"""States of the run that the line about what is left names by itself."""
ESTIMATE_S = 1.0
_COLOURS = {"failed": "red", "again": "yellow", "warning": "yellow", "partial": "yellow", "skipped": "dim"}


class Screen:
    """The live display; use it as a context manager and as a subscriber."""

    def __init__(self, view: LiveView, console: Console) -> None:
        self._view = view
        self._console = console
        self._outlook = Text()
        self._estimated_at = 0.0
        self._live = Live(console=console, refresh_per_second=5, get_renderable=self._render, transient=True)

    def __enter__(self) -> "Screen":
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        """Print failures, warnings and the like above the display; the display shows everything else."""
        if isinstance(
            event, RunStateChanged | StorageStateChanged | WorkerStateChanged | WorkerResting | WorkerResumed
        ):
            return
        fact = event.fact if isinstance(event, Remote) else event
        if isinstance(fact, JobFinished) and fact.state == "done":
            return
        for line in lines(event):
            text = line.lstrip()
            style = _COLOURS.get(line.split(" ", 1)[0], "")
            self._console.print(Padding(Text(text, style), (0, 0, 0, len(line) - len(text)), expand=False))

    def _render(self) -> Group:
        view = self._view
        scanned = f"Scanning … {plural(view.discovered, 'file')}, {view.to_analyse:,} to analyse"
        if view.scanning and not view.running and not view.ended:
            return Group(Text(scanned, "bold"))
        files, hours = view.throughput()
        head = Table.grid(padding=(0, 1))
        if view.scanning:
            head.add_row(
                Text(scanned, "bold"),
                Text(f"{view.ended:,} so far", "bold"),
                Text(f"{files:.0f} files/min · {hours:.0f} audio-h/h", "cyan"),
            )
            return Group(head, _counts(view), _running_files(view))
        counted = Text(f"{view.ended:,}/{view.total:,}", "bold", no_wrap=True)
        rates = Text(f"{files:.0f} files/min · {hours:.0f} audio-h/h", "cyan", no_wrap=True)
        room = self._console.width - counted.cell_len - rates.cell_len - 2
        bar = ProgressBar(total=max(view.total, 1), completed=view.ended, width=max(8, min(36, room)))
        head.add_row(bar, counted, rates)
        return Group(head, self._left(), _counts(view), _running_files(view))

    def _left(self) -> Text:
        """What is left, estimated anew once a second."""
        if time.monotonic() - self._estimated_at >= ESTIMATE_S:
            self._estimated_at = time.monotonic()
            outlook = self._view.outlook()
            text = outlook_text(outlook)
            if self._view.state not in _SAID_BY_OUTLOOK:
                text = f"{self._view.state} · {text}"
            stopped = outlook.held_up_by is not None and outlook.share is None
            self._outlook = Text(text, "bold yellow" if stopped else "bold green")
        return self._outlook


def _counts(view: LiveView) -> Text:
    return Text.assemble(
        (f"{view.done:,} done", "green"),
        "  ",
        (f"{view.partial:,} partial", "yellow" if view.partial else "dim"),
        "  ",
        (f"{view.failed:,} failed", "red" if view.failed else "dim"),
        "  ",
        (f"{view.reason}" if view.reason else "", "yellow"),
    )


def _running_files(view: LiveView) -> Table:
    running = Table.grid(padding=(0, 1))
    for file in list(view.running.values()):
        running.add_row(*_running_cells(file))
    return running


def _running_cells(file: Running) -> tuple[Text, Text, Text]:
    name = printable(os.path.basename(file.job.path))
    part = f" {file.fraction:.0%}" if file.fraction is not None else ""
    attempt = file.job.charged_attempts
    again = f" (attempt {attempt})" if attempt > 1 else ""
    return (
        Text(f"{time.monotonic() - file.since:5.1f} s", "dim"),
        Text(f"{file.stage}{part}".ljust(13), "cyan"),
        Text(name + again, overflow="ellipsis", no_wrap=True),
    )
