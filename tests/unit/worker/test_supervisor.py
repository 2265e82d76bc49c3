"""A person relies on: a worker goes on through trouble that passes, and ends when it is not the one it says it is."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.shelf import VERSIONS, WORKER, Library
from tonearm.errors import StorageAway
from tonearm.events.facts import Event, JobFinished, JobReturned, Warned
from tonearm.jobs.failures import NOT_MOUNTED
from tonearm.jobs.job import Lease, UnmountedPlace
from tonearm.jobs.sql_queue import SqlQueue
from tonearm.jobs.worker_registry import NameTaken, WorkerStatus
from tonearm.names import PathMap
from tonearm.settings import Level, load_settings
from tonearm.worker import child_process as child_module
from tonearm.worker import dispatch as dispatch_module
from tonearm.worker import mount_guard as guard_module
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.maintenance import Registration
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor, Task

CHILD = str(Path(__file__).parents[2] / "performance" / "idle_child.py")
SILENT_ONCE = """
import os, runpy, sys, time
try:
    os.close(os.open({!r}, os.O_CREAT | os.O_EXCL))
except FileExistsError:
    runpy.run_path({!r}, run_name="__main__")
from tonearm.worker.child_protocol import encode
import socket
socket.socket(fileno=os.dup(int(sys.argv[1]))).sendall(encode({{"ready": 1, "unsealed": None}}))
time.sleep(1000)
"""
"""A child that says it is ready and nothing more; started again, it works."""
OPEN = "SELECT count(*) AS jobs FROM jobs WHERE state IN ('queued', 'running', 'retrying')"


class Shift:
    """A supervisor over a library, with children that measure nothing."""

    def __init__(self, library: Library, music: Path) -> None:
        self.library = library
        self.music = os.fsencode(music)
        self.events: list[Event] = []
        self.stop = StopSwitch()
        self.samples: Callable[[int, int], Sequence[bytes]] = library.job_store.samples
        self.notice: Callable[[Event], object] = lambda _: None
        self.registration: Registration | None = None
        self.queue = Queue(SqlQueue(library.job_store, WORKER, None))
        self.settings = load_settings({"workers": 1})
        self.child: tuple[str, ...] = (CHILD,)

    def meet(self, *names: str) -> None:
        """Take in files, whether they are there or not."""
        self.library.meet(self.library.run(), *(os.fsencode(name) for name in names), root=self.music)

    def work(self, over: Callable[[], bool] | None = None) -> bool:
        """Work until nothing is open, or something else is so."""
        supervisor = Supervisor(
            self.library.job_store,
            self.queue,
            self.library.runs,
            self.settings,
            VERSIONS,
            WORKER,
            MountGuard(PathMap(()), lambda root, limit: self.samples(root, limit)),
            self.registration,
            self.note,
            self.stop,
            self.child,
        )
        return supervisor.work(Task(None, lambda _: (over or self.nothing_left)(), lambda: None))

    def note(self, event: Event) -> None:
        """Keep an event, and show it to whoever waits for one."""
        self.events.append(event)
        self.notice(event)

    def nothing_left(self) -> bool:
        """Whether every job has ended."""
        return bool(self.library.rows(OPEN)[0]["jobs"] == 0)

    def done(self) -> list[str]:
        """What was finished, in its order."""
        finished = [event for event in self.events if isinstance(event, JobFinished)]
        return [os.fsdecode(os.path.basename(event.job.path)) for event in finished]


class Queue:
    """A queue that notes whether it was closed."""

    def __init__(self, queue: SqlQueue) -> None:
        self._queue = queue
        self.closed = False

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        """Nothing may be taken once it is closed."""
        assert not self.closed
        return self._queue.take(unmounted, at_most)

    def waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        """As the queue says."""
        return self._queue.waiting(unmounted, at_most)

    def acknowledge(self, lease: Lease) -> None:
        """As the queue does."""
        self._queue.acknowledge(lease)

    def bury(self, lease: Lease) -> None:
        """As the queue does."""
        self._queue.bury(lease)

    def close(self) -> None:
        """Take no more."""
        self.closed = True


@pytest.fixture
def shift(library: Library, tmp_path: Path) -> Iterator[Shift]:
    (tmp_path / "music").mkdir()
    shift = Shift(library, tmp_path / "music")
    yield shift
    shift.stop.close()


def lay(shift: Shift, *names: str) -> None:
    for name in names:
        (Path(os.fsdecode(shift.music)) / name).write_bytes(name.encode().ljust(64))


def test_what_there_is_is_worked_on(shift: Shift) -> None:
    lay(shift, "1.flac", "2.flac")
    shift.meet("1.flac", "2.flac")
    assert shift.work()
    assert shift.done() == ["1.flac", "2.flac"]


def test_a_database_that_goes_away_while_a_missing_file_is_looked_for_costs_nothing(shift: Shift) -> None:
    """What else should be there can't be asked just then: the file goes back, and its turn comes again."""
    lay(shift, "1.flac", "3.flac")
    shift.meet("1.flac", "2.flac", "3.flac")
    asked = 0

    def samples(root: int, limit: int) -> Sequence[bytes]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise StorageAway("the server went away")
        return shift.library.job_store.samples(root, limit)

    shift.samples = samples
    assert shift.work(lambda: len(shift.done()) == 2)
    [missing] = shift.library.rows(
        "SELECT state, attempts, uncharged_attempts FROM jobs WHERE state != 'done'"
    )
    assert (missing["state"], missing["attempts"] - missing["uncharged_attempts"]) == ("retrying", 0)
    assert not any(isinstance(event, Warned) and event.text == NOT_MOUNTED for event in shift.events)


def test_many_files_that_are_gone_do_not_keep_a_worker_from_stopping(shift: Shift) -> None:
    names = [f"{number:03}.flac" for number in range(400)]
    lay(shift, "kept.flac")
    shift.meet("kept.flac", *names)
    shift.notice = lambda event: shift.stop.request() if isinstance(event, JobReturned) else None
    assert not shift.work()
    assert len([event for event in shift.events if isinstance(event, JobReturned)]) < 10


def test_a_folder_that_comes_back_is_worked_on_though_the_last_child_has_ended_meanwhile(
    shift: Shift, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "RECHECK_S", 0.5)
    monkeypatch.setattr(dispatch_module, "UNMOUNTED_DELAY_S", 0.1)
    shift.settings = load_settings({"workers": 1, "recycle_files": 1})
    usb = tmp_path / "usb"
    shift.library.meet(shift.library.run(), b"away.flac", level=Level.HIGH, root=os.fsencode(usb))
    lay(shift, "1.flac")
    shift.meet("1.flac")

    def come_back(event: Event) -> None:
        if isinstance(event, JobFinished) and not usb.exists():
            usb.mkdir()
            (usb / "away.flac").write_bytes(bytes(64))

    shift.notice = come_back
    assert shift.work()
    assert shift.done() == ["1.flac", "away.flac"]


def test_a_worker_whose_name_another_has_taken_ends(shift: Shift) -> None:
    class Replaced:
        def heartbeat(
            self,
            running: Sequence[Mapping[str, Any]],  # noqa: ARG002  the protocol's
            unmounted: Sequence[bytes],  # noqa: ARG002
            done: int,  # noqa: ARG002
            failed: int,  # noqa: ARG002
        ) -> WorkerStatus:
            return WorkerStatus.REPLACED

    shift.registration = Replaced()
    with pytest.raises(NameTaken, match="another worker has taken the name of this one"):
        shift.work(lambda: False)


def test_who_is_asked_to_stop_lets_go_of_what_its_queue_was_offered(shift: Shift) -> None:
    threading.Timer(0.3, shift.stop.request).start()
    assert not shift.work(lambda: False)
    assert shift.queue.closed


def test_a_child_is_told_nothing_of_the_environment_that_it_does_not_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be taken over by a file that was made to do so, and a URL may hold a password."""
    for name in ("TONEARM_DATABASE_URL", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hush")
    tell = (
        "import os, socket, sys; from tonearm.worker.child_protocol import encode;"
        "socket.socket(fileno=int(sys.argv[1])).sendall(encode({'told': dict(os.environ)}))"
    )
    child = ChildProcess(load_settings({"workers": 1}), ("-c", tell))
    try:
        [message] = child.receive() or []
    finally:
        child.close()
    assert "hush" not in message["told"].values()
    assert "PATH" in message["told"]


def test_a_child_that_cannot_be_ended_is_left_behind_and_its_file_tried_again(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs in the kernel, as a process does that reads from a server which is gone."""
    hung: list[subprocess.Popen[bytes]] = []

    def kill(process: "subprocess.Popen[bytes]", number: int) -> None:
        if not hung or process in hung:
            hung.append(process)
            os.kill(process.pid, signal.SIGSTOP)
        else:
            os.kill(process.pid, number)

    monkeypatch.setattr(subprocess.Popen, "send_signal", kill)
    monkeypatch.setattr(child_module, "UNKILLABLE_S", 0.2)
    monkeypatch.setattr(child_module, "REAP_S", 0.2)
    shift.settings = load_settings({"workers": 1, "deadline_base_s": 1})
    shift.child = ("-c", SILENT_ONCE.format(shift.music.decode() + ".tried", CHILD))
    lay(shift, "1.flac")
    shift.meet("1.flac")

    def come_back(event: Event) -> None:
        if isinstance(event, Warned) and "left behind" in event.text:
            os.kill(hung[0].pid, signal.SIGKILL)

    shift.notice = come_back
    assert shift.work()
    assert shift.done() == ["1.flac"]
    assert any(isinstance(event, Warned) and "left behind" in event.text for event in shift.events)
