"""A worker survives temporary failures, and ends when another worker has taken its name."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.clock import Clock
from tests.program import until
from tests.unit.library_fixture import LEASE_S, VERSIONS, WORKER, Library
from tonearm.errors import StorageUnavailable
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished, JobRetrying, JobReturned, Warned
from tonearm.events.rests import WorkerResting, WorkerResumed
from tonearm.events.states import RestCode
from tonearm.jobs.failures import NOT_MOUNTED
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome, Result
from tonearm.jobs.retry import MAX_INTERRUPTIONS
from tonearm.jobs.sql_queue import SqlQueue
from tonearm.jobs.worker_registry import NameTaken, WorkerStatus
from tonearm.names import PathMap
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.settings import Level, load_settings
from tonearm.telemetry.health import Liveness
from tonearm.telemetry.http import Request
from tonearm.worker import child_process as child_module
from tonearm.worker import dispatch as dispatch_module
from tonearm.worker import maintenance as maintenance_module
from tonearm.worker import mount_guard as guard_module
from tonearm.worker import supervisor as supervisor_module
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.maintenance import Registration
from tonearm.worker.mount_guard import MountGuard
from tonearm.worker.pool import ChildPool
from tonearm.worker.rest import Rest, RestWatch
from tonearm.worker.signals import StopSwitch
from tonearm.worker.supervisor import Supervisor
from tonearm.worker.task import Task

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
"""A child that says that it is ready and then nothing more; when it is started again, it works."""
OPEN = "SELECT count(*) AS jobs FROM jobs WHERE state IN ('queued', 'running', 'retrying')"


class WorkerUnderTest:
    """A supervisor over a library, with children that measure nothing."""

    def __init__(self, library: Library, music: Path) -> None:
        self.library = library
        self.music = os.fsencode(music)
        self.events: list[Event] = []
        self.stop = StopSwitch()
        self.sample_paths: Callable[[int, int], Sequence[bytes]] = library.job_store.sample_paths
        self.notice: Callable[[Event], object] = lambda _: None
        self.registration: Registration | None = None
        self.queue = Queue(SqlQueue(library.job_store, WORKER, None))
        self.settings = load_settings({"workers": 1})
        self.child: tuple[str, ...] = (CHILD,)
        self.turns = LoopTurns()
        self.rest: RestWatch | None = None

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
            MountGuard(PathMap(()), lambda root, limit: self.sample_paths(root, limit)),
            self.registration,
            self.note,
            self.stop,
            self.child,
            self.turns,
            rest=self.rest,
        )
        return supervisor.work(Task(None, lambda _: (over or self.nothing_left)(), lambda: None))

    def note(self, event: Event) -> None:
        """Keep an event, and pass it on."""
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
        self.asked = 0
        self.rested = 0

    def take(self, unmounted: Collection[UnmountedPlace], at_most: int) -> Sequence[Lease]:
        """Nothing may be taken once it is closed."""
        assert not self.closed
        self.asked += 1
        return self._queue.take(unmounted, at_most)

    def finish_and_take(
        self,
        finished: Sequence[tuple[Lease, Result]],
        unmounted: Collection[UnmountedPlace],
        at_most: int,
    ) -> tuple[Sequence[AttemptOutcome | None], Sequence[Lease]]:
        """Nothing may be taken once it is closed."""
        assert not self.closed
        return self._queue.finish_and_take(finished, unmounted, at_most)

    def count_waiting(self, unmounted: Collection[UnmountedPlace], at_most: int) -> int:
        """As the queue says."""
        return self._queue.count_waiting(unmounted, at_most)

    def acknowledge(self, lease: Lease) -> None:
        """As the queue does."""
        self._queue.acknowledge(lease)

    def dead_letter(self, lease: Lease) -> None:
        """As the queue does."""
        self._queue.dead_letter(lease)

    def rest(self) -> None:
        """As the queue does."""
        self.rested += 1

    def close(self) -> None:
        """Take no more."""
        self.closed = True


@pytest.fixture
def worker(library: Library, tmp_path: Path) -> Iterator[WorkerUnderTest]:
    (tmp_path / "music").mkdir()
    worker = WorkerUnderTest(library, tmp_path / "music")
    yield worker
    worker.stop.close()


def lay(worker: WorkerUnderTest, *names: str) -> None:
    for name in names:
        (Path(os.fsdecode(worker.music)) / name).write_bytes(name.encode().ljust(64))


def test_waiting_jobs_are_worked_on(worker: WorkerUnderTest) -> None:
    lay(worker, "1.flac", "2.flac")
    worker.meet("1.flac", "2.flac")
    assert worker.work()
    assert worker.done() == ["1.flac", "2.flac"]


def test_the_next_job_is_taken_with_the_result_of_the_last(worker: WorkerUnderTest) -> None:
    lay(worker, *(f"{number}.flac" for number in range(6)))
    worker.meet(*(f"{number}.flac" for number in range(6)))
    assert worker.work()
    assert worker.done() == [f"{number}.flac" for number in range(6)]
    assert worker.queue.asked == 2  # for the first job, and when there was none with the last result


def test_a_database_that_goes_away_while_a_missing_file_is_looked_for_costs_nothing(
    worker: WorkerUnderTest,
) -> None:
    """What else should be there can't be asked just then: the file goes back, and its turn comes again."""
    lay(worker, "1.flac", "3.flac")
    worker.meet("1.flac", "2.flac", "3.flac")
    asked = 0

    def sample_paths(root: int, limit: int) -> Sequence[bytes]:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise StorageUnavailable("the server went away")
        return worker.library.job_store.sample_paths(root, limit)

    worker.sample_paths = sample_paths
    assert worker.work(lambda: len(worker.done()) == 2)
    [missing] = worker.library.rows(
        "SELECT state, attempts, uncharged_attempts FROM jobs WHERE state != 'done'"
    )
    assert (missing["state"], missing["attempts"] - missing["uncharged_attempts"]) == ("retrying", 0)
    assert not any(isinstance(event, Warned) and event.text == NOT_MOUNTED for event in worker.events)


def test_many_files_that_are_gone_do_not_keep_a_worker_from_stopping(worker: WorkerUnderTest) -> None:
    names = [f"{number:03}.flac" for number in range(400)]
    lay(worker, "kept.flac")
    worker.meet("kept.flac", *names)
    worker.notice = lambda event: worker.stop.request() if isinstance(event, JobReturned) else None
    assert not worker.work()
    assert len([event for event in worker.events if isinstance(event, JobReturned)]) < 10


def test_a_folder_that_comes_back_is_worked_on_though_the_last_child_has_ended_meanwhile(
    worker: WorkerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "RECHECK_S", 0.5)
    monkeypatch.setattr(dispatch_module, "UNMOUNTED_DELAY_S", 0.1)
    worker.settings = load_settings({"workers": 1, "recycle_files": 1})
    usb = tmp_path / "usb"
    worker.library.meet(worker.library.run(), b"away.flac", level=Level.HIGH, root=os.fsencode(usb))
    lay(worker, "1.flac")
    worker.meet("1.flac")

    def come_back(event: Event) -> None:
        if isinstance(event, JobFinished) and not usb.exists():
            usb.mkdir()
            (usb / "away.flac").write_bytes(bytes(64))

    worker.notice = come_back
    assert worker.work()
    assert worker.done() == ["1.flac", "away.flac"]


def test_what_became_of_the_jobs_of_a_lost_worker_is_announced_once_and_not_counted_as_done_here(
    worker: WorkerUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Row:
        def __init__(self) -> None:
            self.failed = 0

        def heartbeat(
            self,
            running: Sequence[Mapping[str, Any]],  # noqa: ARG002  the protocol's
            unmounted: Sequence[bytes],  # noqa: ARG002
            done: int,  # noqa: ARG002
            failed: int,
        ) -> WorkerStatus:
            self.failed = failed
            return WorkerStatus.ACTIVE

    monkeypatch.setattr(supervisor_module, "MAINTENANCE_S", 0.0)
    monkeypatch.setattr(maintenance_module, "RECOVER_S", 0.0)
    monkeypatch.setattr(maintenance_module, "HEARTBEAT_S", 0.0)
    row = worker.registration = Row()
    library = worker.library
    lay(worker, "1.flac", "2.flac")
    worker.meet("1.flac", "2.flac")
    given_up, again = library.job_store.take("lost", None, at_most=2)
    library.change(
        "UPDATE jobs SET interruptions = :n WHERE id = :id", n=MAX_INTERRUPTIONS - 1, id=given_up.job
    )

    def over() -> bool:
        library.elapsed_s += LEASE_S / 3
        return worker.nothing_left()

    assert worker.work(over)
    [ended] = [
        event for event in worker.events if isinstance(event, JobFinished) and event.job.job == given_up.job
    ]
    assert (ended.job, ended.state, ended.code) == (given_up.ref, "quarantined", "interrupted")
    [retried] = [event for event in worker.events if isinstance(event, JobRetrying)]
    assert (retried.job, retried.code) == (again.ref, "interrupted")
    assert worker.done() == ["1.flac", "2.flac"]
    assert row.failed == 0


def test_a_worker_whose_name_another_has_taken_ends(worker: WorkerUnderTest) -> None:
    class Replaced:
        def heartbeat(
            self,
            running: Sequence[Mapping[str, Any]],  # noqa: ARG002  the protocol's
            unmounted: Sequence[bytes],  # noqa: ARG002  the protocol's
            done: int,  # noqa: ARG002  the protocol's
            failed: int,  # noqa: ARG002  the protocol's
        ) -> WorkerStatus:
            return WorkerStatus.REPLACED

    worker.registration = Replaced()
    with pytest.raises(NameTaken, match="another worker has taken the name of this one"):
        worker.work(lambda: False)


def test_a_worker_that_is_asked_to_stop_closes_its_queue(worker: WorkerUnderTest) -> None:
    threading.Timer(0.3, worker.stop.request).start()
    assert not worker.work(lambda: False)
    assert worker.queue.closed


def test_a_stop_during_a_look_at_the_children_ends_the_wait_that_follows(
    worker: WorkerUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[tuple[float, bool]] = []
    wait = ChildPool.wait

    def waited(pool: ChildPool, at_most_s: float) -> tuple[list[ChildProcess], bool]:
        if not (at_most_s or worker.stop.requests):
            worker.stop.request()
        answer = wait(pool, at_most_s)
        waits.append((at_most_s, answer[1]))
        return answer

    monkeypatch.setattr(ChildPool, "wait", waited)
    lay(worker, "1.flac")
    worker.meet("1.flac")
    assert not worker.work(lambda: False)
    look = next(place for place, (at_most_s, _) in enumerate(waits) if not at_most_s)
    following_s, woken = waits[look + 1]
    assert following_s > 0
    assert woken


def test_a_child_gets_no_environment_variable_that_it_does_not_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hostile file may take control of it, and a URL may hold a password."""
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
    worker: WorkerUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hangs in the kernel, as a process does that reads from a server which is gone."""
    hung: list[subprocess.Popen[bytes]] = []

    def kill(process: "subprocess.Popen[bytes]", number: int) -> None:
        is_child = "time.sleep(1000)" in str(
            process.args
        )  # an opener may be killed, too, where the machine is slow
        if process in hung or (is_child and not hung):
            hung.append(process)
            os.kill(process.pid, signal.SIGSTOP)
        else:
            os.kill(process.pid, number)

    monkeypatch.setattr(subprocess.Popen, "send_signal", kill)
    monkeypatch.setattr(child_module, "UNKILLABLE_S", 0.2)
    monkeypatch.setattr(child_module, "REAP_S", 0.2)
    worker.settings = load_settings({"workers": 1, "deadline_base_s": 1})
    worker.child = ("-c", SILENT_ONCE.format(worker.music.decode() + ".tried", CHILD))
    lay(worker, "1.flac")
    worker.meet("1.flac")

    def come_back(event: Event) -> None:
        if isinstance(event, Warned) and "left behind" in event.text:
            os.kill(hung[0].pid, signal.SIGKILL)

    worker.notice = come_back
    assert worker.work()
    assert worker.done() == ["1.flac"]
    assert any(isinstance(event, Warned) and "left behind" in event.text for event in worker.events)


def test_a_supervisor_that_blocks_no_longer_turns_and_one_that_idles_does(worker: WorkerUnderTest) -> None:
    released, blocked, ended = threading.Event(), threading.Event(), threading.Event()
    clock = Clock()
    worker.turns = LoopTurns(clock)
    passes = 0

    def over() -> bool:
        nonlocal passes
        passes += 1
        if passes == 2:
            blocked.set()
            released.wait(60)
        return ended.is_set()

    health = Liveness(worker.turns, stuck_s=1.0)
    thread = threading.Thread(target=worker.work, args=(over,))
    thread.start()
    try:
        assert blocked.wait(60)
        assert health(Request("/health")).status == 200
        clock.now += 1.1
        stuck = health(Request("/health"))
        assert (stuck.status, b"no turn for 1 s: supervisor" in stuck.body) == (503, True)
        released.set()
        until(lambda: passes >= 4 and health(Request("/health")).status == 200)
    finally:
        released.set()
        ended.set()
        thread.join(60)
    assert worker.turns.snapshot() == {}


def test_a_resting_worker_takes_nothing_keeps_no_message_and_goes_on_by_itself(
    worker: WorkerUnderTest,
) -> None:
    lay(worker, "1", "2")
    worker.meet("1", "2")
    rests = [Rest(RestCode.HOURS, "outside the hours", 5)] * 4
    now = iter(range(1000))

    class Rule:
        def rest(self, now: float) -> Rest | None:  # noqa: ARG002  the protocol's
            assert not worker.queue.asked or not rests
            return rests.pop() if rests else None

    worker.rest = RestWatch([Rule()], WORKER, worker.note, lambda: float(next(now)))
    assert worker.work()
    assert worker.queue.rested >= 2
    assert sorted(worker.done()) == ["1", "2"]
    told = [type(event) for event in worker.events if isinstance(event, WorkerResting | WorkerResumed)]
    assert told == [WorkerResting, WorkerResumed]


def test_a_resting_worker_ends_when_nothing_is_left_and_when_it_is_stopped(worker: WorkerUnderTest) -> None:
    class Always:
        def rest(self, now: float) -> Rest | None:  # noqa: ARG002  the protocol's
            return Rest(RestCode.BATTERY, "on battery")

    worker.rest = RestWatch([Always()], WORKER, worker.note)
    assert worker.work()
    lay(worker, "1")
    worker.meet("1")
    worker.rest = RestWatch([Always()], WORKER, worker.note)

    def stop(event: Event) -> None:
        if isinstance(event, WorkerResting):
            worker.stop.request()

    worker.notice = stop
    assert not worker.work()
    assert worker.queue.asked == 0


DIES = """
import os, socket, sys
from tonearm.worker.child_protocol import encode, receive
link = socket.socket(fileno=int(sys.argv[1]))
link.sendall(encode({"ready": os.getpid(), "unsealed": None}))
message, _ = receive(link)
link.sendall(encode({"stage": "identify"}))
if message["tags_first"]:
    link.sendall(encode({"tags": {"title": "Blue", "artist": "Ann"}}))
os.abort()
"""


def test_a_file_that_kills_every_child_keeps_its_tags(worker: WorkerUnderTest) -> None:
    worker.settings = load_settings({"workers": 1, "retry_base_s": 0.01, "retry_cap_s": 0.01})
    worker.child = ("-c", DIES)
    lay(worker, "1.flac")
    worker.meet("1.flac")
    assert worker.work()
    [file] = worker.library.failed()
    assert (file.state, file.code, file.title, file.artist) == ("quarantined", "crashed", "Blue", "Ann")
