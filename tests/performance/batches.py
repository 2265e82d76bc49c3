"""What sizes of batches and numbers of connections are worth: ``python -m tests.performance batches WHAT …``.

WHAT: ``scan`` (files that one transaction of the scan writes), ``relay`` (messages that are published together),
``prefetch`` (messages that the broker sends ahead) or ``connections`` (to PostgreSQL, of one process). The
values are measured in turn, the turns are repeated, and the median and the range of each are printed. Servers are
those of ``tests.performance.jobs``; an analyser that does nothing works on the jobs.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

from tests.performance.jobs import broker, enqueue, opened, rate, through_sql, work
from tests.performance.places import create_database, delete_from_rabbitmq, drop_database
from tests.proxy import proxy_of, through
from tests.variables import taken_variables
from tonearm.analysis.catalog import versions
from tonearm.bootstrap.library import Library
from tonearm.jobs import outbox_relay
from tonearm.jobs.intake import Intake
from tonearm.jobs.outbox_relay import OutboxRelay
from tonearm.jobs.rabbitmq.connection import BrokerConnection
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.library.files import FileChange, ScannedFile
from tonearm.library.found_file import FoundFile
from tonearm.resilience.gate import Unguarded
from tonearm.settings import Level

VALUES = {
    "scan": (100, 500, 2000, 8000),
    "relay": (100, 300, 1000, 5000),
    "prefetch": (64, 96, 128, 256),
    "connections": (2, 3, 5, 10),
}


@contextmanager
def library(kind: str, urls: Mapping[str, str], **settings: object) -> Iterator[Library]:
    """An empty library of this kind: SQLite, PostgreSQL or RabbitMQ (with PostgreSQL)."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings["namespace"] = namespace = f"bench{os.getpid()}"
        if kind != "SQLite":
            server = urls["TONEARM_DATABASE_URL"]
            settings["database_url"] = database = create_database(server)
            stack.callback(drop_database, server, database)
        if kind == "RabbitMQ":
            settings["rabbitmq_url"] = urls["TONEARM_RABBITMQ_URL"]
            stack.callback(delete_from_rabbitmq, urls["TONEARM_RABBITMQ_MANAGEMENT_URL"], namespace)
        yield stack.enter_context(opened(folder, **settings))


def intake(app: Library, files: int, batch: int) -> float:
    """Files a second that the scan's transactions write, with their jobs."""
    root = app.roots.ensure(b"/").root
    run = app.runs.open([b"/"])
    record = Intake(app.database, versions(), app.settings.rules, app.settings.ageing_s).record
    began = time.perf_counter()
    for start in range(0, files, batch):
        found = [
            ScannedFile(FoundFile(b"%09d" % number, 64, 1, number, "flac"), FileChange.NEW)
            for number in range(start, min(files, start + batch))
        ]
        record(run, root, found, Level.NORMAL)
    return files / (time.perf_counter() - began)


def published(app: Library, files: int, batch: int) -> float:
    """Messages a second that the outbox relay publishes, confirmed and recorded."""
    intake(app, files, 2000)
    url, topology = app.settings.rabbitmq_url or "", Topology(app.settings.namespace)
    link = BrokerConnection(url, topology, Unguarded(), 0, lambda: None, 5.0)
    link.start()
    try:
        assert link.wait_until_known(10), "RabbitMQ does not answer"
        relay = OutboxRelay(app.database, link.publisher, app.settings.ageing_s, 60.0, lambda _: None)
        with mock.patch.object(outbox_relay, "BATCH", batch):
            began = time.perf_counter()
            while relay.publish_batch():
                pass
            return files / (time.perf_counter() - began)
    finally:
        link.stop()


def worked(app: Library, music: Path, jobs: int, slots: int, prefetch: int) -> float:
    """Jobs a second from the queue to stored results."""
    run, _ = enqueue(app, music, jobs)
    if app.settings.rabbitmq_url is None:
        return rate([work(app, run, "bench", through_sql, slots)])
    with broker(prefetch) as make:
        return rate([work(app, run, "bench", make, slots)])


def measure(
    what: str, kind: str, value: int, music: Path, jobs: int, slots: int, urls: Mapping[str, str]
) -> float:
    """One measurement in a library of its own; what a second."""
    settings = {"database_connections": value} if what == "connections" else {}
    with library(kind, urls, **settings) as app:
        if what == "scan":
            return intake(app, 10 * jobs, value)
        if what == "relay":
            return published(app, 4 * jobs, value)
        return worked(app, music, jobs, slots, value if what == "prefetch" else slots)


@contextmanager
def far_away(urls: Mapping[str, str], delay_s: float) -> Iterator[Mapping[str, str]]:
    """The addresses, with RabbitMQ behind a proxy that passes on what is sent to it this much later."""
    name = "TONEARM_RABBITMQ_URL"
    if not delay_s or name not in urls:
        yield urls
        return
    with proxy_of(urls[name]) as proxy:
        proxy.delay_s = delay_s
        yield {**urls, name: through(proxy, urls[name])}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What batch sizes and connections are worth.")
    parser.add_argument("what", choices=tuple(VALUES))
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default="SQLite,PostgreSQL,RabbitMQ")
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how far away RabbitMQ is")
    parser.add_argument("--values", type=int, nargs="+", help="others than the usual ones")
    options = parser.parse_args()
    urls = taken_variables()
    os.environ["TONEARM_CONFIG"] = os.devnull
    possible = {"scan": "SQLite PostgreSQL", "relay": "RabbitMQ", "prefetch": "RabbitMQ"}
    kinds = possible.get(options.what, "PostgreSQL RabbitMQ").split()
    values = options.values or VALUES[options.what]
    with tempfile.TemporaryDirectory() as place, far_away(urls, options.delay_ms / 1000) as there:
        music = Path(place)
        for number in range(options.jobs):
            (music / f"{number:07}.flac").write_bytes(f"{number:064}".encode())
        for kind in (one for one in kinds if one in options.kinds.split(",")):
            found: dict[int, list[float]] = {value: [] for value in values}
            for turn in range(options.rounds):
                for value in values if turn % 2 == 0 else reversed(values):
                    found[value].append(
                        measure(options.what, kind, value, music, options.jobs, options.slots, there)
                    )
            for value, rates in found.items():
                middle, low, high = statistics.median(rates), min(rates), max(rates)
                print(
                    f"{options.what:12}{kind:12}{value:6}{middle:9.0f}/s  ({low:.0f} to {high:.0f})",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
