"""Throughput over real audio with 1 and 2 workers: ``python -m tests.performance workers FOLDER [--files N]``.

The distributed pipeline as it is run: PostgreSQL and RabbitMQ, and worker processes of one slot each. Beside it the
same files on one machine without a server, in the same run. Times are from the first file taken to the last result
stored; efficiency is the speed of two workers over twice the speed of one.
"""

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.fleet import BASIC, Fleet
from tests.performance.bare import Round
from tests.performance.pipeline import chosen, pipeline
from tests.performance.places import create_database, delete_from_rabbitmq, drop_database
from tests.variables import taken_variables


def distributed(paths: list[Path], workers: int, urls: dict[str, str]) -> Round:
    """The files through so many worker processes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server, namespace = urls["TONEARM_DATABASE_URL"], f"pace{os.getpid()}"
        database = create_database(server)
        stack.callback(drop_database, server, database)
        stack.callback(delete_from_rabbitmq, urls["TONEARM_RABBITMQ_MANAGEMENT_URL"], namespace)
        fleet = stack.enter_context(
            Fleet(folder, {**urls, "TONEARM_DATABASE_URL": database}, namespace, BASIC)
        )
        run = fleet.program.run("analyze", *paths, "--detach", check=True).summary["run"]
        for number in range(workers):
            fleet.worker(f"w{number}")
        fleet.finished(run, 1200)
        ((began, ended, audio_s, done),) = fleet.query(
            "SELECT min(started_at), max(finished_at), sum(decoded_s), count(*) FROM jobs WHERE state = 'done'"
        )
        assert done == len(paths), done
        for number in range(workers):
            fleet.stop(f"w{number}")
    return Round(files=len(paths), wall_s=ended - began, audio_s=audio_s)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Throughput with 1 and 2 workers.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=48, help="at most so many, evenly chosen")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    urls = taken_variables()
    paths = chosen(options.folder, options.files)
    print(f"{len(paths)} files{'':24}{'workers':>8}{'x real time':>13}{'tracks/h':>10}{'efficiency':>12}")
    for _ in range(options.rounds):
        for name, one in (("on one machine", pipeline), ("PostgreSQL + RabbitMQ", None)):
            alone = 0.0
            for workers in (1, 2):
                found = one(paths, workers) if one else distributed(paths, workers, urls)
                speed = found.audio_s / found.wall_s
                alone = alone or speed
                tracks = found.files / found.wall_s * 3600
                print(
                    f"{name:32}{workers:8}{speed:13.0f}{tracks:10.0f}{speed / alone / workers:12.2f}",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
