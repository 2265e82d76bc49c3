"""Jobs a second while much has ended: ``python -m tests.performance history [--ended N ...]``.

Takes and finishes jobs without any analysis, in a queue of 2,000, beside as many ended jobs as said. SQLite, and
PostgreSQL where ``TONEARM_DATABASE_URL`` names a server. Prints the median milliseconds to take four jobs and to count
the queue, and how long the oldest 500 ended jobs take to be deleted.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.performance.places import create_database, drop_database
from tests.unit.library_fixture import Library
from tonearm.jobs.history_cleanup import History
from tonearm.library.database import open_postgres, open_sqlite

QUEUE = 2_000
LONG_S = 3600.0
ENDED = (
    "INSERT INTO jobs (file_id, run_id, state, level, level_by, rank, fresh, attempts, uncharged_attempts,"
    " interruptions, queued_at, finished_at, worker, work_s, decoded_s)"
    " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :jobs)"
    " SELECT :file + i % :files, :run, 'done', 2, 'rules', i, :fresh, 1, 0, 0, i, i, 'w', 1.0, 1.0 FROM n"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The queue beside much that has ended.")
    parser.add_argument("--ended", type=int, nargs="+", default=[0, 100_000, 1_000_000])
    options = parser.parse_args()
    print(f"{'database':12}{'ended jobs':>12}{'take 4':>10}{'count':>10}{'delete 500':>12}   (ms)")
    for ended in options.ended:
        for opened in (sqlite, postgresql):
            with opened() as library:
                if library is not None:
                    print(measured(library, ended), flush=True)


@contextmanager
def sqlite() -> Iterator[Library | None]:
    """A library of its own in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_sqlite(Path(folder))
        try:
            yield Library(database)
        finally:
            database.close()


@contextmanager
def postgresql() -> Iterator[Library | None]:
    """A library of its own on the server, if there is one."""
    server = os.environ.get("TONEARM_DATABASE_URL")
    if server is None:
        yield None
        return
    url = create_database(server)
    database = open_postgres(url, 5, LONG_S)
    try:
        yield Library(database)
    finally:
        database.close()
        drop_database(server, url)


def measured(library: Library, ended: int) -> str:
    """A line of the table."""
    old, run = library.run(), library.run()
    library.meet(old, *(b"old%04d" % number for number in range(1000)))
    library.change("UPDATE jobs SET state = 'done', finished_at = 1, publish_due_at = NULL")
    first = min(row["id"] for row in library.rows("SELECT id FROM files"))
    if ended:
        library.change(ENDED, jobs=ended, file=first, files=1000, run=old, fresh=False)
    library.meet(run, *(b"new%05d" % number for number in range(QUEUE)))
    if library.database.shared:
        library.change("ANALYZE")
    take = milliseconds(lambda: library.job_store.take("w", None, (), 4), 200)
    count = milliseconds(lambda: library.job_store.depth(None), 50)
    pruned = History(library.database, 400)
    delete = milliseconds(pruned.prune_batch, 20) if ended else 0.0
    name = "PostgreSQL" if library.database.shared else "SQLite"
    return f"{name:12}{ended:12,}{take:10.2f}{count:10.2f}{delete:12.2f}"


def milliseconds(act: Callable[[], object], times: int) -> float:
    """The median of several calls."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


if __name__ == "__main__":
    main()
