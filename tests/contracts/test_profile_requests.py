"""A worker is asked for a profile through the database, and answers through it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.library_fixture import Library
from tonearm.errors import NotFound
from tonearm.jobs.history_cleanup import History
from tonearm.jobs.profile_requests import CannotProfile, ProfileRequest, ProfileRequests
from tonearm.jobs.worker_registry import WorkerInstance, WorkerRegistry
from tonearm.jobs.worker_rows import LOST_S
from tonearm.library.database import open_sqlite
from tonearm.telemetry import profile_call
from tonearm.telemetry.profile_call import ask_for_profile
from tonearm.worker import profiler as profiler_module
from tonearm.worker.profile import Profile
from tonearm.worker.profiler import BEING_PROFILED, STUCK, Profiler, WholeRun
from tonearm.worker.sampling_requests import ChildSampling


@pytest.fixture(params=["sqlite", "postgresql"])
def library(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Library]:
    """An empty library, on SQLite and then on PostgreSQL, with a worker named a."""
    if request.param == "postgresql":
        library = Library(request.getfixturevalue("emptied_postgres"))
        WorkerRegistry(library.database).register(WorkerInstance("a", "1@x", "host", 1, "0", 1), 60.0)
        yield library
        return
    database = open_sqlite(tmp_path / "library")
    yield Library(database)
    database.close()


@pytest.fixture
def requests(library: Library) -> ProfileRequests:
    return ProfileRequests(library.database)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_call, "POLL_S", 0.02)
    monkeypatch.setattr(profiler_module, "POLL_S", 0.05)
    monkeypatch.setattr(profiler_module, "ANSWER_S", 0.1)


class Worker:
    """A worker's thread that answers requests, until the end of the ``with`` block."""

    def __init__(self, requests: ProfileRequests, whole_run: WholeRun | None = None) -> None:
        self.sampling = ChildSampling()
        self.stop = threading.Event()
        profiler = Profiler(requests, "a", self.sampling, whole_run)
        self._thread = threading.Thread(target=profiler.run, args=(self.stop,), name="profiler")

    def __enter__(self) -> "Worker":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self._thread.join()


def asked(requests: ProfileRequests, child: int | None = None, seconds: float = 0.1) -> Profile:
    return ask_for_profile(requests, "a", child, seconds, lambda: True)


def left(library: Library) -> int:
    return len(library.rows("SELECT id FROM profiles"))


def test_a_worker_answers_and_the_answer_is_deleted(library: Library, requests: ProfileRequests) -> None:
    with Worker(requests):
        profile = asked(requests)
    assert (profile.worker, [each.child for each in profile.processes]) == ("a", [False])
    assert profile.processes[0].stacks.seconds > 0
    assert profile.notes == []
    assert left(library) == 0


def test_a_loop_that_does_not_turn_is_told(requests: ProfileRequests) -> None:
    with Worker(requests) as worker:
        worker.sampling.attend()
        assert asked(requests).notes == [STUCK]
        with pytest.raises(CannotProfile, match="did not turn"):
            asked(requests, child=5)
    with Worker(requests), pytest.raises(CannotProfile, match=r"there is no child 5 .* none"):
        asked(requests, child=5)


def test_a_worker_that_stops_sends_what_it_has(requests: ProfileRequests) -> None:
    number = requests.ask("a", None, 500.0)
    with Worker(requests):
        while not (answer := requests.answer_to(number)) or not answer.begun:
            pass
    answer = requests.answer_to(number)
    assert answer is not None
    assert answer.profile is not None
    assert Profile.from_bytes(answer.profile).seconds < 60


def test_a_withdrawn_request_ends_the_sampling(library: Library, requests: ProfileRequests) -> None:
    number = requests.ask("a", None, 500.0)
    with Worker(requests):
        while not (answer := requests.answer_to(number)) or not answer.begun:
            pass
        requests.withdraw(number)
        assert asked(requests).processes
    assert left(library) == 0


def test_no_answer_is_told_in_time_and_the_request_deleted(
    library: Library, requests: ProfileRequests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profile_call, "BEGIN_S", 0.05)
    monkeypatch.setattr(profile_call, "END_S", 0.05)
    with pytest.raises(CannotProfile, match="has not begun to sample"):
        asked(requests)
    with pytest.raises(CannotProfile, match="has ended before"):
        ask_for_profile(requests, "a", None, 0.1, lambda: False)

    def begin() -> bool:
        request = requests.next("a")
        return request is None or requests.begin(request)

    with pytest.raises(CannotProfile, match="has not sent the profile"):
        ask_for_profile(requests, "a", None, 0.1, begin)
    assert left(library) == 0


def test_one_call_at_a_time_profiles_a_worker(requests: ProfileRequests) -> None:
    requests.ask("a", None, 5.0)
    with pytest.raises(CannotProfile, match="already"):
        requests.ask("a", None, 5.0)


def test_a_call_that_was_killed_stands_in_nobodys_way(library: Library, requests: ProfileRequests) -> None:
    requests.ask("a", None, 5.0)
    library.change("UPDATE profiles SET asked_at = asked_at - 120")
    assert requests.next("a") is None
    second = requests.ask("a", 7, 5.0)
    assert requests.next("a") == ProfileRequest(second, 7, 5.0)
    library.change("UPDATE profiles SET asked_at = asked_at - 90000")
    History(library.database, 90).prune()
    assert left(library) == 0


def test_a_run_that_is_profiled_as_a_whole_refuses(requests: ProfileRequests) -> None:
    whole_run = WholeRun()
    with Worker(requests, whole_run), pytest.raises(CannotProfile, match=BEING_PROFILED[:30]):
        asked(requests)
    assert whole_run.profile is not None
    assert whole_run.profile.processes[0].stacks.seconds > 0


def test_only_a_living_worker_of_a_shared_library_is_asked(
    library: Library, requests: ProfileRequests
) -> None:
    if not library.database.shared:  # its one process is asked, by whatever path the folder was opened
        request = requests.ask("b", None, 1.0)
        assert requests.next("a") == ProfileRequest(request, None, 1.0)
        return
    with pytest.raises(NotFound, match="no worker named b"):
        requests.ask("b", None, 1.0)
    library.change("UPDATE workers SET seen_at = seen_at - :seconds", seconds=LOST_S + 10)
    with pytest.raises(CannotProfile, match="is lost"):
        requests.ask("a", None, 1.0)
