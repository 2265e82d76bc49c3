"""Facts about this machine and this Python, and what is short for the settings."""

import math
import os
import platform
import re
import sys
from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.settings import Settings
from tonearm.settings.machine import CHILD_MB, PROC, WORKER_MB, read_text, this_machine


def machine() -> Iterator[Diagnosis]:
    """What runs here: the system, its processors, its memory, Python."""
    system = f"{platform.system()} {platform.release()} on {platform.machine()}"
    yield Diagnosis("machine.system", "system", system)
    this = this_machine()
    quota = "" if this.cpu_quota is None else f", and a quota of CPU time of {this.cpu_quota:g} of them"
    detail = f"{os.cpu_count() or 1}, of which this process may use {this.cores}{quota}"
    yield Diagnosis("machine.processors", "processors", detail)
    if this.memory_mb is not None:
        free_mb = _available_mb()
        now = "" if free_mb is None else f", {free_mb:,} MB available now"
        yield Diagnosis("machine.memory", "memory", f"{this.memory_mb:,} MB may be used{now}")
    implementation = platform.python_implementation()
    yield Diagnosis("python.version", "Python", f"{implementation} {platform.python_version()}, {sys.prefix}")


def fit(settings: Settings) -> Iterator[Diagnosis]:
    """Whether the workers of the settings fit this machine."""
    workers, this = settings.workers, this_machine()
    usable = this.cores if this.cpu_quota is None else min(this.cores, math.ceil(this.cpu_quota))
    if workers > 2 * usable:
        yield Diagnosis(
            "machine.workers-many",
            "workers",
            f"{workers} files are analysed at the same time on {usable} usable processors",
            f"set TONEARM_WORKERS to {this.fitting_workers}, or leave it out",
        )
    known = [each for each in (this.memory_mb, _available_mb()) if each is not None]
    needed = WORKER_MB + workers * CHILD_MB
    if workers and known and needed > min(known):
        fitting = max(1, (min(known) - WORKER_MB) // CHILD_MB)
        yield Diagnosis(
            "machine.memory-short",
            "memory",
            f"{workers} workers need about {needed:,} MB, and {min(known):,} MB are available",
            f"set TONEARM_WORKERS to {fitting}, or free memory",
        )


def _available_mb() -> int | None:
    """Memory of the machine that can be used without swapping; ``None`` where the system does not tell."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", read_text(PROC / "meminfo"), re.MULTILINE)
    return int(found[1]) >> 10 if found is not None else None
