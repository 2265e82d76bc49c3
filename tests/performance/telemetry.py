"""What logs, metrics and traces cost: ``python -m tests.performance telemetry FOLDER [--pairs N]``.

Analyses a folder N times without and N times with everything on, in turn. Without: nothing below ``critical`` is
logged, and no address is listened on. With: JSON lines, ``/metrics`` and ``/ready`` scraped every second, and in a
third round traces too, sent to a receiver of OpenTelemetry's protocol. Compares CPU seconds, the children's included,
for each hour of audio, and the largest resident size of the process that runs the analysis. Linux.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.otlp import collecting
from tests.program import Program

QUIET = {"TONEARM_LOG_LEVEL": "critical"}
LOUD = {"TONEARM_LOG_LEVEL": "info", "TONEARM_LOG_FORMAT": "json", "TONEARM_LISTEN": "127.0.0.1:0"}
SCRAPE_S = 1.0
LIMITS = {"logs and metrics": (0.01, 15.0), "with traces": (0.01, 30.0)}
"""Largest share of CPU seconds and largest number of MiB that each may add."""


@dataclass(frozen=True)
class Cost:
    """CPU seconds for each hour of audio, and the largest resident size of the process in MiB."""

    cpu_s: float
    memory: float


def analysed(folder: Path, data: Path, extra: Mapping[str, str]) -> Cost:
    """Analyse a folder into a new library."""
    with Program(data, **extra) as program:
        process = subprocess.Popen(
            [sys.executable, "-m", "tonearm", "analyze", folder],
            env=program.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        memory = [0.0]
        watcher = threading.Thread(target=watch, args=(process, memory, "TONEARM_LISTEN" in extra))
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        watcher.join()
        assert process.stdout is not None
        process.stdout.close()
        [(audio_s,)] = program.query("SELECT sum(decoded_s) FROM jobs")
        return Cost((usage.ru_utime + usage.ru_stime) / (audio_s / 3600), memory[0])


def watch(process: "subprocess.Popen[str]", memory: list[float], scrape: bool) -> None:
    """Read the process's output, note its largest size, and scrape it while it runs."""
    url = None
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: found.extend(process.stdout or ()), daemon=True)
    found: list[str] = []
    reader.start()
    while True:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            break
        if "VmHWM" not in status:
            break
        memory[0] = int(status.partition("VmHWM:")[2].split()[0]) / 1024
        if scrape and url is None:
            url = next((line.split()[-1] for line in found if line.startswith("listening on ")), None)
        for path in ("/metrics", "/ready") if url else ():
            try:
                urllib.request.urlopen(f"{url}{path}", timeout=5).read()  # noqa: S310  a URL of our own
            except OSError:
                continue  # it ends, or is not ready
        time.sleep(SCRAPE_S)


def main() -> int:
    """Measure and print; status 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(description="What logs, metrics and traces cost.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    with collecting() as collector, tempfile.TemporaryDirectory() as temporary:
        traced = {**LOUD, **collector.environment()}
        kinds = {"nothing": QUIET, "logs and metrics": LOUD, "with traces": traced}
        costs: dict[str, list[Cost]] = {name: [] for name in kinds}
        for number in range(arguments.pairs):
            for name, extra in kinds.items():
                costs[name].append(analysed(arguments.folder, Path(temporary) / f"{name}-{number}", extra))
    return report(costs)


def report(costs: Mapping[str, list[Cost]]) -> int:
    """Print the median of each kind, and of its ratios to the round without."""
    print(f"{'':18}{'CPU s/audio-h':>14}{'ratio':>9}{'range':>16}{'MiB':>8}{'more MiB':>10}")
    exceeded = False
    for name, found in costs.items():
        ratios = [with_.cpu_s / without.cpu_s for with_, without in zip(found, costs["nothing"], strict=True)]
        more = statistics.median(
            with_.memory - without.memory for with_, without in zip(found, costs["nothing"], strict=True)
        )
        ratio = statistics.median(ratios)
        share, memory = LIMITS.get(name, (0.0, 0.0))
        exceeded |= ratio > 1 + share or more > memory
        print(
            f"{name:18}{statistics.median(each.cpu_s for each in found):>14.2f}{ratio:>9.4f}"
            f"{f'{min(ratios):.3f}–{max(ratios):.3f}':>16}"
            f"{statistics.median(each.memory for each in found):>8.1f}{more:>10.1f}"
        )
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
