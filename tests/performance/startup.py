"""CPU time until a command or a child is ready: ``python -m tests.performance startup [--rounds N]``.

Everything is measured in turn in each round, beside an interpreter that does nothing (``python -I -c pass``). Of all
rounds the smallest value counts, as other work on the machine can only add to it. Linux.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.program import Program
from tonearm.settings import load_settings
from tonearm.worker.child_process import ChildProcess

SAMPLES = Path(__file__).parents[2] / "samples"
LIMITS = {"--version": 8.0, "--help": 8.0, "status": 25.0, "child": 20.0}
"""How many times the CPU time of an interpreter that does nothing each may take."""


def called(arguments: list[str], environment: Mapping[str, str]) -> float:
    """CPU seconds, user and system, of a process from its start to its end."""
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(environment)
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    assert process.returncode == 0, said.decode()
    return usage.ru_utime + usage.ru_stime


def child_ready() -> float:
    """CPU seconds that a child has used when it says that it is ready."""
    child = ChildProcess(load_settings({"nice": 0}))
    try:
        while not any("ready" in message for message in child.receive() or []):
            assert child.process.poll() is None, child.last_error_line()
        clock = ~child.process.pid << 3 | 2  # as clock_getcpuclockid(3) makes it: that of another process
        return time.clock_gettime(clock)
    finally:
        child.close()


def main() -> int:
    """Measure and print; status 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(description="CPU time until commands and children are ready.")
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as data, Program(Path(data)) as program:
        program.environment.pop(
            "PYTHONDONTWRITEBYTECODE", None
        )  # or each start may compile what is not compiled
        program.run("analyze", SAMPLES, check=True)

        def command(*arguments: str) -> Callable[[], float]:
            return lambda: called([sys.executable, "-m", "tonearm", *arguments], program.environment)

        measured: dict[str, Callable[[], float]] = {
            "pass": lambda: called([sys.executable, "-I", "-c", "pass"], program.environment),
            "--version": command("--version"),
            "--help": command("--help"),
            "status": command("status"),
            "child": child_ready,
        }
        command("status")()  # compiles what is not compiled yet
        seconds: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(rounds):
            for name, measure in measured.items():
                seconds[name].append(measure())
    bare = min(seconds["pass"])
    print(f"{'':12}{'min ms':>9}{'median ms':>11}{'times pass':>12}{'limit':>8}")
    exceeded = False
    for name, values in seconds.items():
        ratio = min(values) / bare
        limit = LIMITS.get(name)
        exceeded |= limit is not None and ratio > limit
        median = statistics.median(values)
        print(
            f"{name:12}{min(values) * 1000:9.1f}{median * 1000:11.1f}{ratio:12.1f}"
            + (f"{limit:8.0f}" if limit else "")
        )
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
