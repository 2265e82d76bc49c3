"""Renames many random batches and compares each with a model; no server is needed.

python -m tests.cases.rename_batches [--count N] [--seed N] [--folding] [--record]

Each batch has up to ten files that want names of each other, of strangers or free ones: swaps, cycles, chains, twins. It is
planned, applied and undone. ``--folding``: on a file system of the tests' own that folds case, stores names decomposed,
limits them and refuses the flags of renames. ``--record``: write the numbers to results/rename_batches.json.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

from tests.folding_folder import folding
from tests.performance.results import record
from tests.unit.naming.collection import NO_PATHS, in_memory
from tests.unit.naming.model import BATCHES, Batch, check, expected
from tonearm.library.database import open_sqlite
from tonearm.library.rename_journal import RenameJournal
from tonearm.naming.destination import Destination

RESULTS = Path(__file__).parent / "results"
BATCHES_OF_LIBRARY = 500
"""So many batches share a library: one that grows without end is slower for it."""


def empty_database() -> bytes:
    """The file of an empty database, as the migrations make it."""
    with tempfile.TemporaryDirectory() as name:
        open_sqlite(Path(name)).close()
        return Path(name, "tonearm.db").read_bytes()


@contextmanager
def place(folds: bool) -> Iterator[Path]:
    """An empty folder, which folds names or does not."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made there
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        if not folds:
            yield folder
            return
        with folding(folder / "below", folder / "music", "fold", "nfd", "noflags", "short") as where:
            yield where


def renamed(empty: bytes, count: int, start: int, folds: bool, figures: Counter[str]) -> None:
    """Rename so many batches in a library of their own; raises AssertionError at the first that does not do it."""
    with in_memory(empty) as library, place(folds) as where:
        tried = None if folds else Destination(RenameJournal(library.database), NO_PATHS)

        @seed(start)
        @settings(
            max_examples=count, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
        )
        @given(batch=BATCHES)
        def one(batch: Batch) -> None:
            folder = Path(tempfile.mkdtemp(dir=where))
            try:
                check(library, tried, folder, batch)
            finally:
                shutil.rmtree(folder)
            wanted, strangers = batch[0], batch[1] - batch[0].keys()
            figures["batches"] += 1
            figures["files"] += len(wanted)
            figures["renamed"] += len(expected(wanted, strangers))

        one()


def main() -> int:
    """Rename, print, and record."""
    parser = argparse.ArgumentParser(description="Random batches of renames against a model.")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folding", action="store_true")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    figures: Counter[str] = Counter()
    began = time.monotonic()
    empty = empty_database()
    for number, start in enumerate(range(0, options.count, BATCHES_OF_LIBRARY)):
        renamed(
            empty,
            min(BATCHES_OF_LIBRARY, options.count - start),
            options.seed + number,
            options.folding,
            figures,
        )
        print(f"{figures['batches']:,} batches, {time.monotonic() - began:.0f} s", flush=True)
    print(*(f"{name}: {number:,}" for name, number in figures.items()), sep="\n")
    if options.record:
        folding_option = " --folding" if options.folding else ""
        command = f"python -m tests.cases.rename_batches --count {options.count} --seed {options.seed}"
        record("rename_batches", command + folding_option, {**figures, "unlike the model": 0}, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
