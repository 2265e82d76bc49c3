"""Time of a call that finds nothing to do: ``python -m tests.performance rescan [--files N] [--rounds N]``.

A library knows ``--files`` files, all analysed. Each round is one real ``tonearm analyze`` over their folder, which
compares every file with what is known. Wall time, and the CPU time of the command and its children, are printed.

Analysing so many files would take hours, so only the scan of the first call is real: it is ended, and its jobs are
marked as done in the database.
"""

import argparse
import os
import resource
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from tests.program import Program, wait_for

FOLDER = 1000
SAMPLE = Path(__file__).parents[2] / "samples" / "03 Night Freight.flac"


def fill(music: Path, files: int) -> None:
    """Make ``files`` small files with a music file's extension, ``FOLDER`` to a folder."""
    for start in range(0, files, FOLDER):
        folder = music / f"{start // FOLDER:04}"
        folder.mkdir()
        for number in range(start, min(start + FOLDER, files)):
            (folder / f"{number:07}.flac").write_bytes(b"x" * 64)


def mark_analysed(program: Program) -> None:
    """Give every file the state and the audio of the one that was analysed, and end every job."""
    connection = program.connect()
    with connection:
        known = "SELECT {} FROM files WHERE audio_id IS NOT NULL LIMIT 1"
        connection.execute(
            f"UPDATE files SET state = 'done', engine = ({known.format('engine')}), "  # noqa: S608  no outside text
            f"audio_id = ({known.format('audio_id')})"
        )
        connection.execute("UPDATE jobs SET state = 'done', finished_at = queued_at, worker = NULL")
    connection.close()


def prepare(program: Program, music: Path, files: int) -> None:
    """Make the library that the rounds compare with."""
    shutil.copy(SAMPLE, music / "analysed.flac")
    program.run("analyze", music, check=True)
    fill(music, files - 1)
    process = program.start("analyze", music, "--json")
    wait_for(process, "scan_finished")
    process.kill()
    process.wait()
    mark_analysed(program)


def measure(program: Program, music: Path, files: int) -> tuple[float, float]:
    """Wall seconds and CPU seconds of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    outcome = program.run("analyze", music, timeout=600, check=True)
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert outcome.of("scan_finished")[0]["unchanged"] == files, outcome.of("scan_finished")
    return wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time of a scan that finds nothing new.")
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Program(Path(folder) / "data") as program:
        music = Path(folder) / "music"
        os.mkdir(music)
        prepare(program, music, options.files)
        rounds = [measure(program, music, options.files) for _ in range(options.rounds)]
    for name, values in zip(("wall s", "CPU s"), zip(*rounds, strict=True), strict=True):
        print(
            f"{options.files:,} files, {name}: median {statistics.median(values):.2f}, least {min(values):.2f}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
