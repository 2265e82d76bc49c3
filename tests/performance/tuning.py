"""How good the proposal of ``tune`` is: ``python -m tests.performance tuning MUSIC [--within CORES MB] [--rounds N]``.

Every number of workers from 1 to 4 analyses the same files by the real command, cold; its time is from the first file
that a child has to the last that is stored. ``tune`` is called in between, where 1 and where 4 workers are set. Its
proposals are compared with the fastest number, by the medians. ``--within`` does all of this in control groups (version
1) with so many cores' worth of CPU time and megabytes; it needs the right to make them. A file that the variable
``BENCH_LOCK`` names is locked during each turn and each call of ``tune``, so that others can measure in between.
"""

import argparse
import contextlib
import fcntl
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.performance.pipeline import chosen, pipeline
from tests.program import Program
from tonearm.tuning.reading import drop

WORKERS = (1, 2, 3, 4)
FROM = (1, 4)
GROUPS = Path("/sys/fs/cgroup")
PERIOD_US = 100_000
SHARES = 262_144
"""Precedence over the other programs of the machine, so that they do not count."""


@contextlib.contextmanager
def confined(cores: float, memory_mb: int) -> Iterator[None]:
    """Have this process and what it starts use no more than this."""
    limits = {
        "cpu": {
            "cpu.cfs_period_us": PERIOD_US,
            "cpu.cfs_quota_us": round(cores * PERIOD_US),
            "cpu.shares": SHARES,
        },
        "memory": {"memory.limit_in_bytes": memory_mb * 10**6},
    }
    own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text("ascii").splitlines())
    with contextlib.ExitStack() as stack:
        for name, values in limits.items():
            former = GROUPS / name / own[name].lstrip("/")
            group = GROUPS / name / f"tonearm-{os.getpid()}"
            group.mkdir()
            stack.callback(group.rmdir)
            for file, value in values.items():
                (group / file).write_text(str(value), "ascii")
            (group / "cgroup.procs").write_text(str(os.getpid()), "ascii")
            stack.callback((former / "cgroup.procs").write_text, str(os.getpid()), "ascii")
        yield


@contextlib.contextmanager
def held(lock: str | None) -> Iterator[None]:
    """Hold a lock file, if there is one."""
    if not lock:
        yield
        return
    with open(lock, "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def exhaustive(paths: list[Path], workers: int) -> float:
    """Files an hour of the real command with so many workers."""
    for path in paths:
        drop(os.fsencode(path))
    found = pipeline(paths, workers)
    return found.files / found.wall_s * 3600


def proposed(folder: Path, workers: int, seconds: float) -> dict[str, float]:
    """What ``tune`` proposes instead of so many workers."""
    with tempfile.TemporaryDirectory() as data, Program(Path(data), TONEARM_WORKERS=str(workers)) as program:
        rows = program.run("tune", folder, "--seconds", str(seconds), timeout=600, check=True).events
    [proposal] = [row for row in rows if row.get("setting") == "workers"]
    return {name: proposal[name] for name in ("now", "proposed", "expected", "spread")}


def main() -> int:
    """Measure and print; the exit status is 1 where a proposal is more than a tenth slower than the best."""
    parser = argparse.ArgumentParser(description="How good the proposal of tune is.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--within", nargs=2, type=float, metavar=("CORES", "MB"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=80.0)
    options = parser.parse_args()
    paths = chosen(options.folder, options.files)
    speeds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    proposals = []
    with confined(options.within[0], int(options.within[1])) if options.within else contextlib.nullcontext():
        for turn in range(options.rounds):
            with held(os.environ.get("BENCH_LOCK")):
                for workers in WORKERS if turn % 2 == 0 else reversed(WORKERS):
                    speeds[workers].append(exhaustive(paths, workers))
            if turn < len(FROM):
                with held(os.environ.get("BENCH_LOCK")):
                    proposals.append(proposed(options.folder, FROM[turn], options.seconds))
                print(f"tune: {json.dumps(proposals[-1])}", flush=True)
    medians = {workers: statistics.median(several) for workers, several in speeds.items()}
    for workers, several in speeds.items():
        print(f"{workers} workers: {medians[workers]:.0f} files/h ({min(several):.0f} to {max(several):.0f})")
    best, worst = max(medians.values()), 1.0
    for proposal in proposals:
        share = medians[int(proposal["proposed"])] / best
        worst = min(worst, share)
        print(f"from {proposal['now']}: {proposal['proposed']} workers, {share:.1%} of the best found")
    return 0 if worst >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
