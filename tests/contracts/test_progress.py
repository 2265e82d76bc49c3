"""The live view shows the last report of each worker, and no report that has expired."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from tests.memory_progress import MemoryProgress
from tests.program import within
from tonearm.errors import ServiceRefused
from tonearm.events.states import Obstacle, Outlook
from tonearm.progress.port import Progress, RunningFile, RunProgress, Snapshot
from tonearm.progress.redis import RedisProgress
from tonearm.resilience.gate import Unguarded

OUTLOOK = Outlook(11, 3000.5, 60.0, 40.0, 90.0, Obstacle.DECODING, 0.5)
SNAPSHOT = Snapshot(
    at=1_700_000_000.25,
    queued={"critical": 0, "high": 1, "normal": 1_000_000, "low": 0, "background": 2},
    retrying=3,
    running=4,
    unsent=5,
    runs=(
        RunProgress(8, "running", 20, 4, 3, 2, 1, 10, OUTLOOK),
        RunProgress(7, "finished", 1, 1, 0, 0, 0, 0),
    ),
)
SHORT_S = 0.4
MakeProgress = Callable[[float], Progress]


@pytest.fixture(params=["memory", "redis"])
def make(request: pytest.FixtureRequest) -> Iterator[MakeProgress]:
    """Makes progress that believes a worker for so many seconds. All of one test share what they say."""
    made: list[MemoryProgress | RedisProgress] = []

    def make(valid_s: float) -> Progress:
        if request.param == "memory":
            made.append(MemoryProgress(valid_s))
        else:
            url, namespace = request.getfixturevalue("redis_url"), request.getfixturevalue("namespace")
            made.append(RedisProgress(url, namespace, Unguarded(), valid_s))
        return made[-1]

    yield make
    for progress in made:
        progress.close()


@pytest.fixture
def progress(make: MakeProgress) -> Progress:
    return make(60.0)


def hand(worker: str, job: int, path: bytes = b"/music/a.flac", **changes: Any) -> RunningFile:
    values: Mapping[str, Any] = {
        "run": 3,
        "extension": "flac",
        "size": 5_000_000_000,
        "stage": "decode",
        "fraction": 0.25,
        "attempt": 2,
        "since_s": 1.5,
    }
    return RunningFile(worker=worker, job=job, path=path, **{**values, **changes})


def jobs(progress: Progress) -> list[tuple[str, int]]:
    return [(file.worker, file.job) for file in progress.running()]


def test_at_first_nothing_is_known(progress: Progress) -> None:
    assert progress.running() == ()
    assert progress.latest() is None


def test_what_a_worker_runs_is_seen_as_it_said_it(progress: Progress) -> None:
    said = hand("b", 2, fraction=None)
    progress.report("b", [said])
    [seen] = progress.running()
    assert 1.5 <= seen.since_s < 61.5
    assert seen == hand("b", 2, fraction=None, since_s=seen.since_s)


@pytest.mark.parametrize(
    "path", [b"/m/\xff\xfe\n\x00'\"%25.mp3", "/m/Ænd – 日本.mp3".encode()], ids=["bytes", "text"]
)
def test_names_of_any_bytes_survive(progress: Progress, path: bytes) -> None:
    worker = "host:/data/\udcff é*?[x]"
    progress.report(worker, [hand(worker, 1, path)])
    [seen] = progress.running()
    assert (seen.worker, seen.path) == (worker, path)


def test_all_workers_are_seen_by_name_and_job(progress: Progress) -> None:
    progress.report("b", [hand("b", 9), hand("b", 2)])
    progress.report("a", [hand("a", 5)])
    assert jobs(progress) == [("a", 5), ("b", 2), ("b", 9)]


def test_what_is_said_replaces_what_was_said_before(progress: Progress) -> None:
    progress.report("a", [hand("a", 1), hand("a", 2)])
    progress.report("a", [hand("a", 3)])
    assert jobs(progress) == [("a", 3)]
    progress.report("a", [])
    assert jobs(progress) == []


def test_a_worker_that_leaves_has_no_running_file(progress: Progress) -> None:
    progress.report("a", [hand("a", 1)])
    progress.report("b", [hand("b", 2)])
    progress.leave("a")
    progress.leave("never seen")
    assert jobs(progress) == [("b", 2)]


def test_a_worker_that_falls_silent_is_forgotten(make: MakeProgress) -> None:
    progress = make(SHORT_S)
    progress.report("a", [hand("a", 1)])
    assert within(60, lambda: jobs(progress) == [])

    def seen() -> bool:
        progress.report("a", [hand("a", 1)])
        return jobs(progress) == [("a", 1)]

    assert within(60, seen)


def test_a_worker_that_goes_on_speaking_is_not_forgotten(make: MakeProgress) -> None:
    progress = make(SHORT_S * 4)
    until = time.monotonic() + SHORT_S * 6
    spoke = heard = 0.0
    while heard < until:
        progress.report("a", [hand("a", 1)])
        time.sleep(SHORT_S / 8)
        seen, spoke, heard = jobs(progress), heard, time.monotonic()
        assert seen == [("a", 1)] or heard - spoke > SHORT_S * 4  # a busy machine lets it fall silent


def test_the_time_of_a_running_file_goes_on_between_two_reports(progress: Progress) -> None:
    progress.report("a", [hand("a", 1, since_s=10.0)])
    time.sleep(0.3)
    [seen] = progress.running()
    assert 10.25 <= seen.since_s < 70


def test_the_newest_snapshot_is_shown(progress: Progress) -> None:
    progress.post(SNAPSHOT)
    assert progress.latest() == SNAPSHOT
    newer = Snapshot(SNAPSHOT.at + 1, {}, 0, 0, 0, ())
    progress.post(newer)
    assert progress.latest() == newer


def test_a_snapshot_that_nobody_renews_is_forgotten(progress: Progress) -> None:
    progress.post(SNAPSHOT, SHORT_S)
    assert within(60, lambda: progress.latest() is None)


def test_one_of_all_workers_leads_for_as_long_as_it_says_so(progress: Progress) -> None:
    assert progress.lead("a", 60)
    assert not progress.lead("b", 60)
    assert progress.lead("a", SHORT_S)
    assert within(60, lambda: progress.lead("b", 60))
    assert not progress.lead("a", 60)


def test_a_leader_that_leaves_makes_room_at_once(progress: Progress) -> None:
    assert progress.lead("a", 60)
    progress.leave("b")
    assert not progress.lead("b", 60)
    progress.leave("a")
    assert progress.lead("b", 60)


def test_who_listens_hears_what_is_announced_from_then_on_in_order(progress: Progress) -> None:
    progress.announce("a", [{"what": "before anybody listens"}])
    with progress.changes() as first, progress.changes() as second:
        progress.announce("a", [{"what": "job_started", "job": number} for number in range(100)])
        progress.announce("b", [{"what": "job_finished", "bpm": None, "state": "done"}])
        for changes in (first, second):
            heard = [changes.next(60) for _ in range(101)]
            assert [notice.message["job"] for notice in heard[:100] if notice] == list(range(100))
            assert heard[100] is not None
            assert heard[100].worker == "b"
            assert heard[100].message == {"what": "job_finished", "bpm": None, "state": "done"}


def test_who_listens_in_vain_waits_no_longer_than_wanted(progress: Progress) -> None:
    with progress.changes() as changes:
        began = time.monotonic()
        assert changes.next(0) is None
        assert time.monotonic() - began < 60
        assert changes.next(0.4) is None
        assert 0.35 <= time.monotonic() - began < 60


def test_announcing_nothing_is_nothing(progress: Progress) -> None:
    with progress.changes() as changes:
        progress.announce("a", [])
        assert changes.next(0.1) is None


def test_a_redis_that_refuses_the_credentials_is_reported(redis_url: str, namespace: str) -> None:
    stranger = redis_url.replace("redis://", "redis://nobody:hush@")
    with closing(RedisProgress(stranger, namespace, Unguarded())) as progress:
        with pytest.raises(ServiceRefused, match=r"refused the credentials.*redis_url") as refused:
            progress.latest()
        assert "hush" not in str(refused.value)
