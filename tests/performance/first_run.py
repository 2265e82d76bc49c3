"""First run of a collection, as the guide says: ``python -m tests.performance first_run FOLDER``.

Analyses a folder of files of 30 seconds into a library of its own, with the settings of the guide for 10,000 files
(``docs/how-to/settings-by-size.md``); the other (``size-and-tune.md``) compares it with what it says. ``--servers``:
with PostgreSQL, RabbitMQ, Redis and Neo4j, as for several hosts; their addresses are those in the environment. The
work is done in slices of ``--seconds``: each is one call of ``tonearm analyze``, the first one with the folder, and
ended by Ctrl-C. After ``--slices`` it is left as it is. A file that the variable ``BENCH_LOCK`` names is locked during
each slice, so that others can measure in between.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.performance.cell import LONGEST_S, Memory, servers
from tests.performance.guide import variables_of
from tests.performance.results import record
from tests.performance.tuning import held
from tests.program import Program
from tests.variables import taken_variables

NAME = "first_run"


@dataclass(frozen=True)
class Slice:
    """One call: when it began and ended (Unix time), and the largest resident sizes in MB."""

    began: float
    ended: float
    own_mb: float
    child_mb: float


def main() -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(description="First run of a collection, as the guide says.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--servers", action="store_true")
    parser.add_argument("--seconds", type=float, default=LONGEST_S - 20)
    parser.add_argument("--slices", type=int, default=1000)
    options = parser.parse_args()
    urls = taken_variables()
    with library(urls if options.servers else None) as program:
        slices = []
        for each in sliced(program, options.folder, options.seconds, options.slices):
            slices.append(each)
            row = result(program, slices)
            command = f"python -m tests.performance first_run FOLDER{' --servers' * options.servers}"
            record(NAME, command, {"all servers" if options.servers else "embedded": row})
            print(row, flush=True)
    return 0


@contextmanager
def library(urls: Mapping[str, str] | None) -> Iterator[Program]:
    """The program with an empty library; what it finds set is what the guide says, and nothing else."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        variables = dict.fromkeys(("TONEARM_WORKERS", "TONEARM_RETRY_BASE_S", "TONEARM_RETRY_CAP_S"), "")
        if urls is not None:
            variables |= {**variables_of("hosts"), **stack.enter_context(servers(urls))}
        yield stack.enter_context(Program(place / "data", **variables))


def sliced(program: Program, folder: Path, seconds: float, most: int) -> Iterator[Slice]:
    """Call the command until all files are analysed, and end each call by Ctrl-C after so many seconds."""
    for number in range(most):
        with held(os.environ.get("BENCH_LOCK")):
            began = time.time()
            process = program.start("analyze", *([folder] if not number else []), "--json")
            memory = Memory(process)
            stop = threading.Timer(seconds, process.send_signal, (signal.SIGINT,))
            stop.start()
            summary = program.wait(process, LONGEST_S).summary
            stop.cancel()
            each = Slice(began, time.time(), *memory.peaks())
        assert not summary["failed"], summary
        print(f"{time.strftime('%H:%M:%S')} {summary}"[:300], flush=True)
        yield each
        if not summary["interrupted"]:
            return


def result(program: Program, slices: list[Slice]) -> dict[str, Any]:
    """The row: files an hour from the first to the last file of each slice, and memory."""
    attempts = program.run("slow", "--by", "file", "--limit", "1000000", timeout=300, check=True).events
    done = wall_s = audio_s = 0.0
    for each in slices:
        within = [one for one in attempts if each.began <= one["ended_at"] <= each.ended]
        if not within:
            continue
        began = min(one["ended_at"] - one["run_s"] - one["store_s"] for one in within)
        wall_s += max(one["ended_at"] for one in within) - began
        done += len(within)
        audio_s += sum(one["audio_s"] for one in within)
    speed = done / wall_s * 3600
    mb = max(each.own_mb + 2 * each.child_mb for each in slices)
    return {
        "files": round(done),
        "slices": len(slices),
        "seconds": round(wall_s),
        "files/h": round(speed),
        "× real time": round(audio_s / wall_s),
        "MB in all": round(mb),
    }


if __name__ == "__main__":
    sys.exit(main())
