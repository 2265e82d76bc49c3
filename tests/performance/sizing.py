"""What files and libraries need: ``python -m tests.performance sizing [--cuts FOLDER] [--each N] [--pace FOLDER]``.

Takes cuts of four minutes that ``material`` made, records the mean size of a file in each format, analyses ``--each``
of each format into an empty library, and records by how much the database grew for each file. With the addresses of
servers in the environment on PostgreSQL, too. ``--pace`` measures something else: how many of the first files of a
``collection`` are analysed in an hour. A file that the variable ``BENCH_LOCK`` names is locked meanwhile.
"""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tests.performance.cell import Cell, measured, servers
from tests.performance.collection import some
from tests.performance.material import ENCODINGS, music_in, place
from tests.performance.results import record
from tests.performance.throughput import CUTS, MIXED_SIZE
from tests.performance.tuning import held
from tests.program import Program
from tests.variables import taken_variables

NAME = "sizing"
SHORT = "30 s"
COMMAND = "python -m tests.performance sizing"


def main() -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(description="What files and libraries need on a disk.")
    parser.add_argument("--cuts", type=Path, default=CUTS)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--pace", type=Path)
    options = parser.parse_args()
    urls = taken_variables()
    if options.pace:
        return pace(options.pace, urls)
    cuts = {name: music_in(place(options.cuts, MIXED_SIZE, name)) for name in ENCODINGS}
    figures: dict[str, Any] = {
        f"MB a file, {name}": round(sum(path.stat().st_size for path in paths) / len(paths) / 1e6, 1)
        for name, paths in cuts.items()
    }
    chosen = [path for paths in cuts.values() for path in paths[: options.each]]
    for where in ("SQLite", "PostgreSQL") if "TONEARM_NEO4J_URL" in urls else ("SQLite",):
        with held(os.environ.get("BENCH_LOCK")):
            figures[f"KB of the database a file, {where}"] = round(grown(chosen, urls, where) / 1e3, 1)
    record(NAME, COMMAND, figures)
    print(figures)
    return 0


def pace(folder: Path, urls: dict[str, str]) -> int:
    """Measure and record files an hour of short files."""
    rows = {}
    for workers, number, shared in ((1, 200, False), (2, 300, False), (2, 300, True)):
        if shared and "TONEARM_NEO4J_URL" not in urls:
            continue
        cell = Cell(SHORT, "collection", workers, shared)
        with held(os.environ.get("BENCH_LOCK")), some(folder, number) as (place_of_them, paths):
            row = measured(cell, paths, urls, folder=place_of_them)
        shown = {name: row[name] for name in ("files", "files/h", "× real time", "MB", "MB a child")}
        rows[f"pace, {workers} worker(s), {cell.mode}"] = shown
        print(rows, flush=True)
    record(NAME, f"{COMMAND} --pace FOLDER", rows)
    return 0


def grown(paths: list[Path], urls: dict[str, str], where: str) -> float:
    """Bytes by which the database grows for a file."""
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        addresses = stack.enter_context(servers(urls)) if where == "PostgreSQL" else {}
        program = stack.enter_context(Program(data, **addresses))
        program.run("analyze", paths[0], check=True)
        before = database_bytes(data, addresses)
        program.run("analyze", *paths, timeout=600, check=True)
        return (database_bytes(data, addresses) - before) / (len(paths) - 1)


def database_bytes(data: Path, addresses: dict[str, str]) -> int:
    """The size of a library's database: of its file with what is written beside it, or on the server."""
    url = addresses.get("TONEARM_DATABASE_URL")
    if not url:
        return sum(file.stat().st_size for file in data.glob("tonearm.db*") if not file.name.endswith("-shm"))
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        found = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert found is not None
    return int(found[0])


if __name__ == "__main__":
    sys.exit(main())
