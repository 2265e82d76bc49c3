"""Every block of settings in the guides, tried: ``python -m tests.performance tried FOLDER [--only NAME …]``.

The real command analyses the first files of a folder with each block. Those for small machines are tried in control
groups (version 1) of that size, which needs the right to make them; those for several hosts with two workers of a
library on servers, whose addresses are in the environment. A file that the variable ``BENCH_LOCK`` names is locked
during each.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

from tests.performance.cell import Cell, measured
from tests.performance.guide import blocks, variables_of
from tests.performance.material import music_in
from tests.performance.results import record
from tests.performance.tuning import confined, held

NAME = "tried"
MACHINES = {"tiny": (1, 1_000), "small": (2, 2_000), "nas": (2, 2_000)}
"""Cores and MB."""
SHARED = "hosts"
WORKERS = {"large": 16}
"""Where the block is for a machine with more cores than this one."""


def main() -> int:
    """Measure and record."""
    parser = argparse.ArgumentParser(description="Every block of settings in the guides, tried.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=80)
    parser.add_argument("--only", nargs="*")
    options = parser.parse_args()
    urls = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("TONEARM_")}
    paths = music_in(options.folder)[: options.files]
    for name, (kind, text) in blocks().items():
        if options.only and name not in options.only:
            continue
        if name == SHARED and "TONEARM_NEO4J_URL" not in urls:
            print(f"{name}: left out, as no servers are named", flush=True)
            continue
        with held(os.environ.get("BENCH_LOCK")):
            row = tried(name, text if kind == "toml" else "", paths, urls)
        record(NAME, f"python -m tests.performance tried FOLDER --only {name}", {f"`{name}`": row})
        print(name, row, flush=True)
    return 0


def tried(name: str, settings: str, paths: list[Path], urls: Mapping[str, str]) -> dict[str, Any]:
    """The row of a block: how fast it was, and with how much memory."""
    machine = MACHINES.get(name)
    servers = name == SHARED
    with ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "tonearm.toml"
        file.write_text(settings, encoding="utf-8")
        variables = {"TONEARM_CONFIG": str(file), "TONEARM_WORKERS": str(WORKERS.get(name, ""))}
        if servers:
            variables |= {key: value for key, value in variables_of(name).items() if not key.endswith("_URL")}
        stack.enter_context(confined(*machine) if machine else nullcontext())
        row = measured(Cell("", "", servers=servers), paths, urls, variables, ["--now"])
    return {
        "machine": "{} core(s), {} MB".format(*machine) if machine else "this one",
        "files": row["files"],
        "files/h": row["files/h"],
        "MB": row["MB"],
        "MB a child": row["MB a child"],
    }


if __name__ == "__main__":
    sys.exit(main())
