"""What each setting does to throughput and memory: ``python -m tests.performance parameters FOLDER [--only NAME …]``.

The first files of a folder are analysed by the real command, with the setting and without it in turn, and the ratio of
the two speeds in each turn is recorded. The variables ``TONEARM_…_URL`` name the servers; without them, settings of
servers are left out. A file that the variable ``BENCH_LOCK`` names is locked during each three.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.performance.cell import SERVERS, Cell, measured
from tests.performance.collection import some
from tests.performance.results import record
from tests.performance.tuning import held

NAME = "parameters"
WORKERS = 2
AT_ONCE = 3
"""Settings that are measured before others may measure."""
BASE = Cell("", "", WORKERS)


@dataclass(frozen=True)
class Change:
    """A setting as it stands in the guide, the variables that make it, and what it is compared with.

    servers: those that the library is on, in both cases; added: those beside them in the changed case.
    """

    shown: str
    variables: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def _set(name: str, value: str, *servers: str) -> Change:
    return Change(f"`{name} = {value}`", {f"TONEARM_{name.upper()}": value.strip('"')}, servers)


CHANGES = (
    _set("workers", "1"),
    _set("workers", "4"),
    _set("memory_mb", "256"),
    _set("recycle_files", "10"),
    _set("cpu_share", "0.5"),
    _set("read_mb_s", "5"),
    Change("PostgreSQL instead of SQLite", added=("DATABASE",)),
    Change("RabbitMQ beside PostgreSQL", servers=("DATABASE",), added=("RABBITMQ",)),
    _set("database_connections", "2", "DATABASE"),
)


def main() -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(description="What each setting does to throughput and memory.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=80)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    urls = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("TONEARM_")}
    wanted = [
        change
        for change in CHANGES
        if not options.only or any(each in change.shown for each in options.only)
        if "TONEARM_NEO4J_URL" in urls or not (change.servers or change.added)
    ]
    for changes in batched(wanted, AT_ONCE):
        with held(os.environ.get("BENCH_LOCK")), some(options.folder, options.files) as (folder, paths):
            for change in changes:
                row = compared(change, folder, paths, urls, options.turns)
                shown = change.shown.strip("`")
                command = f'python -m tests.performance parameters FOLDER --only "{shown}"'
                record(NAME, command, {change.shown: row})
                print(change.shown, row, flush=True)
    return 0


def batched(changes: list[Change], size: int) -> Iterator[list[Change]]:
    """So many at a time."""
    for first in range(0, len(changes), size):
        yield changes[first : first + size]


def compared(
    change: Change, folder: Path, paths: list[Path], urls: Mapping[str, str], turns: int
) -> dict[str, Any]:
    """The row of a setting: its speed by that without it, the range of the turns, and memory."""
    with_it, without = [], []
    for _ in range(turns):
        without.append(_measured(change.servers, {}, folder, paths, urls))
        with_it.append(_measured((*change.servers, *change.added), change.variables, folder, paths, urls))
    ratios = [one["files/h"] / other["files/h"] for one, other in zip(with_it, without, strict=True)]
    return {
        "servers": ", ".join(change.servers).lower() or "none",
        "files/h": round(statistics.mean(row["files/h"] for row in with_it)),
        "× without it": round(statistics.mean(ratios), 2),
        "range": f"{min(ratios):.2f}–{max(ratios):.2f}",
        "MB": max(row["MB"] for row in with_it),
        "MB a child": max(row["MB a child"] for row in with_it),
    }


def _measured(
    servers: tuple[str, ...],
    variables: Mapping[str, str],
    folder: Path,
    paths: list[Path],
    urls: Mapping[str, str],
) -> dict[str, Any]:
    left_out = {f"TONEARM_{name}_URL": "" for name in SERVERS if name not in servers} if servers else {}
    cell = Cell("", "", WORKERS, servers=bool(servers))
    return measured(cell, paths, urls, {**left_out, **variables}, folder=folder)


if __name__ == "__main__":
    sys.exit(main())
