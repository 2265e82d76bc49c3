"""An analysis without and with readers: ``python -m tests.performance http_beside FOLDER [--data FOLDER] [--url URL]``.

Analyses the files of a folder again and again with ``--fresh``, in turn alone and while ``tonearm serve`` answers
``--readers`` clients at ``--rate`` requests a second together, over a library that ``large_library`` has made: in
SQLite in ``--data``, or in PostgreSQL at ``--url``. Each client asks for other lists, or all for ``--path``. They run
on the same cores; what they take themselves is shown beside the pace of the analysis.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from tests.performance.cell import quantile, read
from tests.performance.http_pages import Readers, served
from tests.performance.material import music_in
from tests.program import Program, wait_for


def paced(program: Program, paths: Sequence[Path]) -> float:
    """Files an hour of one analysis, from when it begins with the first file."""
    process = program.start("analyze", "--fresh", *paths, "--json")
    wait_for(process, "job_started")
    began = time.perf_counter()
    wait_for(process, "summary")
    taken_s = time.perf_counter() - began
    program.wait(process)
    return len(paths) * 3600 / taken_s


class Beside:
    """Readers of a service, until the ``with`` block ends."""

    def __init__(self, place: str, pid: int, readers: int, rate: float, path: str | None) -> None:
        self._ended = threading.Event()
        self._cpu_s = 0.0
        self.found: Readers | None = None
        self.client_ms = 0.0
        self._thread = threading.Thread(target=self._read, args=(place, pid, readers, rate, path))

    def _read(self, place: str, pid: int, readers: int, rate: float, path: str | None) -> None:
        self.found = Readers(place, pid, readers, rate, seconds=600, ended=self._ended, path=path)

    def __enter__(self) -> "Beside":
        self._cpu_s = time.process_time()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        assert self.found is not None
        self.client_ms = (time.process_time() - self._cpu_s) * 1000 / len(self.found.took_ms)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="An analysis without and with readers.")
    parser.add_argument("music", type=Path)
    parser.add_argument("--url", help="The library in PostgreSQL.")
    parser.add_argument("--data", type=Path, help="The library in SQLite.")
    parser.add_argument("--files", type=int, default=16)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--path", help="What all readers ask for.")
    given = parser.parse_args()
    paths = music_in(given.music)[: given.files]
    for path in paths:
        read(path)
    ratios = []
    with tempfile.TemporaryDirectory() as empty:
        data = given.data or Path(empty)
        more = {} if given.url is None else {"TONEARM_DATABASE_URL": given.url}
        with Program(data, TONEARM_WORKERS=str(os.cpu_count()), **more) as program:
            for _ in range(given.pairs):
                alone = paced(program, paths)
                with (
                    served(data, given.url) as (place, pid),
                    Beside(place, pid, given.readers, given.rate, given.path) as beside,
                ):
                    loaded = paced(program, paths)
                assert beside.found is not None
                ratios.append(loaded / alone)
                print(
                    f"alone {alone:,.0f} files/h, beside readers {loaded:,.0f}: {loaded / alone:.3f};"
                    f" {beside.found.a_second:.1f} answers a second, {beside.found.errors} errors, p50"
                    f" {quantile(beside.found.took_ms, 0.5):.0f} ms, p99 {quantile(beside.found.took_ms, 0.99):.0f} ms;"
                    f" CPU ms a request: service {beside.found.cpu_ms:.2f}, client {beside.client_ms:.2f}",
                    flush=True,
                )
    print(f"pace beside readers, as a share of the pace alone: median {median(ratios):.3f}")
    print(f"of all pairs {min(ratios):.3f} to {max(ratios):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
