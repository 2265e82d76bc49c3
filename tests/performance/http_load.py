"""Load on the HTTP endpoints while files are analysed: ``python -m tests.performance http_load MUSIC [--pairs N]``.

Analyses the same files in turn without load and with it. Under load, a few threads ask for ``/metrics``, ``/ready`` and
``/health`` in turn, each request on a connection of its own as the server wants it: first at a steady rate far above
that of any scraper, then each thread as fast as it is answered. Times are counted from when a request was due, so that
a late answer is not hidden by the requests that it held up. Everything is on loopback, and the number of requests is
bounded.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from tests.performance.cell import quantile, read
from tests.performance.material import music_in
from tests.performance.results import record
from tests.program import Program, wait_for

ENDPOINTS = ("/metrics", "/ready", "/health")
THREADS = 4
STEADY = 50.0
"""Requests a second. A Prometheus, a load balancer and Kubernetes together make about one."""
MOST = 20_000
"""Requests a round at most."""


@dataclass
class Answers:
    """What requests for one endpoint got: milliseconds of each, and how many were not answered with status 200.

    first_ms: of the first request to a process, which loads what it needs then; it is not counted among the others.
    """

    first_ms: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    errors: int = 0


class Load:
    """Threads that ask until they are ended. ``rate``: requests a second; ``None``: as fast as they are answered."""

    def __init__(self, url: str, rate: float | None) -> None:
        self.answers = {endpoint: Answers() for endpoint in ENDPOINTS}
        self._place = urlsplit(url).netloc
        self._ended = threading.Event()
        for endpoint, answers in self.answers.items():
            began = time.perf_counter()
            answers.errors += asked(self._place, endpoint) != HTTPStatus.OK
            answers.first_ms.append((time.perf_counter() - began) * 1000)
        self._due = self._moments(rate)
        self._lock = threading.Lock()
        self._began = time.perf_counter()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> float:
        """Stop asking; returns how many seconds it lasted."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        return time.perf_counter() - self._began

    def _moments(self, rate: float | None) -> Iterator[tuple[str, float]]:
        began = time.perf_counter()
        for number in range(MOST):
            yield ENDPOINTS[number % len(ENDPOINTS)], 0.0 if rate is None else began + number / rate

    def _ask(self) -> None:
        while not self._ended.is_set():
            with self._lock:
                endpoint, due = next(self._due, ("", 0.0))
            if not endpoint or self._ended.wait(max(0.0, due - time.perf_counter())):
                return
            began = due or time.perf_counter()
            status = asked(self._place, endpoint)
            took_ms = (time.perf_counter() - began) * 1000
            with self._lock:
                self.answers[endpoint].took_ms.append(took_ms)
                self.answers[endpoint].errors += status != HTTPStatus.OK


def asked(place: str, endpoint: str) -> int:
    """The status of an answer that was read to its end; 0 where there was none."""
    connection = HTTPConnection(place, timeout=10)
    try:
        connection.request("GET", endpoint)
        answer = connection.getresponse()
        answer.read()
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
    return answer.status


def analysed(
    paths: Sequence[Path], rate: float | None, loaded: bool
) -> tuple[float, Mapping[str, Answers], float]:
    """Analyse the files; returns the seconds it took, the answers under load, and how long the load lasted."""
    with tempfile.TemporaryDirectory() as data, Program(Path(data), TONEARM_LISTEN="127.0.0.1:0") as program:
        process = program.start("analyze", *paths, "--workers", "1", "--json")
        url = wait_for(process, "listening")["url"]
        wait_for(process, "job_started")
        load = Load(url, rate) if loaded else None
        wait_for(process, "summary")
        lasted_s = load.end() if load else 0.0
        program.wait(process)
        attempts = program.run("slow", "--by", "file", "--limit", str(len(paths)), check=True).events
    assert len(attempts) == len(paths), f"{len(attempts)} of {len(paths)} files were analysed"
    began = min(each["ended_at"] - each["run_s"] - each["store_s"] for each in attempts)
    wall_s = max(each["ended_at"] for each in attempts) - began
    return wall_s, load.answers if load else {}, lasted_s


def main() -> int:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description="Load on the HTTP endpoints while files are analysed.")
    parser.add_argument("music", type=Path)
    parser.add_argument("--files", type=int, default=12)
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    paths = music_in(options.music)[: options.files]
    for path in paths:
        read(path)
    figures: dict[str, object] = {}
    for name, rate in ((f"{STEADY:.0f} requests a second", STEADY), ("as fast as answered", None)):
        ratios, answers, lasted_s = [], {each: Answers() for each in ENDPOINTS}, 0.0
        for _ in range(options.pairs):
            alone_s, _, _ = analysed(paths, rate, loaded=False)
            loaded_s, found, seconds = analysed(paths, rate, loaded=True)
            ratios.append(alone_s / loaded_s)
            lasted_s += seconds
            for endpoint, each in found.items():
                answers[endpoint].first_ms += each.first_ms
                answers[endpoint].took_ms += each.took_ms
                answers[endpoint].errors += each.errors
        figures |= {f"{name}: {endpoint}": row(each, lasted_s) for endpoint, each in answers.items()}
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        figures[f"{name}: pace of the analysis, as a share of its pace without load"] = {
            "median": round(median(ratios), 3),
            "of all pairs": spread,
        }
    for name, figure in figures.items():
        print(name, figure)
    record("http_load", f"python -m tests.performance http_load MUSIC --pairs {options.pairs}", figures)
    return 0


def row(answers: Answers, lasted_s: float) -> dict[str, float]:
    """The figures of one endpoint."""
    return {
        "requests": len(answers.took_ms),
        "a second": round(len(answers.took_ms) / lasted_s, 1),
        "p50 ms": round(quantile(answers.took_ms, 0.5), 2),
        "p99 ms": round(quantile(answers.took_ms, 0.99), 2),
        "first ms": round(median(answers.first_ms), 2),
        "errors": answers.errors,
    }


if __name__ == "__main__":
    sys.exit(main())
