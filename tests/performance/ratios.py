"""Costs as ratios in one run, held against limits: ``python -m tests.performance ratios [--rounds N]``.

Each ratio divides CPU seconds of the program by those of something simple on the same machine. All are measured in turn
in each round, and the smallest of all rounds counts, as other work on the machine can only add to it. ``limits.toml``
beside this file has each ratio as it was measured; one that has grown by more than ``LOSS`` is a failure. A ratio moves
less from machine to machine than a time, but it does move: ``--write`` puts today's ratios into the file. The
copies are short, since some processors have instructions for hashing and others don't. Linux.

Left out is what varies too much in so short a time: CPU seconds of the whole command over one file (14 % from run to
run on a busy machine, against 4 % of those below), and what logs and metrics cost, which is about one percent;
``pipeline`` and ``telemetry`` measure them.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from tests.performance.bare import ANALYSERS, analyse, decode_only
from tests.performance.jobs import enqueue, opened, through_sql, work
from tests.performance.material import ENCODINGS, Tape, music_in, write
from tests.performance.results import commit, machine
from tests.performance.startup import called
from tests.program import Program
from tests.variables import taken_variables
from tonearm.library.database import Database
from tonearm.worker.child_main import warm_up

LIMITS = Path(__file__).with_name("limits.toml")
COMPARED = (
    ("the analysers", "decoding"),
    ("known files", "SELECT 1"),
    ("storing", "SELECT 1"),
)
LOSS = 0.15
"""Share by which a ratio may grow."""
MOST = 3
"""So many times the rounds are measured, as long as a ratio has grown too much: what was busy may be idle again."""
SAMPLES = Path(__file__).parents[2] / "samples"
SECONDS = 120.0
COPIES, COPY_S = 150, 3.0
JOBS, SLOTS = 400, 8
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Place:
    """What every round works on: a file to decode, copies of one sound, and many small files for the queue."""

    music: Path
    copies: Path
    small: Path


def prepared(folder: Path) -> Place:
    """Make it out of the bundled samples."""
    place = Place(*(folder / name for name in ("music", "copies", "small")))
    for each in (place.music, place.copies, place.small):
        each.mkdir()
    tape, flac = Tape(SAMPLES), ENCODINGS["FLAC 16/44"]
    write(tape, place.music / "0.flac", flac, 0.0, SECONDS, "a file")
    write(tape, place.copies / "0.flac", flac, 11.0, COPY_S, "a copy")
    for number in range(1, COPIES):
        shutil.copyfile(place.copies / "0.flac", place.copies / f"{number}.flac")
    for number in range(JOBS):
        (place.small / f"{number:07}.flac").write_bytes(f"{number:064}".encode())
    return place


def measured(place: Place) -> dict[str, float]:
    """One round: CPU seconds of everything that is compared. What is short is measured several times."""
    [music] = music_in(place.music)
    return {
        "decoding": least(lambda: decode_only(music)[0]),
        "the analysers": least(lambda: analyse(music)[0]),
        "known files": analysed(place.copies),
        **storing(place.small),
    }


def least(measure: Callable[[], float]) -> float:
    """The smallest of several measurements."""
    return min(measure() for _ in range(3))


def analysed(folder: Path) -> float:
    """CPU seconds of the command and its children over a folder, into a library of its own."""
    with tempfile.TemporaryDirectory() as data, Program(Path(data)) as program:
        return called(
            [sys.executable, "-m", "tonearm", "analyze", "-w", "1", str(folder)], program.environment
        )


def storing(small: Path) -> dict[str, float]:
    """CPU seconds of a supervisor and its database for jobs that take no analysis, and of as many plain queries."""
    with tempfile.TemporaryDirectory() as data, opened(Path(data)) as app:
        run, _ = enqueue(app, small, JOBS)
        began = time.process_time()
        work(app, run, "ratios", through_sql, SLOTS)
        return {"storing": time.process_time() - began, "SELECT 1": least(lambda: selecting(app.database))}


def selecting(database: Database) -> float:
    """CPU seconds of as many plain queries as there are jobs."""
    began = time.process_time()
    for _ in range(JOBS):
        with database.read() as connection:
            connection.execute(text("SELECT 1"))
    return time.process_time() - began


def main() -> int:
    """Measure and print; status 1 when a ratio has grown too much."""
    parser = argparse.ArgumentParser(description="Costs as ratios in one run, held against limits.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put today's ratios into the file of limits")
    options = parser.parse_args()
    taken_variables()
    os.environ["TONEARM_CONFIG"] = os.devnull
    warm_up(ANALYSERS)
    with tempfile.TemporaryDirectory() as folder:
        place = prepared(Path(folder))
        rounds = [measured(place) for _ in range(options.rounds)]
        if options.write:
            LIMITS.write_text(written(compared(rounds)), encoding="utf-8")
        limits = tomllib.loads(LIMITS.read_text(encoding="utf-8"))
        while report(compared(rounds), limits["ratios"]) and limits["python"] == PYTHON:
            if len(rounds) >= MOST * options.rounds:
                return 1
            rounds += [measured(place) for _ in range(options.rounds)]
    if limits["python"] != PYTHON:
        print(f"nothing is held: the limits are those of Python {limits['python']}")
    return 0


def compared(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The ratios of the smallest costs of all rounds."""
    least_of = {name: min(each[name] for each in rounds) for name in rounds[0]}
    return {f"{cost} / {base}": least_of[cost] / least_of[base] for cost, base in COMPARED}


def report(ratios: Mapping[str, float], limits: Mapping[str, float]) -> bool:
    """Print each ratio beside what it was; returns whether one has grown too much."""
    print(f"{'':32}{'is':>8}{'was':>8}{'change':>9}")
    changes = {name: ratio / limits[name] - 1 for name, ratio in ratios.items()}
    for name, change in changes.items():
        grown = "  too much" if change > LOSS else ""
        print(f"{name:32}{ratios[name]:8.3f}{limits[name]:8.3f}{change:+9.1%}{grown}")
    return max(changes.values()) > LOSS


def written(ratios: Mapping[str, float]) -> str:
    """The file of limits with these ratios."""
    head = (
        "# Ratios as they were measured, by `python -m tests.performance ratios --write`; tests/performance/ratios.py\n"
        f"# says what each is and how far it may grow. {machine()}, commit {commit()}.\n\n"
        f'python = "{PYTHON}"\n\n[ratios]\n'
    )
    return head + "".join(f'"{name}" = {ratio:.3f}\n' for name, ratio in ratios.items())


if __name__ == "__main__":
    sys.exit(main())
