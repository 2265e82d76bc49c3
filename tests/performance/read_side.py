"""First pages of a large library, by every sort and typical filters: ``python -m tests.performance read_side``.

A library of ``--tracks`` tracks is made by the database itself, on SQLite always and on PostgreSQL where
``TONEARM_DATABASE_URL`` names one; both are removed afterwards. Every page is asked for ``--repeat`` times. What other
programs do at the same time makes times longer, so the least one counts, and CPU time is shown beside it: of this
process, and of the server's where it runs on the same machine.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from sqlalchemy import text

from tests.performance.large_library import fill
from tests.performance.places import create_database, drop_database
from tonearm.bootstrap.library import feature_tables, results
from tonearm.library.database import Database, open_postgres, open_sqlite
from tonearm.library.roots import Place
from tonearm.views.tracks import TrackQuery, Tracks

TARGET_MS = 100
Times = tuple[float, float]
"""Milliseconds: elapsed, and of CPU."""
FILTERS: dict[str, TrackQuery] = {
    "no filter": TrackQuery(),
    "tempo 120.00–120.12 (0.1 %)": TrackQuery(ranges={"bpm": (120.0, 120.12)}),
    "tempo 100–140 (third)": TrackQuery(ranges={"bpm": (100.0, 140.0)}),
    "year 1999 (1.4 %)": TrackQuery(ranges={"year": (1999, 1999)}),
    "year 1999 and tempo 100–140": TrackQuery(ranges={"year": (1999, 1999), "bpm": (100.0, 140.0)}),
    "key 8A (4 %)": TrackQuery(keys=("8A",)),
    "codec mp3 (two thirds)": TrackQuery(texts={"codec": "mp3"}),
    "state partial (0.1 %)": TrackQuery(state="partial"),
    "genre, one of 400": TrackQuery(texts={"genre": "genre 200"}),
    "genre, the most frequent (14 %)": TrackQuery(texts={"genre": "genre 000"}),
    "title holds 愛 (0.1 %)": TrackQuery(texts={"title": "愛"}),
    "title holds qx (0.1 %)": TrackQuery(texts={"title": "qx"}),
    "title holds qxyz (0.1 %)": TrackQuery(texts={"title": "qxyz"}),
    "title holds a": TrackQuery(texts={"title": "a"}),
    "title holds ka": TrackQuery(texts={"title": "ka"}),
    "title holds kali": TrackQuery(texts={"title": "kali"}),
    "title holds what no title holds": TrackQuery(texts={"title": "zzzz"}),
    "artist holds mona and year 1990–1999": TrackQuery(
        texts={"artist": "mona"}, ranges={"year": (1990, 1999)}
    ),
    "missing (0.2 %)": TrackQuery(missing=True),
    "the folder of that genre (14 %)": TrackQuery(place=Place(1, b"/music", b"Genre 000")),
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="Keep the SQLite library here, or use the one that is there."
    )
    parser.add_argument(
        "--url", help="Keep the PostgreSQL library in this database, or use the one that is there."
    )
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--filters", help="Only filters whose names hold this.")
    given = parser.parse_args()
    for database in _opened(given.folder, given.url, given.only):
        tracks = Tracks(database, feature_tables(), results())
        began = time.perf_counter()
        if fill(database, feature_tables(), given.tracks):
            print(f"{database.dialect}: {given.tracks:,} tracks made in {time.perf_counter() - began:.0f} s")
        _measure(database, tracks, given.repeat, given.filters or "")


def _opened(folder: Path | None, url: str | None, only: str | None) -> Iterator[Database]:
    with ExitStack() as parts:
        if only != "postgresql":
            place = folder or Path(parts.enter_context(tempfile.TemporaryDirectory()))
            database = open_sqlite(place)
            yield database
            database.close()
    server = os.environ.get("TONEARM_DATABASE_URL")
    if only == "sqlite" or server is None:
        return
    with _database(server, url) as named:
        database = open_postgres(named, 5, 3600)
        yield database
        database.close()


@contextmanager
def _database(server: str, url: str | None) -> Iterator[str]:
    named = url or create_database(server)
    try:
        yield named
    finally:
        if url is None:
            drop_database(server, named)


def _measure(database: Database, tracks: Tracks, repeat: int, only: str) -> None:
    print(
        f"\n{database.dialect}: first page of 50 tracks, then the second; least of {repeat}, in ms: elapsed, CPU"
    )
    slow: list[str] = []
    of_cpu = pages = 0
    worst_of: dict[str, tuple[Times, str]] = {}
    clock = _cpu_clock(database)
    for name, query in FILTERS.items():
        if only not in name:
            continue
        for sort in _sorts(tracks, name):
            chosen = replace(query, sort=sort.removeprefix("-"), descending=sort.startswith("-"))
            first, second, count = _times(tracks, chosen, repeat, clock)
            line = f"{name:38} {sort:26} {count:3} {_told(first)} {_told(second)}"
            pages += 1
            of_cpu += max(first[1], second[1]) > TARGET_MS
            if first > worst_of.get(name, ((0.0, 0.0), ""))[0]:
                worst_of[name] = (first, line)
            if max(first[0], second[0]) > TARGET_MS:
                slow.append(line)
            print(line, flush=True)
    print(f"\n{database.dialect}: the slowest sort of each filter")
    for _, line in worst_of.values():
        print(line)
    print(f"\n{database.dialect}: of {pages} lists {len(slow)} above {TARGET_MS} ms, {of_cpu} of CPU")
    for line in slow:
        print(line)


def _cpu_clock(database: Database) -> Callable[[], float]:
    """CPU seconds of this process, and of the process of PostgreSQL that serves it, if it is found."""
    server: Path | None = None
    if database.shared:
        with database.read() as connection:
            port = connection.execute(text("SELECT inet_client_port()")).scalar_one()
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if f"({port})" in process.read_text():
                    server = process.with_name("schedstat")
    return lambda: time.process_time() + (0.0 if server is None else int(server.read_text().split()[0]) / 1e9)


def _sorts(tracks: Tracks, name: str) -> list[str]:
    if name == "no filter":
        return [sign + column for column in tracks.columns for sign in ("", "-")]
    return [
        "path",
        "-path",
        "title",
        "-year",
        "bpm",
        "-energy",
        "duration_s",
        "bit_depth",
        "key",
        "codec",
        "state",
    ]


def _times(
    tracks: Tracks, query: TrackQuery, repeat: int, clock: Callable[[], float]
) -> tuple[Times, Times, int]:
    first, second, count = [], [], 0
    for _ in range(repeat):
        began = time.perf_counter(), clock()
        page = tracks.page(query)
        first.append(_since(*began, clock))
        count = len(page.tracks)
        began = time.perf_counter(), clock()
        if page.end is not None:
            tracks.page(query, page.end)
        second.append(_since(*began, clock))
    return _least(first), _least(second), count


def _since(elapsed: float, cpu: float, clock: Callable[[], float]) -> Times:
    return (time.perf_counter() - elapsed) * 1000, (clock() - cpu) * 1000


def _least(times: Sequence[Times]) -> Times:
    return min(time for time, _ in times), min(cpu for _, cpu in times)


def _told(times: Times) -> str:
    return f"{times[0]:8.1f} {times[1]:8.1f}"


if __name__ == "__main__":
    main()
