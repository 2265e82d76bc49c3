"""Several real workers on real servers, and the checks in the database that no file was lost."""

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tests import forked
from tests.program import Event, Outcome, Program, kill, until
from tests.servers import OwnServers
from tonearm.analysis.built_in import BUILT_IN

BASIC = ("DATABASE", "RABBITMQ", "RABBITMQ_MANAGEMENT")
ALL = (*BASIC, "REDIS", "NEO4J")
SERVERS = {"DATABASE": "postgres", "RABBITMQ": "rabbitmq", "REDIS": "redis", "NEO4J": "neo4j"}


class Fleet:
    """Workers of one shared library. What they print goes to files: nobody need read it while they work."""

    def __init__(
        self,
        folder: Path,
        urls: Mapping[str, str],
        namespace: str,
        services: tuple[str, ...] = BASIC,
        **environment: str,
    ) -> None:
        """``services``: those of the servers that this fleet works with."""
        self.folder = folder
        self.urls = {name: urls[name] for name in (f"TONEARM_{service}_URL" for service in services)}
        self.settings = {
            "TONEARM_NAMESPACE": namespace,
            "TONEARM_LEASE_S": "12",
            "TONEARM_RECONCILE_S": "2",
            "TONEARM_BREAKER_OPEN_S": "2",
            "TONEARM_CONNECT_TIMEOUT_S": "10",
            "TONEARM_CALL_TIMEOUT_S": "15",
            **environment,
        }
        self.program = Program(folder / "unused", **self.urls, **self.settings)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._heard: dict[str, tuple[int, list[Event]]] = {}

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *error: object) -> None:
        self.program.close()
        for process in self._workers.values():
            if process.poll() is None:
                kill(process.pid, signal.SIGCONT)
                process.kill()
            process.wait()

    def worker(
        self, name: str, slots: int = 1, environment: Mapping[str, str] | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a worker, or start one of that name again; ``environment`` goes on top of the fleet's."""
        with open(self.output(name), "ab") as output, open(self.log(name), "ab") as log:
            self._workers[name] = forked.start(
                ["worker", "--json", "--name", name, "-w", str(slots)],
                {**self.program.environment, **(environment or {})},
                output,
                log,
            )
        return self._workers[name]

    def process(self, name: str) -> "subprocess.Popen[bytes]":
        """A worker's last start."""
        return self._workers[name]

    def output(self, name: str) -> Path:
        """Where a worker's events go."""
        return self.folder / f"{name}.jsonl"

    def log(self, name: str) -> Path:
        """Where a worker's log lines go."""
        return self.folder / f"{name}.log"

    def events(self, name: str, kind: str) -> list[Event]:
        """What a worker has announced so far, of one kind."""
        return [event for event in self._announced(name) if event.get("event") == kind]

    def _announced(self, name: str) -> list[Event]:
        """All that a worker has announced so far; its output is read on from where it was left."""
        offset, events = self._heard.setdefault(name, (0, []))
        if self.output(name).exists():
            with open(self.output(name), "rb") as output:
                output.seek(offset)
                new = output.read()
            whole = new[: new.rfind(b"\n") + 1]
            events.extend(_events_in(whole))
            self._heard[name] = (offset + len(whole), events)
        return events

    def said(self, name: str) -> str:
        """Everything a worker has logged."""
        return self.log(name).read_text(errors="replace") if self.log(name).exists() else ""

    def until_event(self, name: str, kind: str, seconds: float = 240, more_than: int = 0) -> None:
        """Wait until a worker has announced events of a kind."""
        until(lambda: len(self.events(name, kind)) > more_than, seconds)

    def stop(self, name: str, number: int = signal.SIGTERM, seconds: float = 60) -> int:
        """Signal a worker and wait for its end; returns its exit status."""
        process = self._workers[name]
        process.send_signal(number)
        return process.wait(seconds)

    def enqueue(self, folder: Path, *arguments: str) -> int:
        """Scan and enqueue; returns the run."""
        outcome = self.program.run("analyze", folder, "--detach", *arguments, check=True)
        return int(outcome.summary["run"])

    def follow(self, folder: Path, *arguments: str) -> "subprocess.Popen[bytes]":
        """Scan, enqueue and follow the run to its end, without doing any of the work."""
        return self.program.start("analyze", folder, "--workers", "0", "--json", *arguments)

    def end(self, process: "subprocess.Popen[bytes]", timeout: float = 180) -> Outcome:
        """Wait for the end of a call that follows."""
        return self.program.wait(process, timeout)

    def finished(self, run: int, seconds: float = 240) -> None:
        """Wait until nothing of a run is open."""
        text = "SELECT count(*) FROM jobs WHERE run_id = %s AND state IN ('queued', 'running', 'retrying')"
        until(lambda: self.query(text, run) == [(0,)], seconds)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the library's database, past any proxy."""
        with psycopg.connect(plain(self.urls["TONEARM_DATABASE_URL"]), connect_timeout=60) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def assert_nothing_lost(self, files: int) -> None:
        """The oracle: every file ended, one current result a file and analyser, nothing stored twice."""
        count = self.query("SELECT count(*) FROM files WHERE moved_to_id IS NULL")
        assert count == [(files,)]
        ended = ["done", "partial", "quarantined"]
        assert self.query("SELECT path, state FROM files WHERE state != ALL(%s)", ended) == []
        assert self.query("SELECT id, state FROM jobs WHERE state IN ('queued', 'running', 'retrying')") == []
        assert self.query("SELECT audio_id, analyser FROM analyses GROUP BY 1, 2 HAVING count(*) != 1") == []
        assert (
            self.query(
                "SELECT f.path FROM files f WHERE f.state IN ('done', 'partial') AND "
                "(SELECT count(*) FROM analyses a WHERE a.audio_id = f.audio_id) != %s",
                len(BUILT_IN),
            )
            == []
        )
        twice = "SELECT file_id FROM jobs WHERE state IN ('done', 'partial') GROUP BY 1 HAVING count(*) > 1"
        assert self.query(twice) == []

    def assert_stored_once(self) -> None:
        """Check that every job has one ``done`` event in all logs together, so that no result was stored twice."""
        done = [
            event["job"]
            for output in self.folder.glob("*.jsonl")
            for event in self.events(output.stem, "job_finished")
            if event["state"] in {"done", "partial"} and not event.get("worker")
        ]
        assert len(done) == len(set(done)), sorted(job for job in done if done.count(job) > 1)


def _events_in(lines: bytes) -> Iterator[Event]:
    for line in lines.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a killed worker may stop in the middle of a line
        if isinstance(event, dict):
            yield event


def started(servers: OwnServers, services: tuple[str, ...]) -> dict[str, str]:
    """Have the servers of a fleet run; returns their addresses."""
    servers.up(*(SERVERS[service] for service in services if service in SERVERS))
    return servers.urls


def plain(url: str) -> str:
    """A database's address as the driver takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def in_order(events: list[Event], service: str) -> list[tuple[str, str]]:
    """A breaker's changes as pairs of before and after."""
    return [(event["before"], event["after"]) for event in events if event["service"] == service]
