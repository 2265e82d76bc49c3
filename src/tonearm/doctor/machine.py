"""Facts about this machine and this Python, and what is short for the settings."""

import os
import platform
import sys
from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.settings import Settings

LEAST_A_CHILD_MB = 200
"""Memory that a child needs for an ordinary file, with what it has loaded."""


def machine() -> Iterator[Diagnosis]:
    """What runs here: the system, its processors, its memory, Python."""
    system = f"{platform.system()} {platform.release()} on {platform.machine()}"
    yield Diagnosis("machine.system", "system", system)
    usable, all_of_them = usable_processors(), os.cpu_count() or 1
    text = f"{all_of_them}, all usable" if usable == all_of_them else f"{all_of_them}, {usable} usable here"
    yield Diagnosis("machine.processors", "processors", text)
    if (free_mb := available_mb()) is not None:
        yield Diagnosis("machine.memory", "memory", f"{free_mb:,} MB available")
    implementation = platform.python_implementation()
    yield Diagnosis("python.version", "Python", f"{implementation} {platform.python_version()}, {sys.prefix}")


def fit(settings: Settings) -> Iterator[Diagnosis]:
    """Whether the workers of the settings fit this machine."""
    workers, usable = settings.workers, usable_processors()
    if workers > 2 * usable:
        yield Diagnosis(
            "machine.workers-many",
            "workers",
            f"{workers} files are analysed at the same time on {usable} usable processors",
            f"set TONEARM_WORKERS to {usable}, or leave it out",
        )
    free_mb = available_mb()
    if free_mb is not None and workers * LEAST_A_CHILD_MB > free_mb:
        yield Diagnosis(
            "machine.memory-short",
            "memory",
            f"{workers} workers need about {workers * LEAST_A_CHILD_MB:,} MB, and {free_mb:,} MB are available",
            f"set TONEARM_WORKERS to {max(1, free_mb // LEAST_A_CHILD_MB)}, or free memory",
        )


def usable_processors() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_mb() -> int | None:
    """Memory that can be used without swapping, in MB; ``None`` where the system does not tell."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) // 1024
    except (OSError, ValueError, IndexError):
        return None
    return None
