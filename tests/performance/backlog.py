"""Memory with a million jobs waiting: ``python -m tests.performance backlog [--jobs N] [--worked N]``.

Makes a library of so many waiting jobs on PostgreSQL, has the outbox relay publish all of them to RabbitMQ, then works
through some of them with an analyser that does nothing, and prints the memory of this process, which is relay and
supervisor at once, and of the broker at several points. Needs TONEARM_DATABASE_URL, TONEARM_RABBITMQ_URL and
TONEARM_RABBITMQ_MANAGEMENT_URL; uses a database and queues of its own, which are removed.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text

from tests.performance.jobs import CHILD, broker, opened
from tests.performance.places import broker_mb, create_database, delete_from_rabbitmq, drop_database
from tests.variables import taken_variables
from tonearm.analysis.catalog import versions
from tonearm.bootstrap.library import Library
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished
from tonearm.jobs.port import JobQueue
from tonearm.names import PathMap
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor
from tonearm.worker.task import Task

FILES = """
INSERT INTO files (root_id, path, size, mtime_ns, inode, extension, state, found_at)
SELECT :root, convert_to(lpad(n::text, 8, '0') || '.flac', 'UTF8'), 64, 1, n, 'flac', 'waiting', 0
FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n
"""
JOBS = """
INSERT INTO jobs (file_id, run_id, state, level, level_by, rank, fresh, attempts, uncharged_attempts, interruptions,
                  queued_at, correlation_id, publish_due_at, work_s, decoded_s)
SELECT f.id, :run, 'queued', 2, 'rules', f.inode, false, 0, 0, 0, 0, md5(f.id::text), 0, 0, 0
FROM files f WHERE f.inode BETWEEN CAST(:first AS bigint) AND CAST(:last AS bigint)
"""
STEP = 50_000
SLOTS = 8


def fill(app: Library, music: Path, jobs: int) -> None:
    """Make so many waiting jobs."""
    root = app.roots.ensure(os.fsencode(music)).root
    run = app.runs.open([os.fsencode(music)])
    for first in range(0, jobs, STEP):
        values = {"root": root, "run": run, "first": first, "last": min(first + STEP, jobs) - 1}
        with app.database.write() as connection:
            connection.execute(text(FILES), values)
            connection.execute(text(JOBS), values)
    app.runs.mark_scanned(run)


def worked(app: Library, queue: JobQueue, stop: StopSwitch, jobs: int) -> float:
    """Work through so many jobs; returns the seconds it took."""
    done = 0

    def message(event: Event) -> None:
        nonlocal done
        done += isinstance(event, JobFinished)
        if done >= jobs and not stop.requests:
            stop.request()

    settings = dataclasses.replace(app.settings, workers=SLOTS)
    mount_guard = MountGuard(PathMap(()), app.job_store.sample_paths)
    supervisor = Supervisor(
        app.job_store,
        queue,
        app.runs,
        settings,
        versions(),
        "bench",
        mount_guard,
        None,
        message,
        stop,
        (CHILD,),
    )
    began = time.monotonic()
    supervisor.work(Task(None, lambda _: False, lambda: None))
    return time.monotonic() - began


def resident_mb() -> float:
    """Memory of this process now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Memory with many jobs waiting.")
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--worked", type=int, default=5_000)
    options = parser.parse_args()
    urls = taken_variables()
    os.environ["TONEARM_CONFIG"] = os.devnull
    management, server = urls["TONEARM_RABBITMQ_MANAGEMENT_URL"], urls["TONEARM_DATABASE_URL"]
    with ExitStack() as stack:
        music = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for number in range(options.worked):
            (music / f"{number:08}.flac").write_bytes(f"{number:064}".encode())
        database = create_database(server)
        stack.callback(drop_database, server, database)
        settings: dict[str, object] = {"namespace": f"backlog{os.getpid()}", "database_url": database}
        settings["rabbitmq_url"] = urls["TONEARM_RABBITMQ_URL"]
        stack.callback(delete_from_rabbitmq, management, str(settings["namespace"]))
        app = stack.enter_context(opened(music / "unused", **settings))
        print(f"{'':40}{'supervisor MB':>14}{'broker MB':>11}", flush=True)

        def say(what: str) -> None:
            print(f"{what:40}{resident_mb():14.0f}{broker_mb(management):11.0f}", flush=True)

        say("at the start")
        said = 0
        fill(app, music, options.jobs)
        say(f"{options.jobs:,} jobs wait in the database")
        stop = StopSwitch()
        queue = stack.enter_context(broker(SLOTS))(app, stop, "bench")
        began = time.monotonic()
        while left := app.job_store.count_unsent():
            time.sleep(2)
            if time.monotonic() - began > 30 * (1 + said):
                said += 1
                say(f"{options.jobs - left:,} carried")
        say(f"all carried, {options.jobs / (time.monotonic() - began):,.0f} a second")
        took_s = worked(app, queue, stop, options.worked - 2 * SLOTS)
        say(f"{options.worked:,} worked, {options.worked / took_s:,.0f} a second")
        queue.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
