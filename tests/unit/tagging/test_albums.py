"""The gain of an album is that of all its tracks together, as its folder and its tags tell which they are."""

import math
from pathlib import Path

import pytest

from tests.unit.library_fixture import Library
from tests.unit.tagging.collection import TagCollection

LOUD, SOFT = (-10.0, [100]), (-19.0, [300])
"""Blocks at one level: a tenth of the power is within ten units, so that the relative gate keeps all."""
BOTH_LUFS = -10 + 10 * math.log10((100 + 300 * 10**-0.9) / 400)


@pytest.fixture
def collection(library: Library, tmp_path: Path) -> TagCollection:
    return TagCollection(library, tmp_path)


def proposed(collection: TagCollection) -> dict[str, dict[str, str]]:
    """What is proposed for each file, by its name: the new text of each tag."""
    plan = collection.plan("replaygain_album")
    return {
        Path(each.source.decode()).name: {change["name"]: change["after"][0] for change in each.changes}
        for each in collection.batch(plan.batch)
    }


def gain_to(lufs: float) -> str:
    return f"{-18 - lufs:.2f} dB"


def test_every_track_of_an_album_gets_the_gain_of_all(collection: TagCollection) -> None:
    collection.put_on_album("a/1.flac", *LOUD)
    collection.put_on_album("a/2.mp3", *SOFT)
    collection.put_on_album("a/3.opus", *SOFT)
    found = proposed(collection)
    lufs = -10 + 10 * math.log10((100 + 600 * 10**-0.9) / 700)
    assert found["1.flac"]["REPLAYGAIN_ALBUM_GAIN"] == gain_to(lufs)
    assert found["2.mp3"] == {
        "TXXX:REPLAYGAIN_ALBUM_GAIN": gain_to(lufs),
        "TXXX:REPLAYGAIN_ALBUM_PEAK": "0.988553",
    }
    assert found["3.opus"] == {"R128_ALBUM_GAIN": str(round(256 * (-23 - lufs)))}


def test_discs_in_folders_of_their_own_are_one_album_and_other_albums_are_not(
    collection: TagCollection,
) -> None:
    collection.put_on_album("CD 1/1.flac", *LOUD, album="The  Album")
    collection.put_on_album("CD 2/2.flac", *SOFT, album="the album")
    collection.put_on_album("CD 2/3.flac", *SOFT, album="Another")
    collection.put_on_album("CD 2/4.flac", *SOFT, album="The album", album_artist="Somebody else")
    found = {name: texts["REPLAYGAIN_ALBUM_GAIN"] for name, texts in proposed(collection).items()}
    alone = gain_to(-19.0)
    both = gain_to(BOTH_LUFS)
    assert found == {"1.flac": both, "2.flac": both, "3.flac": alone, "4.flac": alone}


def test_nothing_is_told_of_an_album_before_all_of_it_is_measured(collection: TagCollection) -> None:
    collection.put_on_album("a/1.flac", *LOUD)
    collection.put_on_album("a/2.flac", -10.0, [])
    collection.put("flac.single")
    assert proposed(collection) == {}


def test_a_track_that_is_planned_alone_gets_the_gain_of_its_album(collection: TagCollection) -> None:
    collection.put_on_album("a/1.flac", *LOUD)
    collection.put_on_album("a/2.flac", *SOFT)
    plan = collection.plan("replaygain_album", below="a/1.flac")
    (only,) = collection.batch(plan.batch)
    assert only.changes[0]["after"] == [gain_to(BOTH_LUFS)]


def test_passages_below_the_gates_of_all_tracks_together_do_not_count(collection: TagCollection) -> None:
    collection.put_on_album("a/1.flac", *LOUD)
    collection.put_on_album("a/2.flac", -30.0, [500])
    assert proposed(collection)["2.flac"]["REPLAYGAIN_ALBUM_GAIN"] == gain_to(-10.0)
