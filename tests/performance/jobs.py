"""Jobs a second of the pipeline with an analyser that does nothing: ``python -m tests.performance jobs [--jobs N]``.

Everything else is real: files, the scan's intake, the queue, child processes, the job store, the broker and its
confirms. Beside the jobs a second stands their ratio to `SELECT 1` a second on one connection to the same database, one
after the other, right before and after, so that runs on machines under other load can be compared, and the CPU time of
the supervisor and its openers for a job. SQLite always; PostgreSQL, and RabbitMQ with it, where
``TONEARM_DATABASE_URL`` and ``TONEARM_RABBITMQ_URL`` name them, with one supervisor and with as many as ``--workers``
says, each a process with ``--slots`` children. Each kind is given a database and queues of its own, which are removed.
Only what ends after all children have started counts. ``jobs_compared`` compares two versions.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.performance.places import create_database, delete_from_rabbitmq, drop_database
from tests.variables import taken_variables
from tonearm.analysis.catalog import versions
from tonearm.bootstrap.library import Library, open_library
from tonearm.events.event import Event
from tonearm.events.facts import ChildReady, JobFinished
from tonearm.jobs.intake import Intake
from tonearm.jobs.outbox_relay import OutboxRelay
from tonearm.jobs.port import JobQueue
from tonearm.jobs.sql_queue import SqlQueue
from tonearm.library.files import FileChange, ScannedFile
from tonearm.library.found_file import FoundFile
from tonearm.names import PathMap
from tonearm.resilience.gate import Unguarded
from tonearm.settings import Level, Settings, load_settings
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor
from tonearm.worker.task import Task

MakeQueue = Callable[[Library, StopSwitch, str], JobQueue]

CHILD = str(Path(__file__).with_name("idle_child.py"))
BATCH = 2000
ASK_S = 0.5


@dataclass(frozen=True)
class Pace:
    """How fast it went, in jobs a second: put into the queue, and through the pipeline to stored results.

    asked: `SELECT 1` a second. cpu_ms: CPU milliseconds of a supervisor and its openers for a job.
    """

    enqueued: float
    worked: float
    asked: float
    cpu_ms: float


@dataclass(frozen=True)
class Moment:
    """When a job ended, on a clock that all processes share, and the CPU seconds of its supervisor until then."""

    at: float
    cpu_s: float


@dataclass(frozen=True)
class Work:
    """The ends of the jobs of one supervisor, in order, and when the last of its children was ready."""

    ends: list[Moment]
    ready_at: float


@contextmanager
def opened(folder: Path, **settings: object) -> Iterator[Library]:
    """A library of its own."""
    with open_library(load_settings({"data_dir": folder, **settings})) as app:
        yield app


def enqueue(app: Library, music: Path, jobs: int) -> tuple[int, float]:
    """Take in the files of a folder; returns the run and how many seconds it took."""
    began = time.perf_counter()
    root = app.roots.ensure(os.fsencode(music)).root
    run = app.runs.open([os.fsencode(music)])
    intake = Intake(app.database, versions(), app.settings.rules, app.settings.ageing_s)
    names = sorted(os.listdir(os.fsencode(music)))[:jobs]
    for start in range(0, len(names), BATCH):
        batch = [
            ScannedFile(FoundFile(name, 64, 1, number + start, "flac"), FileChange.NEW)
            for number, name in enumerate(names[start : start + BATCH])
        ]
        intake.record(run, root, batch, Level.NORMAL)
    app.runs.mark_scanned(run)
    return run, time.perf_counter() - began


def work(app: Library, run: int, name: str, make_queue: MakeQueue, slots: int) -> Work:
    """Work on a run to its end."""
    ends: list[Moment] = []
    ready: list[float] = []
    clocks = [time.CLOCK_PROCESS_CPUTIME_ID]

    def message(event: Event) -> None:
        if isinstance(event, JobFinished):
            if not ends:
                clocks.extend(map(clock_of, openers()))  # they live as long as the supervisor
            ends.append(Moment(time.monotonic(), sum(map(time.clock_gettime, clocks))))
        elif isinstance(event, ChildReady):
            ready.append(time.monotonic())

    stop = StopSwitch()
    settings: Settings = dataclasses.replace(app.settings, workers=slots)
    queue = make_queue(app, stop, name)
    supervisor = Supervisor(
        app.job_store,
        queue,
        app.runs,
        settings,
        versions(),
        name,
        MountGuard(PathMap(()), app.job_store.sample_paths),
        None,
        message,
        stop,
        (CHILD,),
    )
    try:
        assert supervisor.work(Task(run, lambda _: not app.job_store.open_jobs(run), lambda: None))
    finally:
        queue.close()
        stop.close()
    return Work(ends, ready[:slots][-1])


def openers() -> list[int]:
    """The processes that open files for this one; none in versions without them."""
    below = Path("/proc/self/task").glob("*/children")
    pids = [int(pid) for children in below for pid in children.read_text("ascii").split()]
    return [pid for pid in pids if b"opener_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def clock_of(pid: int) -> int:
    """The clock of the CPU time of a process, as clock_getcpuclockid(3) makes it."""
    return ~pid << 3 | 2


def through_sql(app: Library, stop: StopSwitch, name: str) -> JobQueue:  # noqa: ARG001  the other queues need it
    """The jobs table as the queue."""
    return SqlQueue(app.job_store, name, None)


@contextmanager
def broker(slots: int) -> Iterator[MakeQueue]:
    """RabbitMQ as the queue, with an outbox relay, as in every worker."""
    from tonearm.jobs.rabbitmq.connection import BrokerConnection
    from tonearm.jobs.rabbitmq.queue import RabbitQueue
    from tonearm.jobs.rabbitmq.topology import Topology

    ending = threading.Event()
    threads: list[threading.Thread] = []
    links: list[BrokerConnection] = []

    def make(app: Library, stop: StopSwitch, name: str) -> JobQueue:
        link = BrokerConnection(
            app.settings.rabbitmq_url or "",
            Topology(app.settings.namespace),
            Unguarded(),
            slots,
            stop.wake,
            5.0,
        )
        links.append(link)
        link.start()
        assert link.wait_until_known(10), "RabbitMQ does not answer"
        relay = OutboxRelay(app.database, link.publisher, app.settings.ageing_s, 10.0, lambda _: None)
        threads.append(threading.Thread(target=relay.run, args=(ending,), daemon=True))
        threads[-1].start()
        return RabbitQueue(link.receiver, app.job_store, name, SqlQueue(app.job_store, name, None))

    try:
        yield make
    finally:
        ending.set()
        for thread in threads:
            thread.join(10)
        for link in links:
            link.stop()


def work_here(folder: Path, settings: Mapping[str, object], run: int, number: int, slots: int) -> Work:
    """What one process of several does."""
    with opened(folder, **settings) as app, ExitStack() as stack:
        make = stack.enter_context(broker(slots)) if app.settings.rabbitmq_url else through_sql
        return work(app, run, f"bench{number}", make, slots)


def rate(parts: Sequence[Work]) -> float:
    """Jobs a second of all supervisors, from when all children had started."""
    since = max(part.ready_at for part in parts)
    ends = sorted(end.at for part in parts for end in part.ends if end.at >= since)
    return (len(ends) - 1) / (ends[-1] - ends[0])


def cpu_ms(parts: Sequence[Work]) -> float:
    """CPU milliseconds of a supervisor and its openers for a job, from when all children had started."""
    since = max(part.ready_at for part in parts)
    counted = [[end for end in part.ends if end.at >= since] for part in parts]
    jobs = sum(len(ends) - 1 for ends in counted)
    return sum(ends[-1].cpu_s - ends[0].cpu_s for ends in counted) / jobs * 1000


def ask(app: Library) -> float:
    """How often a second the database answers `SELECT 1`, one after the other."""
    asked = 0
    with app.database.read_once() as connection:
        began = time.perf_counter()
        while time.perf_counter() < began + ASK_S:
            connection.exec_driver_sql("SELECT 1").scalar_one()
            asked += 1
        return asked / (time.perf_counter() - began)


def measure(music: Path, jobs: int, slots: int, kind: str, workers: int, urls: Mapping[str, str]) -> Pace:
    """One kind of pipeline from an empty library to its last result."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings: dict[str, object] = {"namespace": f"bench{os.getpid()}"}
        if kind != "SQLite":
            server = urls["TONEARM_DATABASE_URL"]
            settings["database_url"] = database = create_database(server)
            stack.callback(drop_database, server, database)
        if kind.startswith("RabbitMQ"):
            settings["rabbitmq_url"] = urls["TONEARM_RABBITMQ_URL"]
            management = urls["TONEARM_RABBITMQ_MANAGEMENT_URL"]
            stack.callback(delete_from_rabbitmq, management, str(settings["namespace"]))
        with opened(folder, **settings) as app:
            run, took_s = enqueue(app, music, jobs)
            before = ask(app)
        pool = stack.enter_context(ProcessPoolExecutor(workers, get_context("spawn")))
        parts = [pool.submit(work_here, folder, settings, run, number, slots) for number in range(workers)]
        works = [part.result() for part in parts]
        with opened(folder, **settings) as app:
            return Pace(jobs / took_s, rate(works), (before + ask(app)) / 2, cpu_ms(works))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Jobs a second with an analyser that does nothing.")
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--kinds", default="SQLite,PostgreSQL,RabbitMQ", help="those to measure")
    options = parser.parse_args()
    urls = taken_variables()
    os.environ["TONEARM_CONFIG"] = os.devnull
    wanted = options.kinds.split(",")
    kinds = [("SQLite", 1)] if "SQLite" in wanted else []
    several = sorted({1, options.workers})
    if "TONEARM_DATABASE_URL" in urls:
        if "PostgreSQL" in wanted:
            kinds += [("PostgreSQL", workers) for workers in several]
        if "RabbitMQ" in wanted and "TONEARM_RABBITMQ_URL" in urls:
            kinds += [("RabbitMQ + PostgreSQL", workers) for workers in several]
    print(
        f"{f'{options.jobs} jobs, {options.slots} slots each':32}{'workers':>10}{'enqueued/s':>12}{'jobs/s':>9}"
        f"{'SELECT 1/s':>12}{'ratio':>8}{'CPU ms':>8}"
    )
    with tempfile.TemporaryDirectory() as place:
        music = Path(place)
        for number in range(options.jobs):
            (music / f"{number:07}.flac").write_bytes(f"{number:064}".encode())
        for _ in range(options.rounds):
            for kind, workers in kinds:
                pace = measure(music, options.jobs, options.slots, kind, workers, urls)
                print(
                    f"{kind:32}{workers:10}{pace.enqueued:12.0f}{pace.worked:9.0f}{pace.asked:12.0f}"
                    f"{pace.worked / pace.asked:8.3f}{pace.cpu_ms:8.3f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
