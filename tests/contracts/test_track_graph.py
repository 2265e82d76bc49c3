"""Every database of the graph gives the same answers for the same library."""

import dataclasses
import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, text, update

from tests.unit.library_fixture import features_of
from tonearm.errors import NotFound
from tonearm.events.event import Event
from tonearm.graph.bolt import Bolt
from tonearm.graph.harmony import Relation, energy_distance, mixes, related, score, tempo_change
from tonearm.graph.neo4j import Neo4jGraph
from tonearm.graph.port import ConnectionStep, GraphCounts, TrackGraph
from tonearm.graph.relay import GraphRelay
from tonearm.graph.sql import SqlGraph
from tonearm.graph.track import GraphTrack, NodeType
from tonearm.library.bulk_write import row_batch
from tonearm.library.database import Database, open_sqlite
from tonearm.library.features import Findings
from tonearm.library.keys import KEYS
from tonearm.library.schema import audio_table, file_table, root_table, tags_table
from tonearm.resilience.gate import Unguarded

VERSIONS = {"key": 3, "tempo": 2, "character": 1}
FEATURES = features_of(VERSIONS)
TAGS = ("title", "artist", "album", "album_artist", "genre")
ROOT = b"/music"


class GraphScene:
    """A library in a database, and a graph of it."""

    def __init__(self, database: Database, graph: TrackGraph) -> None:
        self.database = database
        self.graph = graph
        self.graph_relay = GraphRelay(database, graph, FEATURES, self._hear)
        self.heard: list[Event] = []
        self._audio: dict[str, int] = {}
        FEATURES.ensure(database)
        with database.write() as connection:
            connection.execute(insert(root_table).values(id=1, path=ROOT, mounts=[], added_at=1.0))

    def _hear(self, event: Event) -> None:
        self.heard.append(event)

    def empty(self) -> None:
        """Take everything out again."""
        with self.database.write() as connection:
            for model in (tags_table, file_table, audio_table):
                connection.execute(delete(model))
            for name, version in VERSIONS.items():
                connection.execute(text(f"DELETE FROM features_{name}_{version}"))  # noqa: S608  names of ours
        self._audio = {}
        self.graph.clear()

    def add(self, *tracks: GraphTrack, versions: dict[str, int] | None = None) -> None:
        """Add files to the library and the graph; the numbers in ``file`` are kept."""
        current = VERSIONS | (versions or {})
        with self.database.write() as connection:
            for track in tracks:
                if track.audio not in self._audio:
                    number = self._audio[track.audio] = len(self._audio) + 1
                    connection.execute(insert(audio_table).values(**_audio(number, track.audio)))
                    found: Findings = {
                        "key": (current["key"], {"camelot": track.camelot}, {}),
                        "tempo": (current["tempo"], {"bpm": track.bpm}, {}),
                        "character": (current["character"], {"energy": track.energy}, {}),
                    }
                    with row_batch(connection) as batch:
                        FEATURES.write(batch, {number: found}, {})
                path = track.path.removeprefix(ROOT + b"/")
                values = _file(track.file, path) | {"audio_id": self._audio[track.audio]}
                connection.execute(insert(file_table).values(**values))
                tags = {name: getattr(track, name) for name in TAGS}
                connection.execute(
                    insert(tags_table).values(file_id=track.file, everything={}, read_at=1.0, **tags)
                )
        self.settle()

    def change(self, *files: int, **values: Any) -> None:
        """Change rows of files as a scan would, and tell the graph."""
        with self.database.write() as connection:
            connection.execute(
                update(file_table).where(file_table.c.id.in_(files)).values(graph_due_at=2.0, **values)
            )
        self.settle()

    def retag(self, file: int, **values: Any) -> None:
        """Change the tags of a file, and tell the graph."""
        with self.database.write() as connection:
            connection.execute(update(tags_table).where(tags_table.c.file_id == file).values(**values))
        self.change(file)

    def settle(self) -> None:
        """Tell the graph all that it has yet to learn."""
        while self.graph_relay.update_batch():
            pass


@pytest.fixture(params=["sqlite", "postgresql", "neo4j"])
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GraphScene]:
    """An empty library and its graph: both in SQLite, both in PostgreSQL, and a library in SQLite with Neo4j."""
    if request.param == "postgresql":
        database = request.getfixturevalue("emptied_postgres")
    else:
        database = open_sqlite(tmp_path / "library")
    bolt = None
    graph: TrackGraph = SqlGraph(database, FEATURES)
    if request.param == "neo4j":
        bolt = Bolt(request.getfixturevalue("neo4j_url"), 5, 30, Unguarded())
        graph = Neo4jGraph(bolt, request.getfixturevalue("namespace"))
    try:
        yield GraphScene(database, graph)
    finally:
        database.close()
        if bolt is not None:
            bolt.close()


def _audio(number: int, digest: str) -> dict[str, Any]:
    facts = {"codec": "flac", "sample_rate_hz": 44_100, "channels": 2}
    return {"id": number, "hash": digest, "warnings": [], "first_seen_at": 1.0, **facts}


def _file(number: int, path: bytes) -> dict[str, Any]:
    facts = {"size": 1, "mtime_ns": 1, "inode": number, "extension": "flac", "state": "done"}
    return {"id": number, "root_id": 1, "path": path, "found_at": 1.0, "graph_due_at": 1.0, **facts}


def track(number: int, camelot: str | None = "8A", bpm: float | None = 128.0, **changes: Any) -> GraphTrack:
    """A track of its own audio; its path follows from its number."""
    tempo = None if bpm is None else round(bpm * 10)
    made = GraphTrack(number, ROOT + b"/%02d.flac" % number, f"{number:032x}", camelot=camelot, tempo=tempo)
    return dataclasses.replace(made, **changes)


def mixed(scene: GraphScene, playing: GraphTrack, limit: int = 50, percent: float = 6.0) -> list[int]:
    return [mix.track.file for mix in scene.graph.mixes(playing, limit, percent)]


def walked(scene: GraphScene, start: GraphTrack, goal: GraphTrack, percent: float = 6.0) -> list[int] | None:
    way = scene.graph.path(start, goal, percent)
    return None if way is None else [mix.track.file for mix in way]


# --- what is there


def test_an_empty_graph_holds_nothing(scene: GraphScene) -> None:
    assert scene.graph.counts() == GraphCounts(0, 0, 0, 0, 0, 0)
    assert scene.graph.track(b"/music/01.flac") is None
    assert scene.graph.mixes(track(1), 10, 6.0) == ()
    assert scene.graph.path(track(1), track(2, "2B"), 6.0) is None


def test_a_track_is_found_by_its_exact_path_with_all_that_is_known_of_it(scene: GraphScene) -> None:
    whole = track(
        7,
        "11B",
        174.04,
        path=ROOT + b"/caf\xe9 \x80/\xff 100%.flac",
        title="Été ♯1",
        artist="Ann; Bob",
        album="First",
        album_artist="Ann",
        genre="Drum & Bass; Jungle",
        energy=0.8125,
    )
    scene.add(whole, track(8))
    assert scene.graph.track(whole.path) == whole
    assert (whole.key, whole.bpm) == ("A major", 174.0)
    assert scene.graph.track(b"/music/08.flac") == track(8)
    assert scene.graph.track(b"/music/8.flac") is None
    assert scene.graph.track(ROOT) is None


def test_a_path_may_be_very_long(scene: GraphScene) -> None:
    long = track(1, path=ROOT + b"/" + b"/".join([b"\xfe" * 250] * 16))
    scene.add(long)
    assert scene.graph.track(long.path) == long


def test_names_are_counted_once_however_they_are_spelled(scene: GraphScene) -> None:
    scene.add(
        track(1, artist="Ann; Bob", album="First", album_artist="Ann", genre="House"),
        track(2, artist="ann", album="FIRST ", album_artist="Ann", genre="house; Techno", bpm=129.9),
        track(3, artist="Bob", album="First", genre="", camelot="8B", bpm=130.0),
        track(4, None, None, album_artist="Cleo", title="no key"),
    )
    assert scene.graph.counts() == GraphCounts(
        tracks=4, artists=3, albums=2, genres=2, keys=2, tempo_bands=2
    )  # 128.0 and 129.9 BPM are in the band from 128 to 130


def test_files_that_went_missing_or_moved_are_left_out_until_they_are_back(scene: GraphScene) -> None:
    here = track(1, artist="Ann", album="First", genre="House")
    gone = track(2, "9A", 140.0, artist="Bob", album="Second", genre="Techno")
    scene.add(here, gone)
    scene.change(2, missing_since=5.0)
    assert scene.graph.counts() == GraphCounts(1, 1, 1, 1, 1, 1)
    assert scene.graph.track(gone.path) is None
    scene.change(2, missing_since=None)
    assert scene.graph.counts() == GraphCounts(2, 2, 2, 2, 2, 2)
    scene.change(2, moved_to_id=1)
    assert scene.graph.counts() == GraphCounts(1, 1, 1, 1, 1, 1)
    with pytest.raises(NotFound, match="Bob"):
        scene.graph.connection("Ann", "Bob")


def test_new_tags_replace_the_old_ones(scene: GraphScene) -> None:
    scene.add(track(1, artist="Ann", album="First", genre="House"))
    scene.retag(1, artist="Cleo", album=None, genre="Techno", title="New")
    found = scene.graph.track(b"/music/01.flac")
    assert found is not None
    assert (found.artist, found.album, found.title) == ("Cleo", None, "New")
    assert scene.graph.counts() == GraphCounts(1, 1, 0, 1, 1, 1)
    with pytest.raises(NotFound):
        scene.graph.connection("Ann", "Cleo")


def test_a_renamed_file_is_found_at_its_new_path_alone(scene: GraphScene) -> None:
    scene.add(track(1))
    scene.change(1, path=b"new/name.flac")
    assert scene.graph.track(b"/music/01.flac") is None
    assert scene.graph.track(b"/music/new/name.flac") == track(1, path=b"/music/new/name.flac")


def test_results_of_older_analysers_are_not_shown(scene: GraphScene) -> None:
    scene.add(track(1, energy=0.5), versions={"key": VERSIONS["key"] - 1, "character": 0})
    found = scene.graph.track(b"/music/01.flac")
    assert found is not None
    assert (found.camelot, found.tempo, found.energy) == (None, 1280, None)
    scene.add(track(2))
    assert mixed(scene, track(2)) == []
    assert scene.graph.counts().keys == 1


def test_telling_the_same_twice_changes_nothing(scene: GraphScene) -> None:
    tracks = [
        track(n, artist="Ann; Bob", album="First", genre="House; Techno", energy=n / 10) for n in range(1, 6)
    ]
    scene.add(*tracks)
    before = (
        scene.graph.counts(),
        scene.graph.mixes(tracks[0], 9, 6.0),
        scene.graph.connection("Ann", "Bob"),
    )
    for _ in range(3):
        scene.change(*[each.file for each in tracks])
    assert before == (
        scene.graph.counts(),
        scene.graph.mixes(tracks[0], 9, 6.0),
        scene.graph.connection("Ann", "Bob"),
    )


def test_after_a_rebuild_the_answers_are_the_same(scene: GraphScene) -> None:
    tracks = [track(n, camelot, artist=f"Artist {n % 3}") for n, camelot in enumerate(KEYS, 1)]
    scene.add(*tracks)
    before = (scene.graph.counts(), scene.graph.mixes(tracks[0], 50, 6.0))
    left: list[int] = []
    scene.graph_relay.rebuild(left.append)
    assert (scene.graph.counts(), scene.graph.mixes(tracks[0], 50, 6.0)) == before
    assert (left[0], left[-1], scene.graph_relay.pending()) == (24, 0, 0)


# --- what mixes


@pytest.mark.parametrize(
    ("camelot", "relation"),
    [
        ("8A", Relation.SAME),
        ("8B", Relation.RELATIVE),
        ("9A", Relation.FIFTH_UP),
        ("7A", Relation.FIFTH_DOWN),
        ("11B", Relation.PARALLEL),
        ("10A", Relation.LIFT),
    ],
)
def test_a_related_key_mixes_and_the_answer_says_how(
    scene: GraphScene, camelot: str, relation: Relation
) -> None:
    playing, next_one = track(1, "8A", 128.0, energy=0.5), track(2, camelot, 128.0, energy=0.75)
    scene.add(playing, next_one)
    (mix,) = scene.graph.mixes(playing, 10, 6.0)
    assert (mix.track, mix.relation, mix.change.percent) == (next_one, relation, 0.0)
    assert mix.score == score(relation, mix.change, 0.25)


def test_keys_that_are_not_related_do_not_mix(scene: GraphScene) -> None:
    playing = track(1, "8A")
    others = [track(n, code) for n, code in enumerate(KEYS, 2) if code not in related("8A")]
    scene.add(playing, *others)
    assert len(others) == 18
    assert mixed(scene, playing) == []


def test_the_tempo_may_be_changed_by_so_many_percent_and_be_half_or_double(scene: GraphScene) -> None:
    playing = track(1, bpm=174.0)
    scene.add(
        playing,
        track(2, bpm=87.0),
        track(3, bpm=348.0),
        track(4, bpm=170.0),
        track(5, bpm=160.0),
        track(6, bpm=90.0),
        track(7, bpm=116.0),
    )
    assert sorted(mixed(scene, playing, percent=3)) == [2, 3, 4]
    assert sorted(mixed(scene, playing, percent=4)) == [2, 3, 4, 6]
    assert sorted(mixed(scene, playing, percent=9)) == [2, 3, 4, 5, 6]
    assert mixed(scene, playing, percent=0) == [2, 3]


def test_the_best_comes_first_and_equal_ones_by_path(scene: GraphScene) -> None:
    playing = track(1, "8A", 128.0, energy=0.5)
    scene.add(
        playing,
        track(2, "9A", 128.0, energy=0.5),
        track(3, "8A", 128.0, energy=0.9),
        track(4, "8A", 131.0, energy=0.5),
        track(5, "8A", 128.0, energy=0.5, path=ROOT + b"/z.flac"),
        track(6, "8A", 128.0, energy=0.5, path=ROOT + b"/\xff.flac"),
        track(7, "8A", 128.0, energy=0.5, path=ROOT + b"/Z.flac"),
    )
    assert mixed(scene, playing) == [7, 5, 6, 4, 2, 3]
    assert mixed(scene, playing, limit=2) == [7, 5]


def test_a_track_is_not_mixed_with_its_own_audio_and_other_audio_is_named_once(scene: GraphScene) -> None:
    playing = track(1)
    scene.add(
        playing,
        track(2, audio=playing.audio),
        track(3, audio="f" * 32, path=ROOT + b"/z.flac"),
        track(4, audio="f" * 32, path=ROOT + b"/a.flac"),
    )
    assert mixed(scene, playing) == [4]
    scene.change(4, missing_since=1.0)
    assert mixed(scene, playing) == [3]


def test_without_key_or_tempo_nothing_mixes(scene: GraphScene) -> None:
    playing, no_key, no_tempo = track(1), track(2, None), track(3, bpm=None)
    scene.add(playing, no_key, no_tempo, track(4))
    assert mixed(scene, playing) == [4]
    assert mixed(scene, no_key) == mixed(scene, no_tempo) == []


# --- ways


def test_the_way_goes_round_the_wheel(scene: GraphScene) -> None:
    tracks = [track(n, f"{n}A") for n in range(1, 13)]
    scene.add(*tracks)
    assert walked(scene, tracks[0], tracks[4]) == [3, 5]
    assert walked(scene, tracks[4], tracks[0]) == [4, 3, 2, 1]  # a lift only goes up


def test_the_way_goes_over_tempos_in_small_steps(scene: GraphScene) -> None:
    tracks = [track(n, "8A", bpm) for n, bpm in enumerate([100.0, 105.0, 110.0, 115.0, 120.0, 125.0], 1)]
    scene.add(*tracks)
    assert walked(scene, tracks[0], tracks[5], 5.0) == [2, 3, 4, 5, 6]
    assert walked(scene, tracks[0], tracks[5], 10.0) == [2, 4, 6]
    assert walked(scene, tracks[0], tracks[5], 4.0) is None


def test_of_the_shortest_ways_the_one_of_the_best_mixes_is_taken(scene: GraphScene) -> None:
    start, goal = track(1, "8A", 120.0, energy=0.2), track(2, "11A", 126.0, energy=0.8)
    scene.add(
        start,
        goal,
        track(3, "9A", 124.0, energy=0.9),
        track(4, "9A", 124.0, energy=0.3),
        track(5, "10A", 120.0, energy=0.2),
        track(6, "8A", 120.0, energy=0.2),
        track(7, "9B", 120.0, energy=0.2),
    )
    assert walked(scene, start, goal) == [4, 2]
    scene.change(4, missing_since=1.0)
    assert walked(scene, start, goal) == [5, 2]


def test_two_files_of_one_audio_need_no_way_and_neighbours_one_step(scene: GraphScene) -> None:
    one, twin, same_point, goal = track(1), track(2, audio=track(1).audio), track(3), track(4, "9A")
    scene.add(one, twin, same_point, goal)
    assert scene.graph.path(one, twin, 6.0) == ()
    assert walked(scene, one, same_point) == [3]
    assert walked(scene, one, goal) == [4]


def test_no_way_leads_to_an_island_or_to_what_has_no_key(scene: GraphScene) -> None:
    start, island, silent = track(1, "8A"), track(2, "3B"), track(3, None)
    scene.add(start, island, silent, track(4, "9A"))
    assert walked(scene, start, island) is None
    assert walked(scene, start, silent) is None
    assert walked(scene, silent, start) is None


# --- connections


def test_artists_are_connected_by_the_closest_tie(scene: GraphScene) -> None:
    scene.add(
        track(1, artist="Ann; Bob", title="Duet", album="First", album_artist="Ann", genre="House"),
        track(2, artist="Cleo", album="First", album_artist="Ann", genre="Techno"),
        track(3, artist="Dan", album="Other", genre="techno "),
        track(4, artist="Eve", album="First", genre="Folk"),
    )
    assert scene.graph.connection("ann", " BOB") == (ConnectionStep("Ann", NodeType.TRACK, "Duet", "Bob"),)
    assert scene.graph.connection("Ann", "Cleo") == (ConnectionStep("Ann", NodeType.ALBUM, "First", "Cleo"),)
    assert scene.graph.connection("Bob", "Dan") == (
        ConnectionStep("Bob", NodeType.ALBUM, "First", "Cleo"),
        ConnectionStep("Cleo", NodeType.GENRE, "Techno", "Dan"),
    )
    assert scene.graph.connection("Ann", "Ann") == ()
    assert scene.graph.connection("Ann", "Eve") is None
    with pytest.raises(NotFound, match="Zoe: no artist"):
        scene.graph.connection("Ann", "Zoe")


def test_a_duet_without_a_title_is_called_by_its_file(scene: GraphScene) -> None:
    scene.add(track(1, artist="Ann; Bob"))
    assert scene.graph.connection("Bob", "Ann") == (ConnectionStep("Bob", NodeType.TRACK, "01.flac", "Ann"),)


# --- whatever the library


def tracks_strategy() -> st.SearchStrategy[list[GraphTrack]]:
    """Small libraries in which much is related."""
    names = st.sampled_from(["Ann", "ann", "Bob", "Cleo", "Ann; Bob", "Cleo; Dan", "", None])
    made: st.SearchStrategy[dict[str, Any]] = st.builds(
        dict,
        camelot=st.one_of(
            st.none(), st.sampled_from([f"{n}{ring}" for n in (1, 2, 3, 5, 6) for ring in "AB"])
        ),
        tempo=st.one_of(st.none(), st.integers(600, 2400), st.sampled_from([870, 1740, 1200, 1272])),
        energy=st.one_of(st.none(), st.floats(0, 1)),
        title=st.sampled_from(["One", "Two", None]),
        artist=names,
        album=st.sampled_from(["First", "FIRST", "Other", "", None]),
        album_artist=names,
        genre=st.sampled_from(["House", "house; Techno", "Techno", None]),
        twin=st.integers(0, 9),
    )
    return st.lists(made, min_size=2, max_size=14).map(_numbered)


def _numbered(made: list[dict[str, Any]]) -> list[GraphTrack]:
    tracks: list[GraphTrack] = []
    for number, values in enumerate(made, 1):
        twin = values.pop("twin")
        new = track(number, path=ROOT + b"/%c%d.flac" % (0xC0 + number * 7 % 60, number), **values)
        if 1 <= twin <= len(tracks):  # another file of a known audio
            like = tracks[twin - 1]
            same = {name: getattr(like, name) for name in ("audio", "camelot", "tempo", "energy")}
            new = dataclasses.replace(new, **same)
        tracks.append(new)
    return tracks


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tracks=tracks_strategy(), percent=st.sampled_from([0.0, 3.0, 6.0, 16.0]), limit=st.integers(1, 6))
def test_answers_are_those_of_the_definition(
    scene: GraphScene, tracks: list[GraphTrack], percent: float, limit: int
) -> None:
    scene.empty()
    scene.add(*tracks)
    for playing, goal in itertools.islice(itertools.permutations(tracks, 2), 30):
        assert mixed(scene, playing, limit, percent) == best_mixes(tracks, playing, percent)[:limit]
        way = walked(scene, playing, goal, percent)
        length = shortest_way(tracks, playing, goal, percent)
        assert (None if way is None else len(way)) == length
        if way:
            files = {each.file: each for each in tracks}
            steps = [playing, *[files[number] for number in way]]
            assert way[-1] == goal.file
            assert all(steps_mix(one, other, percent) for one, other in itertools.pairwise(steps))
    counts = scene.graph.counts()
    artists = artists_by_definition(tracks)
    assert (counts.tracks, counts.artists) == (len(tracks), len(set().union(*artists.values())))
    for one, other in itertools.permutations(sorted(set().union(*artists.values())), 2):
        chain = scene.graph.connection(one, other)
        assert (None if chain is None else len(chain)) == links_between(tracks, artists, one, other)


def best_mixes(tracks: list[GraphTrack], playing: GraphTrack, percent: float) -> list[int]:
    """By definition: every other audio whose key and tempo fit, by score, then path; one file of each audio."""
    ranked = []
    for each in tracks:
        if each.audio != playing.audio and steps_mix(playing, each, percent):
            assert playing.point is not None
            assert each.point is not None
            relation = related(playing.point[0])[each.point[0]]
            apart = energy_distance(playing.energy, each.energy)
            how_well = score(relation, tempo_change(playing.point[1], each.point[1]), apart)
            ranked.append((-how_well, each.path, each.audio, each.file))
    first: dict[str, int] = {}
    for _, _, audio, file in sorted(ranked):
        first.setdefault(audio, file)
    return list(first.values())


def steps_mix(one: GraphTrack, other: GraphTrack, percent: float) -> bool:
    return one.point is not None and other.point is not None and mixes(one.point, other.point, percent)


def shortest_way(tracks: list[GraphTrack], start: GraphTrack, goal: GraphTrack, percent: float) -> int | None:
    """By definition: breadth first over all tracks."""
    if start.audio == goal.audio:
        return 0
    steps = {start.file: 0}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        for each in tracks:
            if each.file not in steps and steps_mix(here, each, percent):
                steps[each.file] = steps[here.file] + 1
                queue.append(each)
    return steps.get(goal.file)


def artists_by_definition(tracks: list[GraphTrack]) -> dict[int, set[str]]:
    return {
        each.file: {
            name.strip().lower()
            for name in (each.artist or each.album_artist or "").split("; ")
            if name.strip()
        }
        for each in tracks
    }


def links_between(tracks: list[GraphTrack], artists: dict[int, set[str]], one: str, other: str) -> int | None:
    """By definition: breadth first over artists that share a track, an album or a genre."""

    def common(each: GraphTrack) -> set[object]:
        found: set[object] = {("track", each.file)}
        if each.album:
            owner = each.album_artist or (each.artist or "").split("; ")[0]
            found.add(("album", each.album.lower(), owner.lower()))
        return found | {("genre", name.lower()) for name in (each.genre or "").split("; ") if name}

    steps = {one: 0}
    queue = deque([one])
    while queue:
        here = queue.popleft()
        shared = set().union(*[common(each) for each in tracks if here in artists[each.file]])
        for each in tracks:
            if common(each) & shared:
                for name in sorted(artists[each.file]):
                    if name not in steps:
                        steps[name] = steps[here] + 1
                        queue.append(name)
    return steps.get(other)
