"""The live view fits its terminal, does what its keys say, and leaves the terminal as it was."""

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.memory_progress import MemoryProgress
from tests.unit.library_fixture import Library, result
from tonearm.bootstrap.activity import Watched
from tonearm.bootstrap.library import Library as Opened
from tonearm.bootstrap.library import open_library
from tonearm.cli.app import app
from tonearm.cli.keyboard import BACKSPACE, ENTER, ERASE_LINE, ESCAPE, keys_of
from tonearm.cli.terminal import cell_width
from tonearm.cli.top_controls import HELP, Controls
from tonearm.cli.top_screen import brief, screen
from tonearm.errors import Failure
from tonearm.progress.port import RunningFile
from tonearm.settings import Level, Settings
from tonearm.views.activity import Activity, WorkingFile, read_activity
from tonearm.views.failures import FailedFile
from tonearm.views.workers import RestView, WorkerView

PICTURE = Failure("not-audio", "it is a picture", "look at it")
NASTY = "/music/\x1b[31mвот 音楽\n".encode() + b"\xff" + b"x" * 200


def worker(number: int, **changes: Any) -> WorkerView:
    alive = WorkerView(
        f"w{number:03}",
        "h",
        1,
        "1",
        4,
        "working",
        1.0,
        0.1,
        number,
        0,
        (),
        {"RabbitMQ": "closed"},
        (),
        None,
        {},
    )
    return replace(alive, **changes)


@pytest.fixture
def activity(library: Library) -> Activity:
    """A library in which nothing goes on, with one open run."""
    library.meet(library.run(), b"1", b"2")
    return read_activity(library.database, None)


@pytest.fixture
def busy(activity: Activity) -> Activity:
    """Many workers, files and failures, with names that no terminal likes."""
    failed = FailedFile(1, 1, NASTY, "quarantined", "not-audio", "reason " * 30, "", 1, 0, 1e9, None, "", 1)
    return replace(
        activity,
        shared=True,
        runs=activity.runs * 9,
        workers=tuple(worker(number) for number in range(40)),
        files=tuple(WorkingFile("w1", number, NASTY, "decode", 0.5, 3.0) for number in range(160)),
        failures=(failed,) * 20,
    )


def text(activity: Activity, width: int = 80, height: int = 24, trouble: str = "") -> str:
    return "\n".join(line.text for line in screen(activity, trouble, HELP, width, height))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (80, 12), (40, 24), (20, 5)])
def test_every_line_fits_and_the_screen_is_full(busy: Activity, width: int, height: int) -> None:
    lines = screen(busy, "PostgreSQL does not answer", HELP, width, height)
    assert len(lines) == height
    assert max(cell_width(line.text) for line in lines) <= width
    assert all(line.text.isprintable() for line in lines)


def test_80_by_24_shows_some_of_everything(busy: Activity) -> None:
    shown = text(busy)
    for part in ("Run 1 is", "7 more open", "critical", "background", "files/min", "15 min", "drained in"):
        assert part in shown
    lines = shown.splitlines()
    heads = [index for index, line in enumerate(lines) if line.startswith(("worker ", "for ", "failed at"))]
    assert len(heads) == 3
    assert [heads[1] - heads[0] > 3, heads[2] - heads[1] > 3, len(lines) - heads[2] > 4] == [True] * 3
    assert "37 more workers" in lines[heads[0]]
    assert lines[-1] == HELP


def test_what_is_left_of_a_run_is_shown(activity: Activity) -> None:
    [run] = (line for line in text(activity, 120).splitlines() if line.startswith("Run 1 is"))
    assert "0 of 2 files ended" in run
    assert "2 files left" in run


def test_a_rest_is_shown_with_its_end(activity: Activity) -> None:
    at = time.mktime((*time.localtime()[:3], 23, 59, 0, 0, 0, -1))
    rest = RestView("hours", "outside the hours of work_hours", 1.0, at)
    found = replace(
        activity, shared=True, workers=(worker(1, state="resting", rest=rest), worker(2)), rest=rest
    )
    text = "\n".join(line.text for line in screen(found, "", "", 100, 30))
    assert re.search(r"w001 +resting until 23:59", text)
    assert "resting until 23:59" in text


def test_workers_in_trouble_come_first(activity: Activity) -> None:
    workers = (worker(1), worker(2, breakers={"Redis": "open"}), worker(3, state="lost"))
    lines = text(replace(activity, shared=True, workers=workers)).splitlines()
    [head] = [index for index, line in enumerate(lines) if line.startswith("worker ")]
    assert [line.split()[0] for line in lines[head + 1 : head + 4]] == ["w003", "w002", "w001"]
    assert "Redis open" in lines[head + 2]


def test_what_is_shown_is_said_to_be_old_when_nothing_newer_is_known(activity: Activity) -> None:
    assert "PostgreSQL does not answer (shown: as of " in text(activity, trouble="PostgreSQL does not answer")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (3, "3 s"), (99, "99 s"), (600, "10 min"), (9000, "2.5 h"), (1e6, "11.6 d")],
)
def test_durations_are_brief(seconds: float | None, shown: str) -> None:
    assert brief(seconds) == shown


def test_files_come_from_the_live_view_and_else_from_the_database(library: Library, opened: Opened) -> None:
    library.meet(run := library.run(), b"1")
    library.take(run)
    progress = MemoryProgress()
    watched = Watched(opened, progress)
    assert watched.read().files == ()  # nobody holds the lock of this library
    progress.report("w", [RunningFile("w", 1, run, b"/music/1", "mp3", 1, "decode", 0.25, 1, 2.0)])
    assert [file.fraction for file in watched.read().files] == [0.25]


# Keys.


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("pq", ["p", "q"]),
        ("\r\x7f\x15\x1b", [ENTER, BACKSPACE, ERASE_LINE, ESCAPE]),
        ("\x1b[A\x1b[3~\x1bOPx", ["x"]),
        ("ä\x01\x1b[1;5C", ["ä"]),
    ],
)
def test_keys_are_told_apart(typed: str, keys: list[str]) -> None:
    assert list(keys_of(typed)) == keys


@pytest.fixture
def opened(library: Library, tmp_path: Path) -> Iterator[Opened]:  # noqa: ARG001  the library has to be there
    """The library as commands open it."""
    with open_library(Settings(data_dir=tmp_path / "data")) as found:
        yield found


def press(controls: Controls, activity: Activity, *keys: str) -> None:
    """Press keys, and carry out at once what follows."""
    for key in keys:
        action = controls.press(key, activity.runs)
        if action is not None:
            for said in action():
                controls.show(said)


def test_the_only_run_is_paused_and_resumed_at_once(
    library: Library, opened: Opened, activity: Activity
) -> None:
    controls = Controls(opened)
    press(controls, activity, "p")
    assert library.state(1) == "paused"
    assert controls.line == "Run 1 is paused; its running files are finished."
    paused = read_activity(library.database, None)
    press(controls, paused, "p")
    assert controls.line == "Pause: there is no such run."
    press(controls, paused, "r")
    assert library.state(1) == "running"


def test_of_several_runs_one_is_asked_for(library: Library, opened: Opened) -> None:
    for _ in range(2):
        library.meet(library.run(), b"1")
    controls, now = Controls(opened), read_activity(library.database, None)
    press(controls, now, "p")
    assert controls.line == "Pause which run (2, 1)? ▏"
    press(controls, now, "7", BACKSPACE, "1", ENTER)
    assert (library.state(1), library.state(2)) == ("paused", "running")
    press(controls, now, "p", "9", ENTER)
    assert controls.line == "Pause: '9' is none of 2, 1."
    press(controls, now, "p", "1", ESCAPE)
    assert controls.line == HELP


def test_failed_files_are_tried_again_after_a_question(
    library: Library, opened: Opened, activity: Activity
) -> None:
    library.job_store.fail(library.take(1), PICTURE, 0.0)
    controls = Controls(opened)
    press(controls, activity, "t", *"not-audio", ENTER)
    assert controls.line == "Queue 1 file again (y or n)? ▏"
    press(controls, activity, "n", ENTER)
    assert (controls.line, len(library.failed())) == ("Nothing was queued.", 1)
    press(controls, activity, "t", *"all", ENTER, "y", ENTER)
    assert (controls.line, len(library.failed())) == ("1 file queued again.", 0)
    press(controls, activity, "t", *"all", ENTER)
    assert controls.line == "No such file has failed."


def test_a_file_is_put_first(library: Library, opened: Opened, activity: Activity) -> None:
    controls = Controls(opened)
    press(controls, activity, "+", *"/music/2", ENTER, *"x", ENTER)
    assert controls.line == "'x' is no level."
    press(controls, activity, "+", *"/music/2", ENTER, ENTER)
    assert controls.line == "1 open job set to critical."
    assert library.take().path == b"2"


# The command itself.


def test_without_a_terminal_one_reading_can_be_had(library: Library, tmp_path: Path) -> None:
    library.finish(library.run(), b"1", result())
    data = ["--data", str(tmp_path / "data")]
    refused = CliRunner().invoke(app, ["top", *data])
    assert refused.exit_code == 2
    assert "the live view needs a terminal; `tonearm top --json`" in refused.stderr
    told = json.loads(CliRunner().invoke(app, ["top", "--json", *data]).stdout)
    assert [level["level"] for level in told["queue"]] == [level.label for level in Level]
    assert [rate["window_s"] for rate in told["rates"]] == [60, 300, 900]


@pytest.mark.parametrize("way", ["q", "ctrl-c", "SIGTERM", "SIGHUP"])
def test_the_terminal_is_left_as_it_was(library: Library, tmp_path: Path, way: str) -> None:
    library.meet(library.run(), b"song one")
    with terminal() as (ours, theirs):
        before = termios.tcgetattr(theirs)
        process = start(theirs, tmp_path / "data", "-m", "tonearm", "top")
        shown = until_shown(ours, b"Run 1 is")
        assert not termios.tcgetattr(theirs)[3] & (termios.ECHO | termios.ICANON)
        if way in ("q", "ctrl-c"):
            os.write(ours, {"q": b"q", "ctrl-c": b"\x03"}[way])
        else:
            process.send_signal(signal.Signals[way])
        shown += until_ended(ours, process)
        assert process.returncode == 0
        assert termios.tcgetattr(theirs) == before
    assert shown.index(b"\x1b[?1049h") < shown.index(b"\x1b[?1049l")  # the other screen
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")  # the cursor
    assert b"Traceback" not in shown


FAILS = """
from tonearm.bootstrap import activity
from tonearm.cli import main
activity.read_activity = lambda *_: 1 // 0
main()
"""


def test_an_error_is_shown_after_the_terminal_is_as_it_was(library: Library, tmp_path: Path) -> None:
    library.meet(library.run(), b"song one")
    with terminal() as (ours, theirs):
        before = termios.tcgetattr(theirs)
        process = start(theirs, tmp_path / "data", "-c", FAILS, "top")
        shown = until_ended(ours, process)
        assert termios.tcgetattr(theirs) == before
    assert process.returncode == 1
    assert shown.rindex(b"ZeroDivisionError") > shown.index(b"\x1b[?1049l")


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: that of the person, and that of the program."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)
        os.close(theirs)


def start(theirs: int, data: Path, *program: str) -> "subprocess.Popen[bytes]":
    """Start Python in a terminal."""
    return subprocess.Popen(
        [sys.executable, *program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm", "TONEARM_DATA_DIR": str(data)},
        preexec_fn=partial(os.login_tty, theirs),  # it makes the terminal the one that Ctrl-C comes from
    )


def until_shown(descriptor: int, wanted: bytes) -> bytes:
    """What a terminal has shown when something was there; fails after a while."""
    shown, until = b"", time.monotonic() + 60
    while wanted not in shown:
        assert time.monotonic() < until, shown
        if select.select([descriptor], [], [], 0.1)[0]:
            shown += os.read(descriptor, 1 << 16)
    return shown


def until_ended(descriptor: int, process: "subprocess.Popen[bytes]") -> bytes:
    """What a terminal shows until a process has ended."""
    shown, until = b"", time.monotonic() + 60
    while process.poll() is None or select.select([descriptor], [], [], 0)[0]:
        assert time.monotonic() < until, shown
        if select.select([descriptor], [], [], 0.1)[0]:
            shown += os.read(descriptor, 1 << 16)
    return shown
