"""The service over a large library: ``python -m tests.performance http_pages --url URL [--data FOLDER]``.

Over a library that ``large_library`` has made, in PostgreSQL at ``--url`` or in SQLite in ``--data``, it starts
``tonearm serve --no-analyze`` and measures the page of the library as a browser asks for it: first view, sorts, some
filters, and pages that are reached by following, none of which the service has kept from a request before. Then
``--readers`` clients ask for different pages of the API, at ``--rate`` requests a second together, each on a connection
that it keeps. Their times are counted from when a request was due. As the clients take time of the same cores, the CPU
time that the service takes for a request is shown beside them.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.performance.cell import quantile
from tests.variables import other_variables

FILTERS = (
    "title=ba",
    "artist=ka&sort=bpm",
    "bpm_from=120&bpm_to=124",
    "key=8A",
    "key=8A&bpm_from=120&bpm_to=128&sort=energy&order=descending",
    "genre=ro",
    "state=done",
    "state=quarantined",
    "title=zzzz",
    "codec=flac&sort=loudness_lufs",
)
SORTS = ("path", "title", "artist", "album", "year", "bpm", "key", "energy", "loudness_lufs", "duration_s")
NEXT_PAGES = 5
LIMIT_MS = 200.0
STARTED_S = 2.0
"""Seconds after the start before the first view, as a person needs to open it."""


@contextmanager
def served(data: Path, url: str | None) -> Iterator[tuple[str, int]]:
    """A service over the library; yields its address and its process id."""
    environment = other_variables() | {"TONEARM_CONFIG": os.devnull, "TONEARM_DATA_DIR": str(data)}
    if url is not None:
        environment["TONEARM_DATABASE_URL"] = url
    process = subprocess.Popen(
        [sys.executable, "-m", "tonearm", "serve", "--no-analyze", "--json", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        time.sleep(STARTED_S)
        yield urllib.parse.urlsplit(json.loads(line)["url"]).netloc, process.pid
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def asked(connection: HTTPConnection, path: str) -> tuple[int, bytes]:
    """The status and body of an answer; 0 where there was none."""
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        connection.close()
        return 0, b""


def times(place: str, path: str, repeat: int) -> tuple[float, float, bytes]:
    """Milliseconds of the first time and of the least of the further ones, and the answer."""
    connection = HTTPConnection(place, timeout=60)
    took = []
    body = b""
    for number in range(repeat):
        mark = f"{'&' if '?' in path else '?'}unknown={number}"  # another query, which asks for the same
        began = time.perf_counter()
        status, body = asked(connection, path + mark)
        took.append((time.perf_counter() - began) * 1000)
        assert status == 200, (path, status)
    connection.close()
    return took[0], min(took[1:]), body


def views(place: str, repeat: int) -> dict[str, dict[str, float]]:
    """The first view, sorts, filters and pages that follow: milliseconds of the first time and of the least."""
    found: dict[str, dict[str, float]] = {}

    def measure(name: str, path: str) -> bytes:
        first, least, body = times(place, path, repeat)
        found[name] = {"first ms": round(first, 1), "least ms": round(least, 1)}
        return body

    body = measure("first view", "/library")
    for sort in SORTS:
        for order in ("", "descending"):
            measure(f"sort {sort} {order}".strip(), f"/library?sort={sort}&order={order}")
    for given in FILTERS:
        measure(f"filter {given}", f"/library?{given}")
    for number in range(NEXT_PAGES):
        following = re.search(rb'"(/library\?[^"]*cursor=[^"]+)"', body)
        assert following
        body = measure(f"page {number + 2}", following[1].decode().replace("&amp;", "&"))
    return found


class Readers:
    """Clients that ask for different pages until a number of requests were answered, or they are ended."""

    def __init__(
        self,
        place: str,
        pid: int,
        readers: int,
        rate: float,
        seconds: float,
        ended: threading.Event | None = None,
        path: str | None = None,
    ) -> None:
        """``path``: what all of them ask for, instead of different pages."""
        self._path = path
        self.took_ms: list[float] = []
        self.errors = 0
        self._place, self._rate, self._most = place, rate, int(rate * seconds)
        self._ended = ended or threading.Event()
        self._next = 0
        self._lock = threading.Lock()
        self._began, cpu = time.perf_counter(), cpu_ms(pid)
        threads = [threading.Thread(target=self._ask, args=(seed,), daemon=True) for seed in range(readers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.cpu_ms = (cpu_ms(pid) - cpu) / len(self.took_ms)
        self.a_second = len(self.took_ms) / (time.perf_counter() - self._began)

    def _ask(self, seed: int) -> None:
        chance = random.Random(seed)
        connection = HTTPConnection(self._place, timeout=60)
        while True:
            with self._lock:
                number, self._next = self._next, self._next + 1
            if number >= self._most or self._ended.is_set():
                connection.close()
                return
            due = self._began + number / self._rate
            time.sleep(max(0.0, due - time.perf_counter()))
            low = chance.randint(60, 180)
            one_of_many = f"/api/v1/tracks?range=bpm:{low}-{low + 3}&sort=bpm&limit=20"
            status, _ = asked(connection, self._path or one_of_many)
            with self._lock:
                self.took_ms.append((time.perf_counter() - due) * 1000)
                self.errors += status != 200


def cpu_ms(pid: int) -> float:
    """CPU time of a process so far."""
    return (
        sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
        / 1e6
    )


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The service over a large library.")
    parser.add_argument("--url", help="The library in PostgreSQL.")
    parser.add_argument("--data", type=Path, help="The library in SQLite.")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as empty, served(given.data or Path(empty), given.url) as (place, pid):
        shown = views(place, given.repeat)
        after_views = memory_mb(pid)
        load = Readers(place, pid, given.readers, given.rate, given.seconds)
        figures: dict[str, object] = dict(shown)
        figures[f"{given.readers} readers, {given.rate:.0f} requests a second wanted"] = {
            "answered a second": round(load.a_second, 1),
            "p50 ms": round(quantile(load.took_ms, 0.5), 1),
            "p99 ms": round(quantile(load.took_ms, 0.99), 1),
            "CPU ms a request": round(load.cpu_ms, 2),
            "errors": load.errors,
        }
        figures["most memory of the service, MB"] = {
            "after the views": round(after_views),
            "after the readers": round(memory_mb(pid)),
        }
    for name, figure in figures.items():
        print(name, figure)
    slow = [name for name, each in shown.items() if each["least ms"] > LIMIT_MS]
    print(f"{len(slow)} of {len(shown)} views took more than {LIMIT_MS:.0f} ms: {', '.join(slow) or 'none'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
