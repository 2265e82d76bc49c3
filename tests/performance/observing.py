"""What failed and what was slow, in a large library: ``python -m tests.performance observing [--jobs N]``.

Writes as many files, each with a job and an attempt with its timings; every ``--failed``-th has failed. SQLite, and
PostgreSQL where ``TONEARM_DATABASE_URL`` names a server. Prints seconds, and CPU seconds of this process.
"""

import argparse
import time
from collections.abc import Callable

from sqlalchemy import text

from tests.performance.history import postgresql, sqlite
from tests.unit.library_fixture import Library
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.views.slow import SlowWork, Span

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"
FILES = """
INSERT INTO files (id, root_id, path, size, mtime_ns, inode, extension, state, found_at)
$NUMBERS
SELECT i, :root, $PATH, 1000, 1, i, 'flac', CASE WHEN i % :failed = 0 THEN 'quarantined' ELSE 'done' END, 1 FROM n
"""
JOBS = """
INSERT INTO jobs (id, file_id, run_id, state, level, level_by, rank, fresh, attempts, uncharged_attempts,
  interruptions, child_deaths, queued_at, finished_at, worker, work_s, decoded_s, code, reason, advice)
$NUMBERS
SELECT i, i, :run, CASE WHEN i % :failed = 0 THEN 'quarantined' ELSE 'done' END, 2, 'rules', i, :fresh, 1, 0,
  0, 0, i, :now - :rows + i, 'w', 1.0, 200.0,
  CASE WHEN i % :failed = 0 THEN CASE WHEN i % 3 = 0 THEN 'read-error' ELSE 'incomplete' END END,
  CASE WHEN i % :failed = 0 THEN CASE WHEN i % 3 = 0 THEN 'the cable is loose' ELSE 'only ' || i || ' s' END END, ''
FROM n
"""
ATTEMPTS = """
INSERT INTO attempts (job_id, number, worker, taken_at, ended_at, outcome, charged, queue_wait_s, run_s, store_s,
  timings)
$NUMBERS
SELECT i, 1, 'w' || i % 20, :now - :rows + i - 1, :now - :rows + i, 'done', :charged, 60.0,
  0.5 + (i % 1000 * 7919 % 1000) / 1000.0, 0.01, :timings
FROM n
"""
TIMINGS = """
{"identify": 0.1, "tags": 0.01, "decode": 0.2, "front": 0.1, "loudness": 0.03, "character": 0.03, "key": 0.02,
"tempo": 0.02}
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Failures and slow files of a large library.")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--failed", type=int, default=1)
    options = parser.parse_args()
    for opened in (sqlite, postgresql):
        with opened() as library:
            if library is not None:
                fill(library, options.jobs, options.failed)
                measure(library)


def fill(library: Library, rows: int, failed: int) -> None:
    """Write files, jobs and attempts."""
    shared = library.database.shared
    parts = {
        "$NUMBERS": NUMBERS,
        "$PATH": "convert_to(lpad(i::text, 8, '0'), 'UTF8')" if shared else "CAST(printf('%08d', i) AS BLOB)",
        ":timings": "CAST(:timings AS JSON)" if shared else ":timings",
    }
    values: dict[str, object] = {
        "root": library.root(),
        "run": library.run(),
        "rows": rows,
        "failed": failed,
        "now": time.time(),
    }
    values |= {"fresh": False, "charged": True, "timings": TIMINGS}
    with library.database.write() as connection:
        for statement in (FILES, JOBS, ATTEMPTS):
            for part, written in parts.items():
                statement = statement.replace(part, written)
            connection.execute(text(statement), values)
        connection.execute(text("ANALYZE"))


def measure(library: Library) -> None:
    """Print how long each view takes."""
    print("PostgreSQL" if library.database.shared else "SQLite")
    everything = FailedSelection()
    slow = SlowWork(library.database)
    show("slow stages", lambda: slow.usage(Span()))
    show("slow stages of a run", lambda: slow.usage(Span(run=1)))
    show("slow files", lambda: slow.slowest(Span()))
    show("slow files of a run", lambda: slow.slowest(Span(run=1)))
    show("groups", lambda: library.failures.groups(everything))
    show("first page of a group", lambda: library.failures.page(FailedSelection(codes=["incomplete"])))
    show("first page of all", lambda: library.failures.page(everything))
    show("latest", lambda: library.failures.latest(10))
    show("suspects", library.failures.count_suspects)
    work = library.queue_admin.retry(FailedSelection(codes=["read-error"]))
    show("1,000 queued again", work.step)
    show("20,000 queued again", lambda: [work.step() for _ in range(20)])


def show(name: str, act: Callable[[], object]) -> None:
    """Print how long a call takes."""
    began, cpu = time.perf_counter(), time.process_time()
    act()
    print(
        f"  {name:24}{time.perf_counter() - began:9.3f} s{time.process_time() - cpu:9.3f} s CPU", flush=True
    )


if __name__ == "__main__":
    main()
