"""One cell of the report: the real command over files of one size and format, and what it stored about them."""

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from tests.performance.places import create_database, delete_from_rabbitmq, drop_database
from tests.program import Program, children_of

SERVERS = ("DATABASE", "RABBITMQ", "REDIS", "NEO4J")
READ_BYTES = 1 << 20
POLL_S = 0.2
LONGEST_S = 600.0


@dataclass(frozen=True)
class Cell:
    """What is measured: files of a size in a format, by so many children.

    servers: PostgreSQL, RabbitMQ, Redis and Neo4j, otherwise SQLite alone. cold: no file is in the page cache.
    cores: so many are used by command and children together; all where it is ``None``.
    """

    size: str
    format: str
    workers: int = 1
    servers: bool = False
    cold: bool = False
    cores: int | None = None

    @property
    def mode(self) -> str:
        """Where the library is."""
        return "all servers" if self.servers else "embedded"

    @property
    def cache(self) -> str:
        """Whether the files were in the page cache."""
        return "cold" if self.cold else "warm"

    def __str__(self) -> str:
        pinned = f", {self.cores} core" if self.cores else ""
        return f"{self.size}, {self.format}, workers {self.workers}, {self.mode}, {self.cache}{pinned}"


def measured(
    cell: Cell,
    paths: Sequence[Path],
    urls: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    folder: Path | None = None,
) -> dict[str, Any]:
    """Analyse the files into a library of its own; returns the row of the report.

    settings: variables beside those of the cell; where they name the workers, the cell does not. arguments: of
    ``analyze``, beside the files. folder: what is named in place of its files.

    Times are those that the program stores: a file's from when a child gets it until its result is stored, and that of
    all from the first of these moments to the last.

    Raises:
        AssertionError: not every file was analysed.
    """
    for path in paths:
        (evict if cell.cold else read)(path)
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = stack.enter_context(servers(urls)) if cell.servers else {}
        environment |= {"TONEARM_WORKERS": str(cell.workers), **(settings or {})}
        program = stack.enter_context(Program(data, **environment))
        with only_cores(cell.cores):
            process = program.start("analyze", *([folder] if folder else paths), *arguments, "--json")
        memory = Memory(process)
        done = program.wait(process, LONGEST_S, check=True).summary["done"]
        own_mb, child_mb = memory.peaks()
        assert done == len(paths), f"{done} of {len(paths)} files were analysed"
        attempts = program.run("slow", "--by", "file", "--limit", str(len(paths)), check=True).events
        stages = program.run("slow", "--by", "stage", "--limit", "50", check=True).events[1:]
    took = [each["run_s"] + each["store_s"] for each in attempts]
    began = min(each["ended_at"] - seconds for each, seconds in zip(attempts, took, strict=True))
    wall_s = max(each["ended_at"] for each in attempts) - began
    return {
        "files": len(paths),
        "files/h": round(len(paths) / wall_s * 3600),
        "× real time": round(sum(each["audio_s"] for each in attempts) / wall_s, 1),
        **{f"p{share} s": round(quantile(took, share / 100), 4) for share in (50, 95, 99)},
        "MB": round(own_mb),
        "MB a child": round(child_mb),
        "stages": {each["stage"]: round(each["share"], 4) for each in stages if each["share"] is not None},
    }


def quantile(values: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    return sorted(values)[ceil(share * len(values)) - 1]


class Memory:
    """The largest resident sizes of a process and of its children, until it ends."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._own = self._child = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def peaks(self) -> tuple[float, float]:
        """MB: of the process, and of its largest child."""
        self._ended.set()
        self._thread.join()
        return self._own, self._child

    def _watch(self) -> None:
        while not self._ended.wait(POLL_S):
            self._own = max(self._own, peak_mb(self._process.pid))
            for child in children_of(self._process.pid):
                self._child = max(self._child, peak_mb(child))


def peak_mb(pid: int) -> float:
    """The largest resident size that a process has had, in MB; 0 when it is gone."""
    try:
        told = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    _, _, after = told.partition("VmHWM:")
    return int(after.split()[0]) * 1024 / 1e6 if after else 0.0


def read(path: Path) -> None:
    """Have a file in the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(READ_BYTES):
            pass


def evict(path: Path) -> None:
    """Have a file's pages leave the page cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())  # only clean pages are dropped
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def servers(urls: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Settings for a database and names of its own on all servers, which are removed afterwards.

    Raises:
        KeyError: a server is not named.
    """
    with ExitStack() as stack:
        namespace = f"bench{os.getpid()}{os.urandom(2).hex()}"
        settings = {f"TONEARM_{name}_URL": urls[f"TONEARM_{name}_URL"] for name in SERVERS}
        settings["TONEARM_DATABASE_URL"] = database = create_database(urls["TONEARM_DATABASE_URL"])
        stack.callback(drop_database, urls["TONEARM_DATABASE_URL"], database)
        stack.callback(delete_from_rabbitmq, urls["TONEARM_RABBITMQ_MANAGEMENT_URL"], namespace)
        stack.callback(forget, settings, namespace)
        yield settings | {"TONEARM_NAMESPACE": namespace}


def forget(settings: Mapping[str, str], namespace: str) -> None:
    """Remove what a library left in Redis and Neo4j."""
    from tests.servers import delete_from_neo4j, delete_from_redis

    delete_from_redis(settings["TONEARM_REDIS_URL"], namespace)
    delete_from_neo4j(settings["TONEARM_NEO4J_URL"], namespace)


@contextmanager
def only_cores(number: int | None) -> Iterator[None]:
    """What is started here runs on so many cores."""
    all_of_them = os.sched_getaffinity(0)
    if number is not None:
        os.sched_setaffinity(0, sorted(all_of_them)[-number:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, all_of_them)
