"""Two spellings of a name are one artist, and two albums of the same name are distinguished."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.graph.track import (
    GraphTrack,
    Node,
    NodeType,
    album_of,
    artist_named,
    artists_of,
    fold,
    genres_of,
    track_title,
)


@pytest.mark.parametrize(
    "name", ["Sigur Rós", "SIGUR RÓS", " sigur  rós ", "Sigur Ro\N{COMBINING ACUTE ACCENT}s", "sigur\trós"]
)
def test_spellings_of_one_name(name: str) -> None:
    assert artist_named(name) == artist_named("Sigur Rós")


@given(st.text())
def test_folding_twice_changes_nothing(name: str) -> None:
    assert fold(fold(name)) == fold(name)


def test_each_artist_of_a_track_is_one() -> None:
    assert artists_of("Ann; Bob", "Various") == {
        Node(NodeType.ARTIST, "ann"): "Ann",
        Node(NodeType.ARTIST, "bob"): "Bob",
    }
    assert list(artists_of(" ; ", "The Band").values()) == ["The Band"]
    assert artists_of(None, None) == {}
    assert list(genres_of("House;Deep; Deep House").values()) == ["House;Deep", "Deep House"]


def test_albums_are_told_apart_by_their_artist() -> None:
    best_of_ann = album_of("Best of", None, "Ann")
    assert best_of_ann.keys() == album_of("BEST OF", "Ann", "Ann; Bob").keys()
    assert best_of_ann.keys() == album_of("Best of", None, "Ann; Bob").keys()
    assert best_of_ann.keys() != album_of("Best of", None, "Bob").keys()
    assert album_of("Mix", "Various", "Ann").keys() == album_of("Mix", "Various", "Bob").keys()
    assert album_of(" ", "Ann", "Ann") == album_of(None, "Ann", "Ann") == {}


def test_a_track_without_key_or_tempo_has_no_point() -> None:
    track = GraphTrack(1, b"/music/a.flac", "0" * 32, camelot="8A", tempo=1279)
    assert (track.point, track.key, track.bpm, track.band) == (("8A", 1279), "A minor", 127.9, 63)
    nothing = GraphTrack(1, b"/music/a.flac", "0" * 32)
    assert (nothing.point, nothing.key, nothing.bpm, nothing.band) == (None, None, None, None)


def test_a_track_without_title_is_called_by_its_file() -> None:
    assert track_title("", b"/music/\xff.flac") == "\udcff.flac"
    assert track_title("Name", b"/music/a.flac") == "Name"
