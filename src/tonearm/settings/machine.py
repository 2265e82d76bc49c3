"""How much of the machine this process may use: cores, CPU quota and memory, as Linux tells it in /proc and cgroups.

A container has the cores and the memory of its host in /proc; what it may use of them is in its control groups
(cgroups(7)). Those form a tree, and a limit anywhere on the way up applies.
"""

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHILD_MB = 100
"""Megabytes that an analysing process needs: 35 to 76 of its own were measured over nine formats, sample rates up to
192 kHz and files up to half an hour; the rest is for what the kernel keeps of the file."""
WORKER_MB = 150
"""Megabytes that the process around them needs, with the libraries that all of them share."""
MOST = 512

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Machine:
    """What this process may use. ``None`` where there is no limit, or none is known.

    cores: that it may run on. cpu_quota: cores' worth of CPU time. memory_mb: the least of the machine's memory and
    its limits.
    """

    cores: int
    cpu_quota: float | None
    memory_mb: int | None

    @property
    def fitting_workers(self) -> int:
        """How many files can be analysed at the same time: one for each core, as far as there is memory for it."""
        fitting = [self.cores, MOST]
        if self.cpu_quota is not None:
            fitting.append(math.ceil(round(self.cpu_quota, 3)))
        if self.memory_mb is not None:
            fitting.append((self.memory_mb - WORKER_MB) // CHILD_MB)
        return max(1, min(fitting))


@dataclass(frozen=True, slots=True)
class ControlGroup:
    """One group that this process is in. ``mounted_at``: the folder of the topmost group that can be seen."""

    controllers: frozenset[str]
    folder: Path
    mounted_at: Path

    @property
    def upwards(self) -> Iterator[Path]:
        """The folder of the group, and of each group that it is in."""
        yield self.folder
        if self.folder != self.mounted_at:
            for above in self.folder.parents:
                yield above
                if above == self.mounted_at:
                    return


def this_machine(proc: Path = PROC, cores: int | None = None) -> Machine:
    """What this process may use. ``cores``: on how many it may run, as the system says unless it is given."""
    quotas, memory = [], []
    for group in control_groups(proc):
        for folder in group.upwards:
            if "cpu" in group.controllers:
                quotas += _quota(folder)
            if "memory" in group.controllers:
                memory += _memory(folder)
    total = re.search(r"^MemTotal:\s+(\d+) kB", read_text(proc / "meminfo"), re.MULTILINE)
    if total is not None:
        memory.append(int(total[1]) << 10)
    return Machine(_cores() if cores is None else cores, min(quotas, default=None), _megabytes(memory))


def fitting_workers() -> int:
    """How many files this machine can analyse at the same time."""
    return this_machine().fitting_workers


def control_groups(proc: Path = PROC) -> list[ControlGroup]:
    """The groups of this process, of both versions; empty where there are none, or on other systems."""
    own: dict[str, str] = {}
    for line in read_text(proc / "self" / "cgroup").splitlines():
        _, _, named = line.partition(":")
        names, _, path = named.partition(":")
        own |= dict.fromkeys(names.split(","), path)  # in version 2 the name is empty
    found = []
    for line in read_text(proc / "self" / "mountinfo").splitlines():
        where, _, what = line.partition(" - ")
        fields, (kind, *_, options) = where.split(" "), what.split(" ")
        if kind not in {"cgroup", "cgroup2"}:
            continue
        mounted_at = Path(_unescaped(fields[4]))
        names_here = {""} if kind == "cgroup2" else set(options.split(",")) & own.keys()
        controllers = frozenset({"cpu", "memory"} if kind == "cgroup2" else names_here)
        paths = {own[name] for name in names_here if name in own}
        found += [
            ControlGroup(controllers, _folder(mounted_at, fields[3], path), mounted_at) for path in paths
        ]
    return found


def read_text(path: Path) -> str:
    """The contents of a file of the kernel; empty if there is none or it can't be read."""
    try:
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return ""


def _folder(mounted_at: Path, root: str, path: str) -> Path:
    """The folder of a group. A container sees a part of the tree only: ``root`` is where what it sees begins."""
    root = root.rstrip("/")
    if path != root and not path.startswith(f"{root}/"):
        return mounted_at
    below = path[len(root) :].strip("/")
    return mounted_at if ".." in below.split("/") else mounted_at / below


def _quota(folder: Path) -> list[float]:
    quota, period = (read_text(folder / "cpu.max").split() or ["max", ""])[:2]
    if quota == "max":
        quota = read_text(folder / "cpu.cfs_quota_us")
        period = read_text(folder / "cpu.cfs_period_us")
    try:
        cores = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return []
    return [cores] if cores > 0 else []  # -1 stands for no quota


def _memory(folder: Path) -> list[int]:
    limits = [
        read_text(folder / name).strip() for name in ("memory.max", "memory.high", "memory.limit_in_bytes")
    ]
    return [int(limit) for limit in limits if limit.isdecimal()]


def _megabytes(limits: list[int]) -> int | None:
    return min(limits) >> 20 if limits else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _unescaped(text: str) -> str:
    """A path as it is written in /proc: spaces and the like as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
