"""A library of a million real files: ``python -m tests.performance million [--only NAME] [--until PIECE]``.

The real command scans ``--files`` files, made in a temporary folder unless ``--music`` names one with them, with SQLite
and, where the environment names a server, with PostgreSQL: the first time, while all of their jobs wait, when
all are analysed, and after a tenth was moved to another folder. Between the scans lists are read by the command, jobs
are taken from the queue, and the last migration is undone and done again. At the end the library is moved into the
other database. No file is analysed, which would take days: the results are written by the database itself. Each
database has a record of its own. A file that the variable ``BENCH_LOCK`` names is locked during each measured piece.

*Wall* is from the start of the command to the end of its scan, or to its end; *CPU* is that of the command and its
children, without the database server's; *MB* is the command's largest size.
"""

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.performance import million_rows
from tests.performance.cell import Memory
from tests.performance.places import create_database, drop_database
from tests.performance.rescan import fill
from tests.performance.results import record, recorded
from tests.performance.tuning import held
from tests.program import Program, wait_for
from tests.variables import taken_variables

NAME = "million"
PIECES = ("waiting", "moved", "move")
"""Where a measurement may end: with the scan while all jobs wait, with that of moved files, with the move of all."""
DATABASES = ("SQLite", "PostgreSQL")
MOVED = 10
"""One file of so many is moved."""
LISTS = {
    "status": ("status",),
    "tracks": ("tracks", "--limit", "50"),
    "tracks by tempo": ("tracks", "--sort", "bpm", "--limit", "50"),
    "tracks of a genre": ("tracks", "--genre", "genre 200", "--limit", "50"),
    "tracks --count": ("tracks", "--count"),
    "tracks --count of a title": ("tracks", "--title", "kali", "--count"),
    "jobs": ("jobs", "--limit", "50"),
    "failures": ("failures",),
    "runs": ("runs",),
}
WAITING_LISTS = ("status", "jobs")
ROUNDS = 3
TAKES, AT_ONCE = 50, 16


@dataclass
class Report:
    """Rows of the report, recorded whenever there is a new one. command: what to type to measure it again."""

    command: str
    rows: dict[str, dict[str, float]] = field(default_factory=dict)

    def keep(self) -> None:
        """Begin with the rows that are recorded."""
        for each in recorded(NAME):
            if each.command == self.command:
                self.rows |= each.figures

    def add(self, what: str, row: dict[str, float]) -> None:
        """Add a row, print and record it; rows about the same thing stand together."""
        self.rows[what] = {name: float(f"{value:.3g}") for name, value in row.items()}
        print(what, self.rows[what], flush=True)
        order = list(dict.fromkeys(name.rpartition(", ")[0] for name in self.rows))
        told = sorted(self.rows, key=lambda name: order.index(name.rpartition(", ")[0]))
        record(NAME, self.command, {name: self.rows[name] for name in told})


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Nobody else measures."""
    with held(os.environ.get("BENCH_LOCK")):
        yield


def call(program: Program, *arguments: str | Path, until: str = "", **expected: int) -> dict[str, float]:
    """Call the command; its times and memory, up to an event if one is named, which then ends it.

    Raises:
        AssertionError: it failed, or the event does not say what is expected.
    """
    began = time.perf_counter()
    process = program.start(*arguments)
    memory = Memory(process)
    if until:
        found = wait_for(process, until)
        wall_s = time.perf_counter() - began
        assert {name: found[name] for name in expected} == expected, found
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)  # Popen's own method may wait for it, and lose what it used
    assert process.stdout is not None
    process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if not until:
        wall_s = time.perf_counter() - began
        assert process.returncode == 0, f"{arguments} ended with {process.returncode}"
    return {"wall s": wall_s, "CPU s": used.ru_utime + used.ru_stime, "MB": memory.peaks()[0]}


def scan(program: Program, music: Path, **expected: int) -> dict[str, float]:
    """Scan by the real command, which analyses nothing and is ended after its scan where jobs are left."""
    with locked():
        return call(program, "analyze", music, "--json", until="scan_finished", **expected)


def listed(report: Report, program: Program, lists: Iterable[str], when: str) -> None:
    """Call commands several times; the quickest call of each. They are locked together, as each is short."""
    with locked():
        for each in lists:
            rows = [call(program, *LISTS[each]) for _ in range(ROUNDS)]
            report.add(f"`{each}`, {when}", min(rows, key=lambda row: row["wall s"]))


def taken(settings: dict[str, Any]) -> dict[str, float]:
    """Take jobs from the queue in this process, ``AT_ONCE`` at a time, and give them back; the median of a call."""
    from tonearm.bootstrap.library import open_library
    from tonearm.settings import load_settings

    times, used = [], []
    with open_library(load_settings(settings)) as app, locked():
        for _ in range(TAKES):
            began, cpu = time.perf_counter(), time.process_time()
            assert len(app.job_store.take("bench", None, (), AT_ONCE)) == AT_ONCE
            times.append(time.perf_counter() - began)
            used.append(time.process_time() - cpu)
        app.job_store.give_back_except("bench", ())
    return {"wall s": statistics.median(times), "CPU s": statistics.median(used)}


def measure(
    report: Report,
    name: str,
    settings: dict[str, Any],
    music: Path,
    files: int,
    goal: str | None,
    until: str,
) -> None:
    """The pieces with one database, up to one of ``PIECES``.

    ``goal``: the folder or address that the library is moved to at last, if any.
    """
    variables = {f"TONEARM_{key.upper()}": str(value) for key, value in settings.items()}
    variables |= {"TONEARM_WORK_HOURS": hours_of_rest(), "TONEARM_LOG_LEVEL": "error"}
    with Program(settings["data_dir"], **variables) as program:
        first = scan(program, music, new=files)
        report.add(f"first scan, {name}", first)
        million_rows.refresh(settings)
        report.add(f"rescan, all wait, {name}", scan(program, music, unchanged=files))
        if until == "waiting":
            return
        listed(report, program, WAITING_LISTS, f"all wait, {name}")
        report.add(f"{AT_ONCE} jobs taken, all wait, {name}", taken(settings))
        million_rows.analysed(settings, files)
        report.add(f"rescan, all analysed, {name}", scan(program, music, unchanged=files))
        listed(report, program, LISTS, f"all analysed, {name}")
        report.add(f"last migration undone, {name}", timed(lambda: million_rows.undo_migration(settings)))
        with locked():
            report.add(f"last migration done, {name}", call(program, "migrate"))
        with moved(music, files // MOVED) as number:
            report.add(f"rescan, a tenth moved, {name}", scan(program, music, moved=number))
        if goal is not None and until == "move":
            million_rows.end_runs(settings)
            origin = str(settings.get("database_url") or settings["data_dir"])
            with locked():
                report.add(
                    f"`move` to the other database, {name}", call(program, "move", origin, goal, "--json")
                )


def timed(act: Callable[[], None]) -> dict[str, float]:
    """How long a call in this process takes."""
    with locked():
        began, cpu = time.perf_counter(), time.process_time()
        act()
        return {"wall s": time.perf_counter() - began, "CPU s": time.process_time() - cpu}


def hours_of_rest() -> str:
    """Working hours that are far from now, so that nothing is analysed."""
    hour = (time.localtime().tm_hour + 12) % 24
    return f"{hour:02}:00-{hour:02}:01"


@contextlib.contextmanager
def moved(music: Path, files: int) -> Iterator[int]:
    """Folders with about so many files are in another folder, and back afterwards; yields how many files they hold."""
    goal = music / "moved"
    goal.mkdir()
    number, folders = 0, []
    for folder in sorted(music.iterdir()):
        if number < files and folder.is_dir() and folder != goal:
            number += len(os.listdir(folder))
            folders.append(folder.rename(goal / folder.name))
    try:
        yield number
    finally:
        for folder in folders:
            folder.rename(music / folder.name)
        goal.rmdir()


def main() -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(description="A library of a million real files.")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--music", type=Path)
    parser.add_argument("--only", choices=DATABASES)
    told = "Measure up to this piece; recorded figures of later ones stay."
    parser.add_argument("--until", choices=PIECES, default=PIECES[-1], help=told)
    options = parser.parse_args()
    urls = taken_variables()
    os.environ["TONEARM_CONFIG"] = os.devnull
    server = urls.get("TONEARM_DATABASE_URL")
    of_all = options.files == parser.get_default("files")
    command = "python -m tests.performance million" + ("" if of_all else f" --files {options.files}")
    with tempfile.TemporaryDirectory() as folder:
        music = options.music or Path(folder) / "music"
        if not options.music:
            music.mkdir()
            fill(music, options.files)
        for name in DATABASES:
            if options.only not in (None, name) or (name == "PostgreSQL" and not server):
                continue
            here, beside = Path(folder) / name, Path(folder) / "other"
            url = create_database(server) if server else None
            settings: dict[str, Any] = {"data_dir": here}
            if name == "PostgreSQL":
                settings["database_url"] = url
            try:
                goal = str(beside) if name == "PostgreSQL" else url
                report = Report(f"{command} --only {name}")
                if options.until != PIECES[-1]:
                    report.keep()
                measure(report, name, settings, music, options.files, goal, options.until)
            finally:
                if server and url:
                    drop_database(server, url)
                shutil.rmtree(here, ignore_errors=True)
                shutil.rmtree(beside, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
