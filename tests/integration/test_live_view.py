"""When Redis is unavailable the live view has no current data, and nothing else becomes slower or stops."""

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
import redis

from tests.program import within
from tests.proxy import Proxy, proxy_of, through
from tests.unit.facts import job_ref
from tests.unit.library_fixture import Library, opened
from tonearm.errors import ConfigurationError, ServiceUnavailable
from tonearm.events.event import Event
from tonearm.events.facts import JobFinished, JobStarted, StageReached, Warned
from tonearm.events.job_ref import JobRef
from tonearm.events.services import BreakerChanged
from tonearm.library.database import open_sqlite
from tonearm.progress import redis as redis_module
from tonearm.progress.live import LiveView
from tonearm.progress.port import RunningFile, Snapshot
from tonearm.progress.redis import RedisProgress
from tonearm.progress.reporter import Reporter
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.gate import Unguarded
from tonearm.resilience.probes import ProbeGate
from tonearm.telemetry.probes import Advice, Checks, ProbeLoop, asked
from tonearm.views.snapshots import take_snapshot


def file(job: int) -> JobRef:
    return job_ref(job, b"/m/%d.flac" % job, run=1, size=5000)


FILE = RunningFile("a", 7, 3, b"/m/a.flac", "flac", 5000, "decode", 0.5, 1, 2.0)
EMPTY = Snapshot(1.0, {}, 0, 0, 0, ())
ADVICE = Advice("start it", "correct it")
POLICY = BreakerPolicy(window_s=10, minimum_calls=3, open_s=1.0)


class Told:
    """An open gate that keeps what was recorded."""

    def __init__(self) -> None:
        self.good: list[float] = []
        self.bad: list[tuple[float, str]] = []

    def admit(self) -> None:
        """Let every call pass."""

    def succeeded(self, seconds: float) -> None:
        self.good.append(seconds)

    def failed(self, seconds: float, reason: str) -> None:
        self.bad.append((seconds, reason))


@pytest.fixture
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library with a run in it."""
    folder = tmp_path_factory.mktemp("library")
    open_sqlite(folder).close()
    with opened(folder, (folder / "tonearm.db").read_bytes()) as library:
        library.meet(library.run(), b"a.flac", b"b.flac")
        yield library


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as connection:
        yield connection


@pytest.fixture
def progress(redis_url: str, namespace: str) -> Iterator[RedisProgress]:
    progress = RedisProgress(redis_url, namespace, Unguarded())
    yield progress
    progress.close()


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    with proxy_of(redis_url) as proxy:
        yield proxy


class Worker:
    """A process that reports through a bad network, and the longest its pipeline was held up by that."""

    def __init__(self, url: str, namespace: str, library: Library) -> None:
        self.said: list[Event] = []
        self.breaker = CircuitBreaker("Redis", POLICY, self.said.append)
        self.progress = RedisProgress(url, namespace, self.breaker)
        self.view = LiveView()
        self.reporter = Reporter(
            self.progress,
            functools.partial(take_snapshot, library.database),
            self.view,
            "worker",
            self.said.append,
        )

    def work(self, first: int, seconds: float) -> int:
        """Do as the pipeline does for a while: one file after the other, each told of; returns how many."""
        until, job = time.monotonic() + seconds, first
        while time.monotonic() < until:
            self.tell(JobStarted(file(job)))
            self.tell(StageReached(file(job), "decode", 0.0))
            self.tell(JobFinished(file(job), "done", 0.1))
            job += 1
            time.sleep(0.001)
        return job - first

    def tell(self, event: Event) -> None:
        self.view(event)
        self.reporter(event)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self.reporter.run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
            assert not thread.is_alive()
            self.progress.close()

    def warnings(self) -> list[str]:
        return [event.text for event in self.said if isinstance(event, Warned)]


@pytest.mark.parametrize("trouble", ["black hole", "refused", "slow"])
def test_the_pipeline_is_not_held_up_by_a_redis_that_is_away_and_the_view_comes_back_by_itself(
    trouble: str, proxy: Proxy, redis_url: str, namespace: str, library: Library, progress: RedisProgress
) -> None:
    worker = Worker(through(proxy, redis_url), namespace, library)
    with worker.reporting():
        worker.tell(JobStarted(file(1)))
        assert within(60, lambda: [file.job for file in progress.running()] == [1])
        assert within(60, lambda: progress.latest() is not None)
        if trouble == "black hole":
            proxy.black_hole()
        elif trouble == "refused":
            proxy.reset()
        else:
            proxy.delay_s = 2.5
        assert worker.work(100, 4.0) > 40  # had each waited for a call to Redis, it would have been four
        assert within(60, lambda: any(isinstance(event, BreakerChanged) for event in worker.said))
        assert len(worker.warnings()) == 1
        proxy.delay_s = 0.0
        proxy.heal()
        worker.tell(JobStarted(file(2)))
        assert within(60, lambda: [file.job for file in progress.running()] == [1, 2])
        assert within(60, lambda: len(worker.warnings()) == 2)
    states = [event.after for event in worker.said if isinstance(event, BreakerChanged)]
    assert (states[0], states[-2:]) == ("open", ["half_open", "closed"])
    assert progress.running() == ()


def test_a_flushed_redis_is_filled_again(
    redis_url: str, namespace: str, library: Library, progress: RedisProgress, server: redis.Redis
) -> None:
    worker = Worker(redis_url, namespace, library)
    with worker.reporting():
        worker.tell(JobStarted(file(1)))
        assert within(60, lambda: bool(progress.running()) and progress.latest() is not None)
        for key in list(server.scan_iter(match=f"{namespace}:*")):
            server.delete(key)
        assert (progress.running(), progress.latest()) == ((), None)
        assert within(60, lambda: bool(progress.running()) and progress.latest() is not None)
    assert worker.said == []


def verbs(progress: RedisProgress) -> dict[str, Callable[[], object]]:
    return {
        "report": lambda: progress.report("a", [FILE]),
        "leave": lambda: progress.leave("a"),
        "running": progress.running,
        "lead": lambda: progress.lead("a"),
        "post": lambda: progress.post(EMPTY),
        "latest": progress.latest,
        "announce": lambda: progress.announce("a", [{"what": "x"}]),
        "changes": progress.changes,
    }


@pytest.mark.parametrize("trouble", ["black hole", "refused"])
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "new"])
def test_every_verb_gives_up_soon_and_tells_the_gate_why(
    trouble: str, connected: bool, proxy: Proxy, redis_url: str, namespace: str
) -> None:
    gate = Told()
    progress = RedisProgress(through(proxy, redis_url), namespace, gate)
    if connected:
        progress.report("a", [FILE])
        assert (len(gate.good), gate.bad) == (1, [])
    if trouble == "black hole":
        proxy.black_hole()
    else:
        proxy.reset()
    for number, (name, verb) in enumerate(verbs(progress).items(), 1):
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable, match="Redis"):
            verb()
        assert time.monotonic() - began < 20, name  # without a limit it would be minutes
        assert len(gate.bad) == number, name
    proxy.heal()
    assert progress.latest() is None
    progress.close()


def test_who_listens_is_told_that_the_connection_was_lost_and_hears_again_afterwards(
    proxy: Proxy, redis_url: str, namespace: str, progress: RedisProgress
) -> None:
    far = RedisProgress(through(proxy, redis_url), namespace, Unguarded())
    with far.changes() as changes:
        progress.announce("a", [{"what": "before"}])
        first = changes.next(60)
        proxy.reset()
        with pytest.raises(ServiceUnavailable):
            changes.next(60)
        with pytest.raises(ServiceUnavailable):
            changes.next(0.1)
        proxy.heal()
        assert changes.next(0.1) is None
        progress.announce("a", [{"what": "after"}])
        second = changes.next(60)
    assert first is not None
    assert second is not None
    assert (first.message["what"], second.message["what"]) == ("before", "after")
    far.close()


def test_who_listens_at_a_dead_connection_notices(
    proxy: Proxy, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_module, "SILENCE_S", 1.0)
    far = RedisProgress(through(proxy, redis_url), namespace, Unguarded())
    with far.changes() as changes:
        assert changes.next(1.5) is None
        proxy.black_hole()
        began = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            changes.next(60)
        assert time.monotonic() - began < 50
    far.close()


def test_everything_stands_under_the_namespace_and_expires(
    progress: RedisProgress, namespace: str, redis_url: str, server: redis.Redis
) -> None:
    progress.report("a", [FILE])
    progress.lead("a")
    progress.post(EMPTY)
    keys = list(server.scan_iter(match=f"{namespace}:live:*"))
    assert len(keys) == 4
    assert all(0 < int(server.pttl(key)) <= 3_600_000 for key in keys)
    other = RedisProgress(redis_url, f"{namespace}x", Unguarded())
    assert (other.running(), other.latest(), other.lead("b")) == ((), None, True)
    other.close()


def test_names_of_workers_that_are_gone_do_not_pile_up(
    progress: RedisProgress, namespace: str, server: redis.Redis
) -> None:
    for number in range(20):
        progress.report(f"w{number}", [FILE])
        server.delete(f"{namespace}:live:running:w{number}")
    progress.report("alive", [FILE])
    assert len(progress.running()) == 1
    assert server.smembers(f"{namespace}:live:workers") == {b"alive"}


def test_what_another_version_wrote_counts_as_forgotten(
    progress: RedisProgress, namespace: str, server: redis.Redis
) -> None:
    progress.report("a", [FILE])
    progress.report("b", [FILE])
    server.set(f"{namespace}:live:running:b", b'{"new": "form"}', px=10_000)
    server.set(f"{namespace}:live:snapshot", b"[]", px=10_000)
    assert len(progress.running()) == 1
    assert progress.latest() is None
    with progress.changes() as changes:
        server.publish(f"{namespace}:live:changes", b"\xff")
        progress.announce("a", [{"what": "x"}])
        notice = changes.next(60)
    assert notice is not None
    assert notice.message == {"what": "x"}


def test_a_redis_that_refuses_to_do_it_is_away_too(
    progress: RedisProgress, namespace: str, server: redis.Redis
) -> None:
    server.rpush(f"{namespace}:live:workers", "not a set")
    with pytest.raises(ServiceUnavailable, match="holds other data under the names of this library"):
        progress.report("a", [FILE])


@pytest.mark.parametrize("url", ["127.0.0.1:6379", "http://127.0.0.1", "redis://host:port/0"])
def test_an_address_that_is_none_is_told_as_such(url: str) -> None:
    with pytest.raises(ConfigurationError, match="redis_url"):
        RedisProgress(url, "t", Unguarded())


def test_the_password_is_not_told(proxy: Proxy, namespace: str) -> None:
    proxy.reset()
    progress = RedisProgress(f"redis://user:s3cret@127.0.0.1:{proxy.port}/0", namespace, Unguarded())
    with pytest.raises(ServiceUnavailable) as told:
        progress.latest()
    assert "s3cret" not in str(told.value)
    progress.close()


def test_a_redis_that_is_back_is_known_to_be_back_though_nothing_asks_it(
    proxy: Proxy, redis_url: str, namespace: str
) -> None:
    changes: list[Event] = []
    breaker = CircuitBreaker("Redis", POLICY, changes.append)
    stop = threading.Event()
    with closing(RedisProgress(through(proxy, redis_url), namespace, breaker)) as progress:
        probe = RedisProgress(through(proxy, redis_url), namespace, ProbeGate(breaker))
        loop = ProbeLoop("redis", lambda: asked(probe.latest, ADVICE), Checks(), every_s=0.1)
        probes = threading.Thread(target=loop.run, args=(stop,))
        proxy.reset()
        for _ in range(POLICY.minimum_calls):
            with pytest.raises(ServiceUnavailable):
                progress.latest()
        assert breaker.state == "open"
        proxy.heal()
        probes.start()
        try:
            assert within(60, lambda: breaker.state == "closed")
        finally:
            stop.set()
            probes.join(60)
            probe.close()
    after = [change.after for change in changes if isinstance(change, BreakerChanged)]
    assert after == ["open", "half_open", "closed"]
