"""What each setting does to throughput and memory: ``python -m tests.performance parameters FOLDER [--only NAME …]``.

The first files of a folder are analysed by the real command, with the setting and without it in turn, and the ratio of
the two speeds in each turn is recorded. The variables ``TONEARM_…_URL`` name the servers; without them, settings of
servers are left out. A file that the variable ``BENCH_LOCK`` names is locked during each setting.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.performance.cell import SERVERS, Cell, measured
from tests.performance.material import music_in
from tests.performance.results import record
from tests.performance.tuning import held

NAME = "parameters"
WORKERS = 2
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
    _set("workers", "3"),
    _set("workers", "4"),
    _set("memory_mb", "256"),
    _set("nice", "19"),
    _set("recycle_files", "10"),
    _set("cpu_share", "0.5"),
    _set("read_mb_s", "5"),
    _set("window_s", "2"),
    _set("log_level", '"debug"'),
    _set("listen", '"127.0.0.1:0"'),
    Change("PostgreSQL instead of SQLite", added=("DATABASE",)),
    Change("RabbitMQ beside PostgreSQL", servers=("DATABASE",), added=("RABBITMQ",)),
    Change("Redis beside PostgreSQL", servers=("DATABASE",), added=("REDIS",)),
    Change("Neo4j beside PostgreSQL", servers=("DATABASE",), added=("NEO4J",)),
    _set("database_connections", "2", "DATABASE"),
    _set("prefetch", "2", "DATABASE", "RABBITMQ"),
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
    paths = music_in(options.folder)[: options.files]
    for change in CHANGES:
        if options.only and not any(each in change.shown for each in options.only):
            continue
        if (change.servers or change.added) and "TONEARM_DATABASE_URL" not in urls:
            print(f"{change.shown}: left out, as no servers are named", flush=True)
            continue
        with held(os.environ.get("BENCH_LOCK")):
            row = compared(change, paths, urls, options.turns)
        shown = change.shown.strip("`")
        record(NAME, f'python -m tests.performance parameters FOLDER --only "{shown}"', {change.shown: row})
        print(change.shown, row, flush=True)
    return 0


def compared(change: Change, paths: list[Path], urls: Mapping[str, str], turns: int) -> dict[str, Any]:
    """The row of a setting: its speed by that without it, the range of the turns, and memory."""
    with_it, without = [], []
    for _ in range(turns):
        without.append(_measured(change.servers, {}, paths, urls))
        with_it.append(_measured((*change.servers, *change.added), change.variables, paths, urls))
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
    servers: tuple[str, ...], variables: Mapping[str, str], paths: list[Path], urls: Mapping[str, str]
) -> dict[str, Any]:
    left_out = {f"TONEARM_{name}_URL": "" for name in SERVERS if name not in servers} if servers else {}
    cell = Cell("", "", WORKERS, servers=bool(servers))
    return measured(cell, paths, urls, {**left_out, **variables})


if __name__ == "__main__":
    sys.exit(main())
