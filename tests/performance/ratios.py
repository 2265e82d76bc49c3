"""Costs as ratios in one run, held against limits: ``python -m tests.performance ratios [--rounds N]``.

Each ratio divides CPU seconds of the program by CPU seconds of something simple that does the same on the same machine
in the same round; the median of all rounds counts. ``limits.toml`` beside this file has the ratio of each as it was
measured; one that has grown by more than ``LOSS`` is a failure. A ratio moves less from machine to machine than a time,
but it does move: ``--write`` puts today's ratios into the file. Linux.
"""

import argparse
import io
import os
import shutil
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from tests.performance.bare import analyse, decode_only, run
from tests.performance.jobs import enqueue, opened, through_sql, work
from tests.performance.material import ENCODINGS, Tape, music_in, write
from tests.performance.results import commit, machine
from tests.performance.startup import called
from tests.program import Program
from tonearm.analysis.identity import audio_hash

LIMITS = Path(__file__).with_name("limits.toml")
LOSS = 0.15
"""Share by which a ratio may grow."""
SAMPLES = Path(__file__).parents[2] / "samples"
FILES, SECONDS = 2, 240.0
COPIES, COPY_S = 150, 10.0
JOBS, SLOTS = 1_000, 16
QUERIES = 10_000
EVERYTHING = {"TONEARM_LOG_LEVEL": "info", "TONEARM_LOG_FORMAT": "json", "TONEARM_LISTEN": "127.0.0.1:0"}
NOTHING = {"TONEARM_LOG_LEVEL": "critical"}


@dataclass(frozen=True)
class Place:
    """What every round works on: files to decode, copies of one sound, and many small files for the queue."""

    music: Path
    copies: Path
    small: Path


def prepared(folder: Path) -> Place:
    """Make it out of the bundled samples."""
    place = Place(*(folder / name for name in ("music", "copies", "small")))
    for each in (place.music, place.copies, place.small):
        each.mkdir()
    tape, flac = Tape(SAMPLES), ENCODINGS["FLAC 16/44"]
    for number in range(FILES):
        write(tape, place.music / f"{number}.flac", flac, 37.0 * number, SECONDS, f"{number}")
    write(tape, place.copies / "0.flac", flac, 11.0, COPY_S, "a copy")
    for number in range(1, COPIES):
        shutil.copyfile(place.copies / "0.flac", place.copies / f"{number}.flac")
    for number in range(JOBS):
        (place.small / f"{number:07}.flac").write_bytes(f"{number:064}".encode())
    return place


def measured(place: Place) -> dict[str, float]:
    """One round: each ratio once."""
    decoding = sum(decode_only(path)[0] for path in music_in(place.music))
    quiet = analysed(place.music, NOTHING)
    told = analysed(place.music, EVERYTHING)
    known = analysed(place.copies, NOTHING)
    return {
        "the analysers / decoding": run(analyse, music_in(place.music), 1).cpu_s / decoding,
        "the whole command / decoding": quiet / decoding,
        "logs and metrics / neither": told / quiet,
        "known files / hashing their audio": known / hashing(place.copies),
        "storing a job / SELECT 1": storing(place.small),
    }


def analysed(folder: Path, environment: Mapping[str, str]) -> float:
    """CPU seconds of the command and its children over a folder, into a library of its own."""
    with tempfile.TemporaryDirectory() as data, Program(Path(data), **environment) as program:
        return called(
            [sys.executable, "-m", "tonearm", "analyze", "-w", "1", str(folder)], program.environment
        )


def hashing(folder: Path) -> float:
    """CPU seconds to compute the identity of the sound of every file."""
    began = time.process_time()
    for path in music_in(folder):
        with io.FileIO(str(path)) as file:
            audio_hash(file)
    return time.process_time() - began


def storing(small: Path) -> float:
    """CPU seconds of a supervisor and its database for a job that takes no analysis, by those of a plain query."""
    with tempfile.TemporaryDirectory() as data, opened(Path(data)) as app:
        run, _ = enqueue(app, small, JOBS)
        began = time.process_time()
        work(app, run, "ratios", through_sql, SLOTS)
        jobs_s = (time.process_time() - began) / JOBS
        began = time.process_time()
        for _ in range(QUERIES):
            with app.database.read() as connection:
                connection.execute(text("SELECT 1"))
        return jobs_s / ((time.process_time() - began) / QUERIES)


def main() -> int:
    """Measure and print; status 1 when a ratio has grown too much."""
    parser = argparse.ArgumentParser(description="Costs as ratios in one run, held against limits.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put today's ratios into the file of limits")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("TONEARM_")]:
        del os.environ[name]
    os.environ["TONEARM_CONFIG"] = os.devnull
    with tempfile.TemporaryDirectory() as folder:
        place = prepared(Path(folder))
        rounds = [measured(place) for _ in range(options.rounds)]
    found = {name: [each[name] for each in rounds] for name in rounds[0]}
    if options.write:
        LIMITS.write_text(written(found), encoding="utf-8")
    return report(found, tomllib.loads(LIMITS.read_text(encoding="utf-8"))["ratios"])


def report(found: Mapping[str, Sequence[float]], limits: Mapping[str, float]) -> int:
    """Print each ratio beside what it was; returns 1 when one has grown too much."""
    print(f"{'':36}{'median':>8}{'range':>16}{'was':>8}{'change':>9}")
    lost = False
    for name, values in found.items():
        change = statistics.median(values) / limits[name] - 1
        lost |= change > LOSS
        print(
            f"{name:36}{statistics.median(values):8.3f}{f'{min(values):.3f}–{max(values):.3f}':>16}"
            f"{limits[name]:8.3f}{change:+9.1%}{'  too much' if change > LOSS else ''}"
        )
    return int(lost)


def written(found: Mapping[str, Sequence[float]]) -> str:
    """The file of limits with these ratios."""
    lines = [f'"{name}" = {statistics.median(values):.3f}' for name, values in found.items()]
    head = [
        "# Ratios as they were measured, by `python -m tests.performance ratios --write`; tests/performance/ratios.py",
        f"# says what each is and how far it may grow. {machine()}, commit {commit()}.",
    ]
    return "\n".join([*head, "", "[ratios]", *lines, ""])


if __name__ == "__main__":
    sys.exit(main())
