"""The list shows exactly the requested tracks in the requested order."""

import os
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.library_fixture import (
    VERSIONS,
    Library,
    features_of,
    opened,
    result,
    results_of,
    write_one_tags,
)
from tonearm.library.file_contents import Tags
from tonearm.library.roots import Place
from tonearm.views.totals import read_totals
from tonearm.views.tracks import TrackQuery, Tracks

ALBUM: dict[bytes, dict[str, Any]] = {
    b"1.flac": {"tags": {"title": "50% Off", "artist": "Nina", "year": 1999}, "bpm": 120.0},
    b"2.flac": {"tags": {"title": "snake_case", "artist": "nina simone", "year": 1965}, "bpm": 90.5},
    b"cd/3.flac": {"tags": {"title": "back\\slash", "artist": None, "year": None}, "bpm": None},
    b"cd/4.flac": {
        "tags": {"title": "snakeXcase", "artist": "Björk", "year": 2001},
        "bpm": 174.0,
        "keys": {"key": "C major", "camelot": "8B", "open_key": "1d"},
        "sound": {"codec": "mp3", "bit_depth": None},
    },
}


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory, empty: bytes) -> Iterator[Library]:
    """Four tracks. Look at them; do not change them."""
    with opened(tmp_path_factory.mktemp("album"), empty) as library:
        run = library.run()
        for number, (path, measured) in enumerate(ALBUM.items()):
            library.finish(run, path, result(f"{number}", **measured))
        yield library


def listed(
    library: Library,
    tracks: Tracks | None = None,
    limit: int | None = None,
    full: bool = False,
    bpm: tuple[float, float] | None = None,
    **query: Any,
) -> list[dict[str, Any]]:
    ranges = {} if bpm is None else {"bpm": bpm}
    known = tracks or library.tracks
    chosen = TrackQuery(ranges=ranges, **query)
    return [track.to_json() for track in (known.each_detail if full else known.each)(chosen, limit)]


def names(library: Library, **query: Any) -> list[str]:
    return [track["path"].removeprefix("/music/") for track in listed(library, **query)]


def test_every_track_comes_with_tags_facts_and_results(album: Library) -> None:
    [track] = listed(album, texts={"title": "50"})
    expected = {
        "path": "/music/1.flac",
        "state": "done",
        "title": "50% Off",
        "artist": "Nina",
        "year": 1999,
        "album": None,
        "codec": "flac",
        "duration_s": 10.0,
        "sample_rate_hz": 44_100,
        "audio_hash": "0",
        "bpm": 120.0,
        "key": "A minor",
        "camelot": "8A",
    }
    assert expected.items() <= track.items()
    assert set(track) == {*album.tracks.columns, "id", "stale", "locked", "measured"}


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ({"artist": "NINA"}, ["1.flac", "2.flac"]),
        ({"artist": "simone"}, ["2.flac"]),
        ({"title": "%"}, ["1.flac"]),
        ({"title": "0% o"}, ["1.flac"]),
        ({"title": "_"}, ["2.flac"]),
        ({"title": "snake_case"}, ["2.flac"]),
        ({"title": "\\"}, ["cd/3.flac"]),
        ({"title": "'"}, []),
        ({"codec": "mp"}, ["cd/4.flac"]),
        ({"artist": "nina", "title": "snake"}, ["2.flac"]),
        ({"artist": "björk"}, ["cd/4.flac"]),
        ({"artist": "BJÖRK"}, ["cd/4.flac"]),
    ],
)
def test_a_text_is_met_as_a_part_in_any_case_and_means_itself(
    album: Library, texts: dict[str, str], wanted: list[str]
) -> None:
    assert names(album, texts=texts) == wanted


@pytest.mark.parametrize("key", ["a minor", "8a", "1M", "A minor"])
def test_a_key_is_met_by_each_of_its_names(album: Library, key: str) -> None:
    assert names(album, keys=(key,)) == ["1.flac", "2.flac", "cd/3.flac"]


@pytest.mark.parametrize(
    ("bpm", "wanted"),
    [
        ((90.5, 120.0), ["1.flac", "2.flac"]),
        ((90.6, 119.9), []),
        ((174.0, 174.0), ["cd/4.flac"]),
    ],
)
def test_a_range_of_tempo_has_both_of_its_ends_and_no_unknowns(
    album: Library, bpm: tuple[float, float], wanted: list[str]
) -> None:
    assert names(album, bpm=bpm) == wanted


@pytest.mark.parametrize(
    ("declared_s", "decoded_s", "duration_s"),
    [(20.0, 12.5, 20.0), (20.0, 40.0, 40.0), (None, 12.5, 12.5)],
    ids=["cut off", "joined to another", "undeclared"],
)
def test_a_track_is_as_long_as_it_declares_or_longer(
    library: Library, declared_s: float | None, decoded_s: float, duration_s: float
) -> None:
    measured = result("1", file={"declared_s": declared_s}, decoded={"decoded_s": decoded_s})
    library.finish(library.run(), b"1.flac", measured)
    [track] = listed(library, sort="duration_s")
    assert track["duration_s"] == duration_s
    assert read_totals(library.database).duration_s == decoded_s, "a library holds what can be heard of it"


def test_a_place_shows_what_lies_in_it(album: Library) -> None:
    root = album.root()
    assert names(album, place=Place(root, b"/music", b"cd")) == ["cd/3.flac", "cd/4.flac"]
    assert names(album, place=Place(root, b"/music", b"2.flac")) == ["2.flac"]
    assert names(album, place=Place(root, b"/music", b"c")) == []


@pytest.mark.parametrize(
    "column", ["path", "title", "artist", "year", "bpm", "key", "codec", "bit_depth", "genre"]
)
@pytest.mark.parametrize("descending", [False, True])
def test_tracks_are_sorted_by_any_column_with_the_unknown_last(
    album: Library, column: str, descending: bool
) -> None:
    values = [track[column] for track in listed(album, sort=column, descending=descending)]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=descending)
    assert values[len(known) :] == [None] * (len(ALBUM) - len(known))


def test_every_column_can_be_sorted_by(album: Library) -> None:
    for column in album.tracks.columns:
        assert len(listed(album, sort=column)) == len(ALBUM), column


def test_equal_values_leave_the_tracks_in_the_order_of_their_paths(album: Library) -> None:
    assert names(album, sort="state") == ["1.flac", "2.flac", "cd/3.flac", "cd/4.flac"]


def test_who_reads_slowly_does_not_keep_the_database_from_tidying_up(library: Library) -> None:
    library.meet(library.run(), *(b"%03d.mp3" % number for number in range(450)))
    other = sqlite3.connect(library.database.address)
    seen: list[str] = []

    try:
        for track in library.tracks.each(TrackQuery(), 450):
            seen.append(os.path.basename(track.path).decode())
            if len(seen) % 100 == 0:
                library.change("UPDATE files SET state = state")
                [(in_the_way, _, _)] = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                assert not in_the_way
    finally:
        other.close()
    assert seen == [f"{number:03}.mp3" for number in range(450)]


def test_a_limit_takes_the_first(album: Library) -> None:
    assert names(album, sort="bpm", descending=True, limit=2) == ["cd/4.flac", "1.flac"]


def test_paths_of_several_roots_are_sorted_as_whole_paths(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1.flac", b"3.flac", root=b"/b")
    library.meet(run, b"2.flac", root=b"/a")
    assert names(library) == ["/a/2.flac", "/b/1.flac", "/b/3.flac"]


def test_results_of_another_version_are_not_shown(album: Library) -> None:
    versions = VERSIONS | {"tempo": VERSIONS["tempo"] + 1}
    features_of(versions).ensure(album.database)
    newer = Tracks(album.database, features_of(versions), results_of(versions))
    [track] = listed(album, newer, texts={"title": "50"})
    assert listed(album, newer, bpm=(0.0, 999.0)) == []
    assert (track["bpm"], track["key"]) == (None, "A minor")


def test_a_full_track_has_its_series_tags_analysers_and_history(library: Library) -> None:
    run = library.run()
    everything = {"TIT2": ["Blue"], "TXXX:odd": ["a", "b"]}
    art = {"art_count": 1, "art_bytes": 99, "art_mime": "image/png", "warning": "one tag is cut off"}
    file = library.finish(run, b"1.flac", result(tags={"everything": everything} | art))
    library.files.mark_missing([file])
    library.meet(run, b"1.flac")
    [track] = listed(library, full=True)
    assert track["tempo_series"] == [1, 2]
    assert track["tags"] == everything
    assert track["tags_warning"] == "one tag is cut off"
    assert track["art"] == {"count": 1, "bytes": 99, "mime": "image/png"}
    assert [(a["name"], a["version"]) for a in track["analysers"]] == sorted(VERSIONS.items())
    assert [event["what"] for event in track["history"]] == ["found", "analysis done", "missing", "back"]


def test_a_track_without_results_is_shown_with_nothing_known(library: Library) -> None:
    library.meet(library.run(), b"1.flac")
    [track] = listed(library, full=True)
    assert (track["state"], track["bpm"], track["codec"], track["title"]) == ("waiting", None, None, None)
    assert (track["beats"], track["tags"], track["art"]) == ([], {}, None)
    assert (track["tempo_windows"], track["chroma"], track["loudness_curve"]) == ([], None, None)


def test_missing_tracks_are_listed_when_they_are_asked_for(library: Library) -> None:
    library.meet(library.run(), b"1.flac", b"2.flac")
    library.files.mark_missing([library.file(b"2.flac")["id"]])
    assert names(library) == ["1.flac"]
    assert names(library, missing=True) == ["2.flac"]
    assert listed(library, missing=True)[0]["state"] == "missing"


def test_tracks_are_filtered_by_their_state(library: Library) -> None:
    run = library.run()
    library.finish(run, b"1.flac", result("1"))
    library.finish(run, b"2.flac", result("2", complete=False))
    library.meet(run, b"3.flac")
    assert names(library, state="done") == ["1.flac"]
    assert names(library, state="partial") == ["2.flac"]
    assert names(library, state="waiting") == ["3.flac"]


def test_totals_count_what_is_on_the_disk(library: Library) -> None:
    run = library.run()
    library.finish(run, b"1.flac", result("1"))
    library.finish(run, b"2.flac", result("2", file={"declared_s": None}))
    library.meet(run, b"3.flac", b"4.flac")
    library.files.mark_missing([library.file(b"4.flac")["id"]])
    totals = read_totals(library.database)
    assert (totals.files, totals.states) == (3, {"done": 2, "waiting": 1})
    assert totals.duration_s == pytest.approx(10.0 + 10.0)


def test_an_empty_library_holds_nothing(library: Library) -> None:
    totals = read_totals(library.database)
    assert (totals.files, totals.duration_s, totals.states) == (0, 0.0, {})
    assert listed(library) == []


WORDS = st.text(st.sampled_from("ab%_\\'\" Aé"), min_size=1, max_size=4)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(titles=st.lists(WORDS, min_size=1, max_size=4), part=WORDS)
def test_a_part_of_a_title_is_found_whatever_signs_it_holds(
    library: Library, titles: list[str], part: str
) -> None:
    library.change("DELETE FROM attempts")
    library.change("DELETE FROM jobs")
    library.change("DELETE FROM tags")
    library.change("DELETE FROM files")
    library.meet(library.run(), *(b"%d.flac" % number for number in range(len(titles))))
    with library.database.write() as connection:
        for number, title in enumerate(titles):
            write_one_tags(connection, library.file(b"%d.flac" % number)["id"], Tags(title=title), 1.0)
    met = [track["title"] for track in listed(library, texts={"title": part})]
    assert met == [title for title in titles if part.lower() in title.lower()]


def test_a_path_that_is_not_utf8_comes_with_its_bytes(library: Library) -> None:
    library.meet(library.run(), b"K\xf6ln.flac")
    [track] = listed(library)
    assert track["path"] == "/music/K\udcf6ln.flac"
    assert "path_b64" in track


def test_a_library_is_a_place_for_thousands_of_tracks(library: Library) -> None:
    run = library.run()
    library.meet(run, *(b"%04d.flac" % number for number in range(1200)))
    assert len(listed(library)) == 1200
    assert names(library, limit=3, descending=True) == ["1199.flac", "1198.flac", "1197.flac"]
