"""Every change reaches the graph, whatever happens to Neo4j or to the graph relay."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pytest

from tests.program import until
from tests.proxy import Proxy, proxy_of
from tests.unit.library_fixture import VERSIONS, Library, features_of, finish_one, found, result
from tonearm.errors import ServiceUnavailable
from tonearm.events.batches import GraphUpdated
from tonearm.events.event import Event
from tonearm.events.facts import Warned
from tonearm.events.job_trace import JobTrace
from tonearm.events.services import BreakerChanged
from tonearm.events.states import BreakerState, RunState
from tonearm.graph.bolt import Bolt
from tonearm.graph.fallback import FallbackGraph
from tonearm.graph.neo4j import Neo4jGraph
from tonearm.graph.relay import GraphRelay
from tonearm.graph.sql import SqlGraph
from tonearm.graph.track import GraphTrack
from tonearm.library.files import FileChange, KnownFile, ScannedFile
from tonearm.library.forget import forget
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker
from tonearm.resilience.gate import Unguarded

MakeBolt = Callable[..., Bolt]
QUICK_S = 2.0


class Told(Neo4jGraph):
    """Neo4j, with an action that runs just before each update."""

    before: Callable[[], None] | None = None

    def put(self, tracks: Sequence[GraphTrack]) -> None:
        if self.before is not None:
            self.before()
        super().put(tracks)


@pytest.fixture
def make_bolt() -> Iterator[MakeBolt]:
    """Makes connections; those of a fault test wait for two seconds at the most."""
    made: list[Bolt] = []

    def make(url: str, answer_s: float = 30.0) -> Bolt:
        made.append(Bolt(url, min(5.0, answer_s), answer_s, Unguarded()))
        return made[-1]

    yield make
    for bolt in made:
        bolt.close()


@pytest.fixture
def proxy(neo4j_url: str) -> Iterator[Proxy]:
    """A network to Neo4j that can be made bad."""
    with proxy_of(neo4j_url) as proxy:
        yield proxy


@pytest.fixture
def graph(neo4j_url: str, namespace: str) -> Iterator[Told]:
    bolt = Bolt(neo4j_url, 5, 30, Unguarded())
    yield Told(bolt, namespace)
    bolt.close()


@pytest.fixture
def graph_relay(library: Library, graph: Told) -> GraphRelay:
    return GraphRelay(library.database, graph, features_of(VERSIONS), lambda _: None)


def agree(library: Library, graph_relay: GraphRelay) -> bool:
    """Whether the graph holds what the database holds."""
    return (
        graph_relay.pending() == 0
        and graph_relay.graph.counts() == SqlGraph(library.database, features_of(VERSIONS)).counts()
    )


# --- which files are pending


def test_a_finished_file_is_pending_and_then_in_the_graph(library: Library, graph_relay: GraphRelay) -> None:
    library.finish(library.run(), b"a.flac", result(tags={"artist": "Ann"}))
    assert graph_relay.pending() == 1
    assert graph_relay.update_batch() == 1
    assert (graph_relay.pending(), graph_relay.update_batch()) == (0, 0)
    told = graph_relay.graph.track(b"/music/a.flac")
    assert told is not None
    assert (told.artist, told.key, told.bpm) == ("Ann", "A minor", 120.0)
    assert agree(library, graph_relay)


def test_an_update_names_the_traces_of_the_results_that_it_brings_and_of_no_other_change(
    library: Library, graph: Told
) -> None:
    heard: list[Event] = []
    relay = GraphRelay(library.database, graph, features_of(VERSIONS), heard.append)
    file = library.finish(library.run(), b"a.flac", result())
    library.change("UPDATE jobs SET sampled = true, retried = 2")
    assert relay.update_batch() == 1
    library.files.mark_missing([file])
    assert relay.update_batch() == 1
    relay.rebuild(lambda _: None)
    first, *others = [event for event in heard if isinstance(event, GraphUpdated)]
    [job] = library.rows("SELECT correlation_id FROM jobs")
    assert first.traces == (JobTrace(job["correlation_id"], 2, True, 1),)
    assert [event.traces for event in others] == [()] * len(others)


def test_a_file_that_goes_missing_and_comes_back_is_forgotten_and_told_again(
    library: Library, graph_relay: GraphRelay
) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result(inode=found(b"a.flac").inode))
    graph_relay.update_batch()
    library.files.mark_missing([file])
    assert graph_relay.update_batch() == 1
    assert graph_relay.graph.track(b"/music/a.flac") is None
    assert graph_relay.graph.counts().tracks == 0
    library.meet(run, b"a.flac")
    assert graph_relay.update_batch() == 1
    assert graph_relay.graph.track(b"/music/a.flac") is not None


def test_a_moved_file_is_told_at_its_new_path(library: Library, graph_relay: GraphRelay) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result())
    graph_relay.update_batch()
    before = library.file(b"a.flac")
    known = KnownFile(
        file, 1, b"a.flac", 1000, 5, before["inode"], before["state"], before["engine"], missing_since=None
    )
    moved = ScannedFile(found(b"new/b.flac", inode=before["inode"]), FileChange.MOVED, known)
    library.intake.record(run, library.root(), [moved], None)
    assert graph_relay.update_batch() == 1
    assert graph_relay.graph.track(b"/music/a.flac") is None
    assert graph_relay.graph.track(b"/music/new/b.flac") is not None


def test_a_missing_file_met_elsewhere_by_its_sound_is_forgotten(
    library: Library, graph_relay: GraphRelay
) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result())
    library.files.mark_missing([file])
    graph_relay.update_batch()
    library.finish(run, b"b.flac", result(inode=8))
    while graph_relay.update_batch():
        pass
    assert graph_relay.graph.counts().tracks == 1
    assert agree(library, graph_relay)


def test_new_results_of_one_file_are_told_of_every_file_of_that_audio(
    library: Library, graph_relay: GraphRelay
) -> None:
    run = library.run()
    for path in (b"a.flac", b"b.flac"):
        library.finish(run, path, result(inode=found(path).inode))
    graph_relay.update_batch()
    library.meet(run, found(b"a.flac", inode=found(b"a.flac").inode), fresh=True)
    lease = library.take(run)
    finish_one(library.job_store, lease, result(bpm=99.0, inode=found(b"a.flac").inode))
    while graph_relay.update_batch():
        pass
    tempos = [
        told.bpm for path in (b"a", b"b") if (told := graph_relay.graph.track(b"/music/%s.flac" % path))
    ]
    assert tempos == [99.0, 99.0]


def test_a_file_that_is_removed_from_the_library_is_removed_from_the_graph(
    library: Library, graph_relay: GraphRelay
) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result())
    library.runs.close(run, RunState.FINISHED)
    graph_relay.update_batch()
    library.files.mark_missing([file])
    forget(library.database, [file])
    assert graph_relay.pending() == 1
    assert graph_relay.update_batch() == 1
    assert graph_relay.graph.track(b"/music/a.flac") is None
    assert agree(library, graph_relay)
    assert library.rows("SELECT * FROM forgotten_files") == []


def test_a_new_file_of_the_same_number_is_told_in_its_place(
    library: Library, graph_relay: GraphRelay
) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result())
    library.runs.close(run, RunState.FINISHED)
    graph_relay.update_batch()
    library.files.mark_missing([file])
    forget(library.database, [file])
    library.finish(library.run(), b"b.flac", result())  # SQLite gives it the number that is free now
    while graph_relay.update_batch():
        pass
    assert graph_relay.graph.track(b"/music/a.flac") is None
    assert graph_relay.graph.track(b"/music/b.flac") is not None
    assert agree(library, graph_relay)


# --- changes meanwhile


def test_a_file_that_is_removed_while_the_graph_is_told_of_it_is_removed_there_too(
    library: Library, graph: Told, graph_relay: GraphRelay
) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result())
    library.runs.close(run, RunState.FINISHED)

    def change() -> None:
        graph.before = None
        library.files.mark_missing([file])
        forget(library.database, [file])

    graph.before = change
    assert graph_relay.update_batch() == 1
    assert graph_relay.pending() == 1
    assert graph_relay.update_batch() == 1
    assert graph.track(b"/music/a.flac") is None
    assert agree(library, graph_relay)


def test_a_change_while_the_graph_is_told_is_told_too(
    library: Library, graph: Told, graph_relay: GraphRelay
) -> None:
    run = library.run()
    file = library.finish(run, b"a.flac", result())

    def change() -> None:
        graph.before = None
        library.files.mark_missing([file])

    graph.before = change
    assert graph_relay.update_batch() == 1
    assert graph_relay.pending() == 1
    while graph_relay.update_batch():
        pass
    assert graph.track(b"/music/a.flac") is None


def test_a_feeder_that_slept_while_others_told_more_does_not_have_the_last_word(
    library: Library, graph: Told, neo4j_url: str, namespace: str, make_bolt: MakeBolt
) -> None:
    file = library.finish(library.run(), b"a.flac", result())
    library.database.shared = False  # as if the lock of the one that sleeps had run out
    sleeper = GraphRelay(library.database, graph, features_of(VERSIONS), lambda _: None)
    other = GraphRelay(
        library.database, Neo4jGraph(make_bolt(neo4j_url), namespace), features_of(VERSIONS), lambda _: None
    )

    def meanwhile() -> None:
        graph.before = None
        library.files.mark_missing([file])
        assert other.update_batch() == 1
        assert other.pending() == 0

    graph.before = meanwhile
    sleeper.update_batch()
    while other.update_batch():
        pass
    assert graph.track(b"/music/a.flac") is None


def test_one_process_feeds_at_a_time_where_the_database_can_tell(
    library: Library, graph: Told, neo4j_url: str, namespace: str, make_bolt: MakeBolt
) -> None:
    library.finish(library.run(), b"a.flac", result())
    first = GraphRelay(library.database, graph, features_of(VERSIONS), lambda _: None)
    second = GraphRelay(
        library.database, Neo4jGraph(make_bolt(neo4j_url), namespace), features_of(VERSIONS), lambda _: None
    )
    fed: list[int] = []
    graph.before = lambda: fed.append(second.update_batch())
    assert first.update_batch() == 1
    assert fed == [0 if library.database.shared else 1]  # SQLite has no lock that ends with its holder
    assert second.update_batch() == first.update_batch() == 0


def test_many_feeders_at_once_tell_everything(
    library: Library, neo4j_url: str, namespace: str, make_bolt: MakeBolt
) -> None:
    run = library.run()
    for number in range(60):
        tags = {"artist": f"Artist {number % 3}; Both", "album": f"Album {number % 5}", "genre": "House"}
        library.finish(run, b"%02d.flac" % number, result(f"{number:08}", tags=tags))
    library.database.shared = False  # none waits for another
    feeders = [
        GraphRelay(
            library.database,
            Neo4jGraph(make_bolt(neo4j_url), namespace),
            features_of(VERSIONS),
            lambda _: None,
        )
        for _ in range(4)
    ]
    failed: list[Exception] = []

    def feed(graph_relay: GraphRelay) -> None:
        try:
            until(lambda: not graph_relay.update_batch(7) and not graph_relay.pending(), 120)
        except Exception as error:  # noqa: BLE001  told below, in the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=feed, args=(graph_relay,)) for graph_relay in feeders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert agree(library, feeders[0])


# --- rebuilding


def test_a_rebuild_that_is_killed_half_way_is_finished_by_the_next_feeder(
    library: Library, graph: Told, graph_relay: GraphRelay
) -> None:
    run = library.run()
    for number in range(5):
        library.finish(run, b"%d.flac" % number, result(f"{number:08}"))
    while graph_relay.update_batch():
        pass

    def die() -> None:
        raise KeyboardInterrupt

    graph.before = die
    with pytest.raises(KeyboardInterrupt):
        graph_relay.rebuild(lambda _: None)
    assert graph.counts().tracks == 0
    assert graph_relay.pending() == 5
    graph.before = None
    while graph_relay.update_batch(2):
        pass
    assert graph.counts().tracks == 5
    assert agree(library, graph_relay)


def test_a_rebuild_removes_what_the_library_does_not_know(
    library: Library, graph: Told, graph_relay: GraphRelay
) -> None:
    library.finish(library.run(), b"a.flac", result())
    graph_relay.update_batch()
    graph.put([GraphTrack(999, b"/music/ghost.flac", "0" * 32, artist="Nobody")])
    assert not agree(library, graph_relay)
    graph_relay.rebuild(lambda _: None)
    assert agree(library, graph_relay)


# --- a graph that is unavailable


@pytest.mark.parametrize("how", ["reset", "black_hole"])
def test_a_graph_that_is_away_is_noticed_in_time_and_nothing_is_lost(
    library: Library, proxy: Proxy, namespace: str, make_bolt: MakeBolt, how: str
) -> None:
    graph = Neo4jGraph(make_bolt(f"bolt://127.0.0.1:{proxy.port}", QUICK_S), namespace)
    graph_relay = GraphRelay(library.database, graph, features_of(VERSIONS), lambda _: None)
    run = library.run()
    library.finish(run, b"a.flac", result())
    until(lambda: _fed(graph_relay))  # a busy machine may not answer in so short a time
    library.finish(run, b"b.flac", result("b" * 8))
    getattr(proxy, how)()
    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        graph_relay.update_batch()
    assert time.monotonic() - began < 60  # or it would never end
    assert graph_relay.pending() == 1
    with pytest.raises(ServiceUnavailable):
        graph.counts()
    proxy.heal()
    until(lambda: _fed(graph_relay), 60)
    assert agree(library, graph_relay)


def _fed(graph_relay: GraphRelay) -> bool:
    try:
        return graph_relay.update_batch() > 0
    except ServiceUnavailable:
        return False


def test_a_running_feeder_waits_for_the_graph_and_catches_up_by_itself(
    library: Library, proxy: Proxy, namespace: str, make_bolt: MakeBolt
) -> None:
    graph = Neo4jGraph(make_bolt(f"bolt://127.0.0.1:{proxy.port}", QUICK_S), namespace)
    heard: list[Event] = []
    graph_relay = GraphRelay(library.database, graph, features_of(VERSIONS), heard.append)
    stop = threading.Event()
    thread = threading.Thread(target=graph_relay.run, args=(stop,))
    proxy.reset()
    run = library.run()
    thread.start()
    try:
        for number in range(5):
            library.finish(run, b"%d.flac" % number, result(f"{number:08}"))
        until(lambda: bool(heard), 60)
        assert graph_relay.pending() == 5
        proxy.heal()
        until(lambda: agree(library, graph_relay), 60)
        until(lambda: len(heard) > 1, 60)
        library.finish(run, b"last.flac", result("f" * 8))
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
    assert agree(library, graph_relay)  # the last words
    texts = [event.text for event in heard if isinstance(event, Warned)]
    assert len(texts) == 2
    assert "the graph is not updated" in texts[0]
    assert "answers again" in texts[1]


def test_a_relay_that_is_stopped_does_not_warn_of_a_connection_that_ended(library: Library) -> None:
    stop = threading.Event()
    heard: list[Event] = []

    class StopsAtFailure(Unguarded):
        def failed(self, seconds: float, reason: str) -> None:  # noqa: ARG002  a gate is called with both
            stop.set()

    library.finish(library.run(), b"a.flac", result())
    with closing(Bolt("bolt://127.0.0.1:1", 1, 1, StopsAtFailure())) as bolt:
        GraphRelay(library.database, Neo4jGraph(bolt, "t"), features_of(VERSIONS), heard.append).run(stop)
    assert (stop.is_set(), heard) == (True, [])


def test_the_database_answers_while_the_graph_is_away_or_behind(
    library: Library, proxy: Proxy, namespace: str, make_bolt: MakeBolt
) -> None:
    neo4j = Neo4jGraph(make_bolt(f"bolt://127.0.0.1:{proxy.port}", QUICK_S), namespace)
    graph_relay = GraphRelay(library.database, neo4j, features_of(VERSIONS), lambda _: None)
    heard: list[Event] = []
    graph = FallbackGraph(
        neo4j, SqlGraph(library.database, features_of(VERSIONS)), graph_relay.pending, heard.append
    )
    run = library.run()
    for number in range(3):
        library.finish(run, b"%d.flac" % number, result(f"{number:08}", tags={"artist": f"Artist {number}"}))
    playing = graph.track(b"/music/0.flac")
    assert playing is not None
    behind = (graph.counts(), graph.mixes(playing, 9, 6.0), graph.path(playing, playing, 6.0))
    assert [event.text for event in heard if isinstance(event, Warned)] == [
        "3 files are not in the graph yet; the database answers instead"
    ]
    graph_relay.update_batch()
    heard.clear()
    assert (graph.counts(), graph.mixes(playing, 9, 6.0), graph.path(playing, playing, 6.0)) == behind
    assert heard == []
    proxy.reset()
    fresh = FallbackGraph(
        neo4j, SqlGraph(library.database, features_of(VERSIONS)), graph_relay.pending, heard.append
    )
    assert (fresh.counts(), fresh.mixes(playing, 9, 6.0), fresh.path(playing, playing, 6.0)) == behind
    assert fresh.connection("Artist 0", "artist 0") == ()
    assert len(heard) == 1
    with pytest.raises(ServiceUnavailable):
        fresh.put([playing])


def test_the_breaker_counts_what_the_graph_does_not_answer_and_nothing_else(
    proxy: Proxy, namespace: str
) -> None:
    policy = BreakerPolicy(minimum_calls=2, open_s=0.3, half_open_calls=1)
    heard: list[Event] = []
    breaker = CircuitBreaker("Neo4j", policy, heard.append)
    bolt = Bolt(f"bolt://127.0.0.1:{proxy.port}", QUICK_S, 10, breaker)
    graph = Neo4jGraph(bolt, namespace)
    for _ in range(3):
        assert graph.track(b"/nowhere") is None
    proxy.reset()
    for _ in range(4):
        with pytest.raises(ServiceUnavailable):
            graph.counts()
    proxy.heal()
    until(lambda: _answers(graph), 60)
    changes = [(event.before, event.after) for event in heard if isinstance(event, BreakerChanged)]
    assert changes[:1] == [(BreakerState.CLOSED, BreakerState.OPEN)]
    assert changes[-1:] == [(BreakerState.HALF_OPEN, BreakerState.CLOSED)]
    bolt.close()


def _answers(graph: Neo4jGraph) -> bool:
    try:
        graph.counts()
    except ServiceUnavailable:
        return False
    return True
