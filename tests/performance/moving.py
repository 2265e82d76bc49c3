"""Times ``tonearm move`` there and back with a large library: ``python -m tests.performance moving [FILES]``.

Needs ``TONEARM_DATABASE_URL``; works in a database of its own there, which it drops again.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sqlalchemy import insert

from tests.servers import create_database, drop_database
from tonearm.library.database import open_sqlite
from tonearm.library.schema import (
    analysis_table,
    audio_table,
    file_table,
    job_table,
    root_table,
    run_table,
    tags_table,
)

BATCH = 5000


def fill(folder: Path, files: int) -> None:
    """A library of so many files, each measured once, made by inserting rows."""
    database = open_sqlite(folder)
    beats = [round(0.5 * number + 0.123456, 6) for number in range(100)]
    with database.write() as connection:
        connection.execute(insert(root_table).values(id=1, path=b"/music", mounts=[], added_at=1.0))
        connection.execute(
            insert(run_table).values(
                id=1, paths=["/music"], state="finished", started_at=1.0, discovered=files, skipped=0
            )
        )
        for start in range(1, files + 1, BATCH):
            numbers = range(start, min(start + BATCH, files + 1))
            audio = {"codec": "flac", "sample_rate_hz": 44_100, "channels": 2}
            connection.execute(
                insert(audio_table),
                [
                    {"id": n, "hash": f"{n:064x}", "decoded_s": n / 7, "intact": True}
                    | audio
                    | {"warnings": [], "first_seen_at": 1.0 + n / 3}
                    for n in numbers
                ],
            )
            connection.execute(
                insert(file_table),
                [
                    {"id": n, "root_id": 1, "path": b"artist %d/album/%08d \xff.flac" % (n // 100, n)}
                    | {"size": n * 1000, "mtime_ns": n * 10**12, "inode": n, "extension": "flac"}
                    | {
                        "state": "done",
                        "engine": "tempo:2",
                        "audio_id": n,
                        "declared_s": n / 7,
                        "complete": True,
                    }
                    | {"container": "flac", "warnings": [], "found_at": 1.0 + n / 3}
                    for n in numbers
                ],
            )
            connection.execute(
                insert(tags_table),
                [
                    {"file_id": n, "title": f"Lied Nr. {n} für Elise", "artist": f"Künstler {n // 100}"}
                    | {"art_count": 0, "art_bytes": 0, "everything": {"TIT2": [f"Lied Nr. {n}"]}}
                    | {"read_at": 1.0}
                    for n in numbers
                ],
            )
            connection.execute(
                insert(analysis_table),
                [
                    {"audio_id": n, "analyser": "tempo", "version": 2, "scalars": {"bpm": 120 + n / 1000}}
                    | {"series": {"beats": beats}, "made_at": 1.0}
                    for n in numbers
                ],
            )
            connection.execute(
                insert(job_table),
                [
                    {"file_id": n, "run_id": 1, "state": "done", "level": 2, "level_by": "rules"}
                    | {
                        "rank": n / 3,
                        "attempts": 1,
                        "uncharged_attempts": 0,
                        "interruptions": 0,
                        "fresh": False,
                    }
                    | {
                        "queued_at": 1.0,
                        "started_at": 2.0,
                        "finished_at": 3.0,
                        "work_s": 0.5,
                        "decoded_s": 9.0,
                    }
                    for n in numbers
                ],
            )
    database.close()


def moved(origin: str, goal: str) -> None:
    """Move, and say how long it took and how much memory."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "tonearm", "move", origin, goal, "--json"], check=True, stdout=-3)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{origin.split('@')[-1]} → {goal.split('@')[-1]}: {time.monotonic() - began:.1f} s, {peak:.0f} MB")


def main() -> None:
    """Fill, move there, move back."""
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    server = os.environ["TONEARM_DATABASE_URL"]
    with tempfile.TemporaryDirectory() as name:
        here, back = Path(name, "here"), Path(name, "back")
        fill(here, files)
        size = (here / "tonearm.db").stat().st_size / 1e6
        print(f"{files:,} files, {files:,} jobs, {size:.0f} MB")
        there = create_database(server)
        try:
            moved(str(here), there)
            moved(there, str(back))
        finally:
            drop_database(server, there)


if __name__ == "__main__":
    main()
