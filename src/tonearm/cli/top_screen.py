"""Lays out what ``tonearm top`` shows: lines that fit the terminal, from 80 × 24 on."""

import itertools
import time
from collections.abc import Sequence
from typing import NamedTuple

from tonearm.cli.tables import Column, laid_out
from tonearm.cli.terminal import cell_width
from tonearm.jobs.job import JobState
from tonearm.names import printable
from tonearm.settings import Level
from tonearm.views.activity import WINDOWS_S, Activity
from tonearm.views.formatting import hour, open_breakers, outlook_text, plural
from tonearm.views.queue_figures import PAUSED
from tonearm.views.workers import ALIVE, WorkerView

LEVELS = (
    Column("level"),
    Column("waiting", right=True),
    Column("paused", rank=1, right=True),
    Column("oldest", rank=2, right=True),
    Column("drained in", right=True),
)
RATES = (Column(""), *[Column(f"{window_s // 60} min", right=True) for window_s in WINDOWS_S])
WORKERS = (
    Column("worker", least=12),
    Column("state"),
    Column("files", right=True),
    Column("done", rank=2, right=True),
    Column("failed", rank=3, right=True),
    Column("circuit breakers", rank=1, least=16),
)
FILES = (
    Column("for", right=True),
    Column("stage"),
    Column("worker", rank=1, least=10),
    Column("file being analysed", least=24, path=True),
)
FAILURES = (
    Column("failed at"),
    Column("code"),
    Column("file", least=24, path=True),
    Column("reason", rank=1, least=24),
)
SHOWN_RUNS = 2
BETWEEN = 3
"""Columns between the queue and the rates beside it."""
LEAST_ROWS = 3
"""Rows of workers and of failures that are shown if there are that many."""
_RANK_OF_STATE = {"lost": 0, "draining": 1, "working": 3, "resting": 4, "idle": 4}


class Line(NamedTuple):
    """A line of the screen and its style, as rich names styles."""

    text: str
    style: str = ""


def screen(activity: Activity, trouble: str, last: str, width: int, height: int) -> list[Line]:
    """The lines of the whole screen. ``trouble``: why nothing newer is known; ``last``: the last line."""
    above = [Line(_title(activity, width), "bold"), *_runs(activity)]
    if trouble:
        above.append(Line(f"{trouble} (shown: as of {_clock(activity.at)})", "red"))
    above += _queue(activity, width)
    room = max(0, height - len(above) - 1)
    shown = [*above, *_lists(activity, width, room)][: height - 1]
    blank = [Line("")] * (height - 1 - len(shown))
    return [_cut(line, width) for line in (*shown, *blank, Line(last, "reverse"))]


def _title(activity: Activity, width: int) -> str:
    if activity.shared:
        alive = [worker for worker in activity.workers if worker.state in ALIVE]
        slots = sum(worker.slots for worker in alive)
        who = f"{plural(len(alive), 'worker')}, {len(activity.files):,} of {plural(slots, 'slot')} busy"
    elif activity.analysing:
        who = f"process {activity.process} is analysing"
    else:
        who = "no process is analysing"
    if activity.rest is not None:
        until = activity.rest.until
        who += f", resting{'' if until is None else f' until {hour(until)}'}"
    right = f"{who}   {_clock(activity.at)}"
    left = printable(activity.address)
    room = width - cell_width(right) - 3
    shown = laid_out((Column("", path=True, least=1),), [(left,)], max(room, 1))[1]
    return shown + " " * max(1, width - cell_width(shown) - cell_width(right)) + right


def _runs(activity: Activity) -> list[Line]:
    if not activity.runs:
        return [Line("No run is open.", "dim")]
    lines = []
    more = len(activity.runs) - SHOWN_RUNS
    for place, run in enumerate(activity.runs[:SHOWN_RUNS], 1):
        counts = run.counts
        ended = counts.discovered - counts.pending
        share = f" ({ended / counts.discovered:.0%})" if counts.discovered else ""
        text = f"Run {run.id} is {run.state}: {ended:,} of {plural(counts.discovered, 'file')} ended{share}"
        text += f", {counts.failed:,} failed" if counts.failed else ""
        text += f", {counts.partial:,} partial" if counts.partial else ""
        text += f"; {more:,} more open" if place == SHOWN_RUNS and more > 0 else ""
        text += f" · {outlook_text(run.outlook)}" if run.outlook is not None else ""
        lines.append(Line(text, "yellow" if run.state != "running" else "green"))
    return lines


def _queue(activity: Activity, width: int) -> list[Line]:
    """The queue by level, and beside it the rates."""
    drain_s = activity.drain_s()
    levels = []
    for level in Level:
        waiting, paused = activity.waiting(level.label), activity.figures.jobs[level.label, PAUSED]
        levels.append(
            (
                level.label,
                f"{waiting:,}",
                f"{paused:,}" if paused else "",
                brief(activity.figures.oldest_s[level.label]) if waiting else "–",
                brief(drain_s[level.label]) if waiting else "–",
            )
        )
    rates = list(activity.rates.values())
    right = laid_out(
        RATES,
        [
            ("files/min", *(_number(60 * rate.files) for rate in rates)),
            ("failed/min", *(_number(60 * rate.failed) for rate in rates)),
            ("× real time", *(_number(rate.audio_s) for rate in rates)),
        ],
        width // 2,
    )
    right += ["", _open_jobs(activity)]
    beside = max(cell_width(text) for text in right)
    left = laid_out(LEVELS, levels, width - beside - BETWEEN)
    space = max(cell_width(text) for text in left) + BETWEEN
    pairs = itertools.zip_longest(left, right, fillvalue="")
    joined = [text + " " * (space - cell_width(text)) + other for text, other in pairs]
    return [Line(joined[0], "bold"), *map(Line, joined[1:])]


def _open_jobs(activity: Activity) -> str:
    jobs = activity.figures.jobs
    retrying = sum(jobs[level.label, JobState.RETRYING] for level in Level)
    parts = [f"{len(activity.files):,} running", f"{retrying:,} retrying"]
    if activity.shared and activity.figures.outbox:
        parts.append(f"{activity.figures.outbox:,} unsent")
    return ", ".join(parts)


def _lists(activity: Activity, width: int, room: int) -> list[Line]:
    """The workers, their files and the latest failures, in the room that is left; each has a heading."""
    workers = sorted(activity.workers, key=_trouble_first)
    wanted = {"workers": len(workers), "files": len(activity.files), "failures": len(activity.failures)}
    rows = _shared_out(wanted, room)
    workers_cells = [_worker(worker) for worker in workers[: rows["workers"]]]
    files_cells = [
        (brief(file.for_s), _stage(file.stage, file.fraction), printable(file.worker), printable(file.path))
        for file in activity.files[: rows["files"]]
    ]
    failures_cells = [
        (_clock(file.failed_at), file.code, printable(file.path), printable(file.reason))
        for file in activity.failures[: rows["failures"]]
    ]
    tables = [
        _table(WORKERS, workers_cells, width, len(workers), "workers"),
        _table(FILES, files_cells, width, len(activity.files), "files"),
        _table(FAILURES, failures_cells, width, len(failures_cells), ""),
    ]
    used = [table for table in tables if table]
    apart = [Line("")] if sum(map(len, used)) + len(used) <= room else []
    return [line for table in used for line in (*apart, *table)]


def _shared_out(wanted: dict[str, int], room: int) -> dict[str, int]:
    """How many rows each list gets: a few each, then files as many as there are, then failures, then workers."""
    room -= sum(count > 0 for count in wanted.values())  # their headings
    rows = dict.fromkeys(wanted, 0)
    for limit in (LEAST_ROWS, None):
        for name in ("files", "failures", "workers"):
            more = min(wanted[name] if limit is None else min(limit, wanted[name]), rows[name] + max(room, 0))
            room -= max(0, more - rows[name])
            rows[name] = max(more, rows[name])
    return rows


def _table(
    columns: Sequence[Column], rows: Sequence[tuple[str, ...]], width: int, whole: int, noun: str
) -> list[Line]:
    if not rows:
        return []
    head, *lines = laid_out(columns, rows, width)
    if noun and whole > len(rows):
        more = f"  ({whole - len(rows):,} more {noun})"
        head += more if cell_width(head) + len(more) <= width else ""
    return [Line(head, "bold"), *map(Line, lines)]


def _trouble_first(worker: WorkerView) -> tuple[int, str]:
    trouble = any(state != "closed" for state in worker.breakers.values())
    return (2 if trouble else _RANK_OF_STATE.get(worker.state, 5), worker.name)


def _worker(worker: WorkerView) -> tuple[str, ...]:
    opened = open_breakers(worker.breakers)
    return (
        printable(worker.name),
        worker.state + (f" until {hour(until)}" if worker.rest and (until := worker.rest.until) else ""),
        f"{len(worker.running)} of {worker.slots}",
        f"{worker.done:,}",
        f"{worker.failed:,}",
        ", ".join(opened) or ("closed" if worker.breakers else ""),
    )


def _stage(stage: str, fraction: float | None) -> str:
    return stage if fraction is None else f"{stage} {fraction:.0%}"


def _cut(line: Line, width: int) -> Line:
    text = line.text
    while cell_width(text) > width:
        text = text[:-1]
    return Line(text, line.style)


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def brief(seconds: float | None) -> str:
    """A duration in a few characters: ``45 s``, ``12 min``, ``5.2 h``, ``3.1 d``; a dash for unknown."""
    if seconds is None:
        return "–"
    for limit, unit_s, unit, digits in ((100, 1, "s", 0), (5400, 60, "min", 0), (172_800, 3600, "h", 1)):
        if seconds < limit:
            return f"{seconds / unit_s:.{digits}f} {unit}"
    return f"{seconds / 86_400:.1f} d"
