"""Throughput over real files in several sizes and formats: ``python -m tests.performance throughput MUSIC``.

Cuts the music below a folder (see ``material``; ``--cuts`` says where they are kept), analyses it by the real command
in each cell of the report, and records what the command stored. Cells over servers need ``TONEARM_DATABASE_URL``,
``TONEARM_RABBITMQ_URL``, ``TONEARM_RABBITMQ_MANAGEMENT_URL``, ``TONEARM_REDIS_URL`` and ``TONEARM_NEO4J_URL``; without
them they are left out. Cells that were measured of this commit are not measured again without ``--again``. ``--only``
takes the cells whose names start with one of its texts; with ``--seconds``, no further cell is begun after so many.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.performance.cell import Cell, measured
from tests.performance.material import ENCODINGS, SIZES, make, music_in, place
from tests.performance.results import commit, machine, record, recorded
from tests.variables import taken_variables

NAME = "throughput"
EACH = 4
MIXED = f"{EACH} of each format"
MIXED_SIZE = "4 min"
COLLECTION = "30 s and 4 min"
FOUND = "as found"
FOUND_FILES = 60
CUTS = Path.home() / ".cache" / "tonearm-cuts"
WORKERS = (1, 2, 4)


def cells() -> Iterator[Cell]:
    """What is measured: each size in each format with one worker; all modes with all formats; and some to check by."""
    for size in SIZES:
        yield from (Cell(size, name) for name in ENCODINGS)
    for servers in (False, True):
        yield from (Cell(MIXED_SIZE, MIXED, workers, servers) for workers in WORKERS)
        yield Cell(MIXED_SIZE, MIXED, 2, servers, cold=True)
    yield Cell(COLLECTION, MIXED, cores=1)
    yield Cell(FOUND, FOUND, cores=1)
    yield from CHECKS


CHECKS = (
    Cell("30 s", "FLAC 24/96", 2, servers=True, cold=True),
    Cell("4 min", "FLAC 16/44", 2, servers=True, cold=False),
    Cell("4 min", "MP3", 4, servers=False, cold=True),
    Cell("4 min", "WAV", 2, servers=False, cold=False),
)
"""Cells that could be computed from others and are measured, so that the error of computing is known."""


def needed(cell: Cell) -> list[tuple[str, str, int]]:
    """The cuts of a cell: size, format and how many at most."""
    if cell.size == COLLECTION:
        return [(size, name, EACH) for size in COLLECTION.split(" and ") for name in ENCODINGS]
    if cell.format == MIXED:
        return [(cell.size, name, EACH) for name in ENCODINGS]
    return [] if cell.size == FOUND else [(cell.size, cell.format, SIZES[cell.size].number)]


def files(cell: Cell, music: Path, cuts: Path) -> list[Path]:
    """The files of a cell."""
    if cell.size == FOUND:
        found = music_in(music)
        step = max(1.0, len(found) / FOUND_FILES)
        return [found[int(number * step)] for number in range(min(FOUND_FILES, len(found)))]
    return [path for size, name, most in needed(cell) for path in music_in(place(cuts, size, name))[:most]]


def main() -> int:
    """Measure the cells that are due, and record them."""
    parser = argparse.ArgumentParser(description="Throughput over real files in several sizes and formats.")
    parser.add_argument("music", type=Path)
    parser.add_argument("--cuts", type=Path, default=CUTS)
    parser.add_argument("--only", nargs="+", default=[""])
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    urls = taken_variables()
    due = [
        each
        for each in cells()
        if str(each).startswith(tuple(options.only)) and (options.again or not known(each))
    ]
    make(options.music, options.cuts, {(size, name) for cell in due for size, name, _ in needed(cell)})
    began = time.monotonic()
    for cell in due:
        if time.monotonic() - began > options.seconds:
            break
        if cell.servers and "TONEARM_NEO4J_URL" not in urls:
            print(f"{cell}: left out, as no servers are named", flush=True)
            continue
        measure(cell, options.music, options.cuts, urls)
    left = [cell for cell in due if not known(cell)]
    print(f"{len(left)} cells are left", file=sys.stderr)
    return 0


def command(cell: Cell) -> str:
    """What to type to measure one cell."""
    return f'python -m tests.performance throughput MUSIC --only "{cell}"'


def known(cell: Cell) -> bool:
    """Whether a cell was measured on this machine, of this commit."""
    return any(
        each.command == command(cell) and (each.commit, each.machine) == (commit(), machine())
        for each in recorded(NAME)
    )


def measure(cell: Cell, music: Path, cuts: Path, urls: Mapping[str, str]) -> None:
    """Measure a cell and record it."""
    row = {**asdict(cell), **measured(cell, files(cell, music, cuts), urls)}
    record(NAME, command(cell), {str(cell): row})
    print(f"{cell}: {row['files/h']:,} files/h, {row['× real time']:,.0f} × real time", flush=True)


if __name__ == "__main__":
    sys.exit(main())
