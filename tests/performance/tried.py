"""Every block of settings in the guides, tried: ``python -m tests.performance tried FOLDER [--only NAME …]``.

The real command analyses the first files of a folder with each block. Those for small machines are tried in control
groups (version 1) of that size, which needs the right to make them; those for several hosts by two ``tonearm worker``
beside each other, with the servers that the environment names. A file that the variable ``BENCH_LOCK`` names
is locked during each.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from tests.performance.cell import Cell, Memory, measured, servers
from tests.performance.collection import some
from tests.performance.guide import blocks, variables_of
from tests.performance.results import record
from tests.performance.tuning import confined, held
from tests.program import Program
from tests.variables import taken_variables

NAME = "tried"
MACHINES = {"tiny": (1, 1_000), "small": (2, 2_000), "nas": (2, 2_000)}
"""Cores and MB."""
SHARED = "hosts"
QUIET = {"TONEARM_LOG_LEVEL": "error"}
"""Nobody reads what workers print."""
WORKERS = {"large": 16}
"""Where the block is for a machine with more cores than this one."""


def main() -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(description="Every block of settings in the guides, tried.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=80)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    urls = taken_variables()
    for name, (kind, text) in blocks().items():
        if options.only and name not in options.only:
            continue
        if name == SHARED and "TONEARM_NEO4J_URL" not in urls:
            print(f"{name}: left out, as no servers are named", flush=True)
            continue
        with held(os.environ.get("BENCH_LOCK")), some(options.folder, options.files) as (folder, paths):
            row = tried(name, text if kind == "toml" else "", folder, paths, urls)
        record(NAME, f"python -m tests.performance tried FOLDER --only {name}", {f"`{name}`": row})
        print(name, row, flush=True)
    return 0


def tried(
    name: str, settings: str, folder: Path, paths: list[Path], urls: Mapping[str, str]
) -> dict[str, Any]:
    """The row of a block: how fast it was, and with how much memory."""
    if name == SHARED:
        return by_hosts(folder, paths, urls)
    machine = MACHINES.get(name)
    with ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "tonearm.toml"
        file.write_text(settings, encoding="utf-8")
        variables = {"TONEARM_CONFIG": str(file), "TONEARM_WORKERS": str(WORKERS.get(name, ""))}
        stack.enter_context(confined(*machine) if machine else nullcontext())
        row = measured(Cell("", ""), paths, urls, variables, ["--now"], folder)
    return {
        "machine": "{} core(s), {} MB".format(*machine) if machine else "this one",
        **{column: row[column] for column in ("files", "files/h", "MB", "MB a child")},
    }


def by_hosts(folder: Path, paths: list[Path], urls: Mapping[str, str]) -> dict[str, Any]:
    """The same with two workers of one child each, and a call that leaves the work to them."""
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        given = {
            **variables_of(SHARED),
            **stack.enter_context(servers(urls)),
            "TONEARM_WORKERS": "1",
            **QUIET,
        }
        program = stack.enter_context(Program(data, **given))
        workers = [program.start("worker", "--name", f"host{number}", "--quiet") for number in (1, 2)]
        memories = [Memory(worker) for worker in workers]
        done = program.run("analyze", "--workers", "0", folder, check=True).summary["done"]
        assert done == len(paths), f"{done} of {len(paths)} files were analysed"
        attempts = program.run("slow", "--by", "file", "--limit", str(len(paths)), check=True).events
        peaks = [memory.peaks() for memory in memories]
    began = min(each["ended_at"] - each["run_s"] - each["store_s"] for each in attempts)
    wall_s = max(each["ended_at"] for each in attempts) - began
    return {
        "machine": "this one, 2 workers",
        "files": len(paths),
        "files/h": round(len(paths) / wall_s * 3600),
        "MB": round(max(own for own, _ in peaks)),
        "MB a child": round(max(child for _, child in peaks)),
    }


if __name__ == "__main__":
    sys.exit(main())
