"""Runs the real command, and checks in the database that no file was lost."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import forked
from tests.variables import other_variables
from tonearm.analysis.built_in import BUILT_IN

Event = dict[str, Any]
MANY = 24
"""Number of the files in ``many_files``."""
READ_MB_S = 0.4
"""What a child may read in a second (the setting ``read_mb_s``) if it is to need half a second for one of them."""


@dataclass(frozen=True)
class Outcome:
    """How a call ended: exit status, the events it printed, what it said on standard error."""

    status: int
    events: list[Event]
    errors: str

    @property
    def summary(self) -> Event:
        """The last event, which must be the summary."""
        assert self.events, self.errors
        assert self.events[-1]["event"] == "summary", (self.events[-1], self.errors)
        return self.events[-1]

    def of(self, name: str) -> list[Event]:
        """All events of a name."""
        return [event for event in self.events if event["event"] == name]


class Program:
    """The command ``tonearm`` with a library of its own."""

    def __init__(self, data: Path, python: str = sys.executable, **environment: str) -> None:
        self.data = data
        self._python = python
        self._started: list[subprocess.Popen[bytes]] = []
        self.environment = {
            **other_variables(),
            "TONEARM_CONFIG": os.devnull,
            "TONEARM_DATA_DIR": str(data),
            "TONEARM_WORKERS": "2",
            "TONEARM_RETRY_BASE_S": "0.1",
            "TONEARM_RETRY_CAP_S": "1",
            **environment,
        }

    def run(self, *arguments: str | bytes | Path, timeout: float = 120, check: bool = False) -> Outcome:
        """Call the command with ``--json`` and wait for its end."""
        process = self.start(*arguments, "--json")
        return self.wait(process, timeout, check)

    def start(self, *arguments: str | bytes | Path, through: Sequence[str] = ()) -> "subprocess.Popen[bytes]":
        """Start the command and leave it running. ``through``: a command that becomes it.

        Tests start a copy of a process that has loaded it; what measures starts the command itself.
        """
        if "pytest" in sys.modules and not through and self._python == sys.executable:
            process = forked.start(arguments, self.environment)
        else:
            process = subprocess.Popen(
                [*through, self._python, "-m", "tonearm", *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self.environment,
                bufsize=0,  # what one reader leaves is there for the next
            )
        self._started.append(process)
        return process

    def __enter__(self) -> "Program":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End what a test left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def wait(self, process: "subprocess.Popen[bytes]", timeout: float = 120, check: bool = False) -> Outcome:
        """Wait for a started command."""
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            raise AssertionError(
                f"still running after {timeout} s: {errors.decode()}\n{output.decode()[-3000:]}"
            ) from None
        events = []
        for line in output.decode().splitlines():
            try:
                events.append(json.loads(line))
            except ValueError:
                assert process.returncode < 0, line  # only a killed program may end in the middle of a line
        outcome = Outcome(process.returncode, events, errors.decode())
        assert not _tracebacks_of_ours(outcome.errors), outcome.errors
        if check:
            assert outcome.status == 0, (outcome.status, outcome.errors, outcome.events[-3:])
        return outcome

    def tracks(self, *arguments: str) -> dict[str, Event]:
        """Every track by its path."""
        return {track["path"]: track for track in self.run("tracks", *arguments, check=True).events}

    def connect(self) -> sqlite3.Connection:
        """A connection to the library's database; the caller closes it."""
        return sqlite3.connect(self.data / "tonearm.db", timeout=20)

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the library's database."""
        connection = self.connect()
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def assert_nothing_lost(self, discovered: int) -> None:
        """The oracle: every file ended, one current result a file and analyser, nothing stored twice."""
        assert self.query("SELECT count(*) FROM files WHERE moved_to_id IS NULL") == [(discovered,)]
        assert (
            self.query("SELECT path, state FROM files WHERE state NOT IN ('done', 'partial', 'quarantined')")
            == []
        )
        assert self.query("SELECT id FROM jobs WHERE state IN ('queued', 'running', 'retrying')") == []
        assert (
            self.query("SELECT audio_id, analyser, count(*) c FROM analyses GROUP BY 1, 2 HAVING c != 1")
            == []
        )
        results = self.query(
            "SELECT f.path, (SELECT count(*) FROM analyses a WHERE a.audio_id = f.audio_id) "
            "FROM files f WHERE f.state IN ('done', 'partial')"
        )
        assert [path for path, found in results if found != len(BUILT_IN)] == []
        ended_twice = (
            "SELECT file_id, count(*) c FROM jobs WHERE state IN ('done', 'partial') GROUP BY 1 HAVING c > 1"
        )
        assert self.query(ended_twice) == []
        assert self.query("PRAGMA integrity_check") == [("ok",)]


def _tracebacks_of_ours(errors: str) -> list[str]:
    """Lines with a traceback, except what a library has logged, as it may about a server that it can't reach."""
    found = []
    for line in errors.splitlines():
        if "Traceback" in line:
            try:
                logger = json.loads(line)["logger"]
            except (ValueError, KeyError):
                logger = "tonearm"
            if logger.partition(".")[0] == "tonearm":
                found.append(line)
    return found


def reconciles(summary: Mapping[str, Any]) -> bool:
    """Whether a summary adds up."""
    parts = ("done", "partial", "skipped", "failed", "pending")
    return bool(summary["discovered"] == sum(summary[part] for part in parts))


def children_of(pid: int) -> list[int]:
    """The analysing processes of a supervisor, without those that open files for it."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split() if b"child_main" in _arguments(child)]
    except OSError:
        return []


def _arguments(pid: str) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    assert within(seconds, condition), "it did not come about in time"


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Wait until a condition holds; whether it does in time."""
    end = time.monotonic() + seconds
    pause = 0.02
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(pause)
        pause = min(0.1, 1.2 * pause)  # asking keeps the machine from what is waited for
    return True


def events_of(process: "subprocess.Popen[bytes]") -> Iterator[Event]:
    """The events of a running command as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def wait_for(process: "subprocess.Popen[bytes]", name: str) -> Event:
    """Read a running command's events up to the first of a name."""
    for event in events_of(process):
        if event["event"] == name:
            return event
    raise AssertionError(f"it ended without {name}")


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
