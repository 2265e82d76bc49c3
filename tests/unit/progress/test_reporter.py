"""Other processes see what this process does; an unavailable live view does not affect the work."""

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import count

import pytest

from tests.clock import Clock
from tests.memory_progress import MemoryProgress
from tests.program import until
from tests.unit.facts import job_ref
from tests.unit.library_fixture import Library
from tonearm.errors import ServiceUnavailable, StorageUnavailable
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished, JobReturned, JobStarted, Remote, StageReached, Warned
from tonearm.events.job_ref import JobRef
from tonearm.library.database import Database
from tonearm.progress import reporter as rounds
from tonearm.progress.live import LiveView
from tonearm.progress.port import Notice, RunningFile, Snapshot
from tonearm.progress.reporter import Reporter
from tonearm.views import snapshots

EMPTY = Snapshot(1.0, {}, 0, 0, 0, ())


class Board(MemoryProgress):
    """A live view that can be unavailable, and counts the calls to it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.unavailable = False
        self.reports = 0
        self.posts = 0

    def report(self, worker: str, files: Sequence[RunningFile]) -> None:
        if self.unavailable:
            raise ServiceUnavailable("nobody answers")
        self.reports += 1
        super().report(worker, files)

    def post(self, snapshot: Snapshot, for_s: float = 15.0) -> None:
        self.posts += 1
        super().post(snapshot, for_s)


class Scene:
    """A process with a live view, the pipeline's events going to all that listen."""

    def __init__(self, database: Database, board: Board, name: str = "me") -> None:
        self.view = LiveView()
        self.said: list[Event] = []
        self.reporter = Reporter(
            board, lambda: snapshots.take_snapshot(database), self.view, name, self.said.append
        )

    def tell(self, *events: Event) -> None:
        for event in events:
            self.view(event)
            self.reporter(event)

    def warnings(self) -> list[str]:
        return [event.text for event in self.said if isinstance(event, Warned)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


@pytest.fixture
def board(clock: Clock) -> Board:
    return Board(clock)


@pytest.fixture
def scene(library: Library, board: Board) -> Scene:
    return Scene(library.database, board)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[list[float]]:
    """The moments at which the library is counted, which takes as long as the first value says, in seconds."""
    moments: list[float] = [0.0]

    def take(_: Database) -> Snapshot:
        moments.append(clock.now)
        clock.now += moments[0]
        return EMPTY

    monkeypatch.setattr(snapshots, "take_snapshot", take)
    yield moments
    assert moments


def file(job: int) -> JobRef:
    return job_ref(job, b"/m/%d\xff.flac" % job, size=5000, attempt=2)


def started(job: int) -> JobStarted:
    return JobStarted(file(job))


def finished(job: int) -> JobFinished:
    return JobFinished(file(job), "done", 1.0)


def test_what_is_running_is_seen_by_all(scene: Scene, board: Board, clock: Clock) -> None:
    scene.tell(started(7), StageReached(file(7), "decode", 0.25))
    clock.now += 1.5
    scene.reporter.report()
    assert board.running() == (
        RunningFile("me", 7, 3, b"/m/7\xff.flac", "flac", 5000, "decode", 0.25, 2, 1.5),
    )
    scene.tell(finished(7))
    scene.reporter.report()
    assert board.running() == ()


def test_what_others_run_is_left_to_them(scene: Scene, board: Board) -> None:
    scene.tell(Remote(started(7)))
    scene.reporter.report()
    assert board.running() == ()


def test_what_does_not_change_is_said_again_now_and_then(scene: Scene, board: Board, clock: Clock) -> None:
    scene.tell(started(7))
    for _ in range(21):
        scene.reporter.report()
        clock.now += 0.5
    assert board.reports == 3
    scene.tell(StageReached(file(7), "decode", 0.5))
    scene.reporter.report()
    assert board.reports == 4


def test_a_live_view_that_forgot_everything_soon_knows_it_again(
    scene: Scene, board: Board, clock: Clock
) -> None:
    scene.tell(started(7))
    scene.reporter.report()
    before = board.latest()
    assert before is not None
    board.close()
    assert (board.running(), board.latest()) == ((), None)
    clock.now += rounds.REPEAT_S
    scene.reporter.report()
    assert [file.job for file in board.running()] == [7]
    assert board.latest() is not None


def test_events_are_passed_on_to_who_listens(scene: Scene, board: Board) -> None:
    with board.changes() as changes:
        scene.tell(started(7), StageReached(file(7), "identify"), finished(7))
        scene.tell(Remote(started(8)), Remote(StageReached(file(8), "identify")))
        scene.reporter.report()
        heard = [changes.next(0) for _ in range(4)]
    assert [
        notice and (notice.worker, notice.message["what"], notice.message["job"]) for notice in heard
    ] == [
        ("me", "job_started", 7),
        ("me", "stage_reached", 7),
        ("me", "job_finished", 7),
        None,
    ]


def test_of_all_processes_one_counts(
    library: Library, board: Board, clock: Clock, counted: list[float]
) -> None:
    scenes = [Scene(library.database, board, name) for name in ("a", "b", "c")]
    for _ in range(20):
        for scene in scenes:
            scene.reporter.report()
        clock.now += 0.5
    assert len(counted) - 1 == 10
    board.leave("a")
    clock.now += 1
    scenes[1].reporter.report()
    assert counted[-1] == clock.now


@pytest.mark.parametrize("cost_s", [0.0, 0.01, 0.2, 3.0])
def test_counting_takes_a_twentieth_of_the_time_at_the_most(
    scene: Scene, board: Board, clock: Clock, counted: list[float], cost_s: float
) -> None:
    counted[0] = cost_s
    began = clock.now
    while clock.now < began + 600:
        scene.reporter.report()
        assert board.latest() == EMPTY
        clock.now += 0.5
    counts = len(counted) - 1
    assert counts * cost_s <= 0.05 * (clock.now - began) + cost_s
    assert counts >= min(600, 600 / max(cost_s, 0.01) / 20) * 0.75


def test_a_database_that_is_away_is_not_the_live_views_affair(
    scene: Scene, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_: Database) -> Snapshot:
        raise StorageUnavailable("the server does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "take_snapshot", unavailable)
        for job in range(20):
            scene.tell(started(job))
            scene.reporter.report()
            clock.now += 0.5
    assert len(board.running()) == 20
    assert scene.said == []
    clock.now += 5
    scene.reporter.report()
    assert board.latest() is not None


def test_a_live_view_that_is_away_is_told_once_when_it_goes_and_once_when_it_is_back(
    scene: Scene, board: Board, clock: Clock
) -> None:
    scene.tell(started(7))
    board.unavailable = True
    for _ in range(60):
        scene.reporter.report()
        clock.now += 1
    assert len(scene.warnings()) == 1
    assert "nobody answers" in scene.warnings()[0]
    board.unavailable = False
    for _ in range(10):
        scene.reporter.report()
        clock.now += 1
    assert len(scene.warnings()) == 2
    assert [file.job for file in board.running()] == [7]
    assert board.latest() is not None


def test_a_live_view_that_stumbles_is_not_worth_a_word(scene: Scene, board: Board, clock: Clock) -> None:
    for number in range(20):
        board.unavailable = number % 4 == 0
        scene.reporter.report()
        clock.now += 1
    assert scene.said == []


def test_what_happened_while_it_was_away_is_no_news(scene: Scene, board: Board) -> None:
    with board.changes() as changes:
        board.unavailable = True
        scene.tell(started(7), started(8))
        scene.reporter.report()
        board.unavailable = False
        scene.tell(finished(7))
        scene.reporter.report()
        told = [changes.next(0), changes.next(0)]
    assert told == [
        Notice("me", {"what": "dropped", "notices": 2}),
        Notice(
            "me",
            {
                "what": "job_finished",
                "job": 7,
                "correlation_id": f"{7:032x}",
                "state": "done",
                "code": None,
            },
        ),
    ]


def test_it_reports_in_its_own_thread_until_it_is_stopped_and_then_leaves(library: Library) -> None:
    board = MemoryProgress()
    view = LiveView()
    reporter = Reporter(board, lambda: snapshots.take_snapshot(library.database), view, "me", lambda _: None)
    view(started(7))
    stop = threading.Event()
    thread = threading.Thread(target=reporter.run, args=(stop,))
    thread.start()
    try:
        until(lambda: bool(board.running() and board.latest()))
        assert [file.job for file in board.running()] == [7]
        assert not board.lead("another")
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert board.running() == ()
    assert board.lead("another")


def test_the_pipeline_may_go_on_while_it_looks(library: Library) -> None:
    board = MemoryProgress()
    view = LiveView()
    reporter = Reporter(board, lambda: snapshots.take_snapshot(library.database), view, "me", lambda _: None)
    stop = threading.Event()

    def work() -> None:
        for job in count(1):
            if stop.is_set():
                return
            for event in (
                started(job),
                StageReached(file(job), "decode", 0.5),
                JobReturned(file(job - 50), ""),
            ):
                view(event)
                reporter(event)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(300):
            reporter.report()
    finally:
        stop.set()
        thread.join()
    assert len(board.running()) <= 51
