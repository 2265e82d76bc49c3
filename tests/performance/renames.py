"""Planning, applying and undoing names of many files: ``python -m tests.performance renames [--files N]``.

All files get a name by the preset for a DJ in one plan; its wall and CPU seconds and the largest memory are those of
the command. Then so many of them as ``--applied`` says are renamed and get their old names again, and a bare loop
renames a quarter as many: commit, rename, fsync of the folder, commit. The rates of the three are of one run. In a
folder of its own below ``--folder``, which is removed.
"""

import argparse
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import insert

from tests.performance.moving import fill
from tonearm.analysis.catalog import versions
from tonearm.library.database import open_sqlite
from tonearm.library.schema import analysis_table, file_table, root_table, tags_table

FOLDER_OF = 100
"""Files of a folder."""


def collection(music: Path, data: Path, files: int, first: int) -> None:
    """Small files, and a library that knows them with a tempo and a key; the first of them in a folder of their own."""
    fill(data, files)
    rows, found = [], []
    for number in range(1, files + 1):
        part = "first" if number <= first else "others"
        name = f"{part}/{(number - 1) // FOLDER_OF:05}/{number:08}.flac"
        path = music / name
        if number % FOLDER_OF == 1:
            path.parent.mkdir(parents=True)
        path.write_bytes(b"%d" % number)
        status = path.stat()
        rows.append((os.fsencode(name), status.st_size, status.st_mtime_ns, status.st_ino, number))
        found.append(
            {
                "audio_id": number,
                "analyser": "key",
                "version": versions()["key"],
                "made_at": 1.0,
                "series": {},
            }
            | {"scalars": {"key": "A minor", "camelot": "8A", "open_key": "1m", "key_confidence": 0.9}}
        )
    database = open_sqlite(data)
    with database.write() as connection:
        connection.execute(root_table.update().values(path=os.fsencode(music)))
        connection.execute(analysis_table.update().values(version=versions()["tempo"]))
        connection.execute(insert(analysis_table), found)
        connection.exec_driver_sql(
            f"UPDATE {file_table.name} SET path = ?, size = ?, mtime_ns = ?, inode = ? WHERE id = ?",  # noqa: S608  a name of ours
            rows,
        )
        connection.execute(tags_table.update().values(album="Album"))
    database.close()
    called(data, "list", "--count")  # the first command makes the tables of what can be searched


def called(data: Path, *arguments: str) -> tuple[float, float, float]:
    """Call ``tonearm rename``; returns its wall seconds, CPU seconds and megabytes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    environment = os.environ | {"TONEARM_DATA_DIR": str(data), "TONEARM_CONFIG": os.devnull}
    command = [sys.executable, "-m", "tonearm", "rename", *arguments]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 1024


def bare(folder: Path, files: int) -> float:
    """Files a second that are renamed with a commit before and after each, and an fsync of the folder."""
    music = folder / "bare"
    music.mkdir()
    for number in range(files):
        (music / f"{number}").write_bytes(b"x")
    with closing(sqlite3.connect(folder / "bare.db", isolation_level=None)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE steps (id INTEGER PRIMARY KEY, old, new, done)")
        descriptor = os.open(music, os.O_RDONLY)
        began = time.monotonic()
        for number in range(files):
            connection.execute(
                "INSERT INTO steps VALUES (?, ?, ?, 0)", (number, f"{number}", f"new {number}")
            )
            os.rename(f"{number}", f"new {number}", src_dir_fd=descriptor, dst_dir_fd=descriptor)
            os.fsync(descriptor)
            connection.execute("UPDATE steps SET done = 1 WHERE id = ?", (number,))
        elapsed = time.monotonic() - began
        os.close(descriptor)
    return files / elapsed


def rate(files: int, call: Callable[[], tuple[float, float, float]]) -> str:
    """Files a second of a call, with its CPU seconds."""
    wall, cpu, _ = call()
    return f"{files / wall:9.0f}/s   ({wall:.1f} s, {cpu:.1f} s CPU, start of the command included)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Planning, applying and undoing names.")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--applied", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        music, data = Path(name, "music"), Path(name, "data")
        music.mkdir()
        collection(music, data, options.files, options.applied)
        os.sync()
        wall, cpu, megabytes = called(data, "plan", str(music), "--preset", "dj")
        print(
            f"plan of {options.files:,} files: {wall:.1f} s, {cpu:.1f} s CPU, {megabytes:.0f} MB", flush=True
        )
        called(data, "approve", "--below", str(music / "first"))
        print("apply    " + rate(options.applied, lambda: called(data, "apply")), flush=True)
        print("undo     " + rate(options.applied, lambda: called(data, "undo")), flush=True)
        print(f"bare loop{bare(Path(name), options.applied // 4):9.0f}/s", flush=True)


if __name__ == "__main__":
    main()
