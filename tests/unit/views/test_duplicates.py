"""Files with the same sound are found, and told apart by which is better kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.curated import DOUBTFUL, Curated, curated

FULL = {"title": "So What", "artist": "Miles Davis", "album": "Kind of Blue", "year": 1959}


@pytest.fixture
def music(tmp_path: Path, empty: bytes) -> Iterator[Curated]:
    """One sound in four files, one in two, and one in a single file."""
    with curated(tmp_path / "data", empty) as library:

        def put(path: bytes, digest: str, **more: Any) -> None:
            library.put(path, digest, tempo=DOUBTFUL, **more)

        put(b"untagged.flac", "a")
        put(b"a long name of it.flac", "a", tags=FULL)
        put(b"tagged.flac", "a", tags=FULL)
        put(b"cut.flac", "a", tags=FULL | {"genre": "Jazz", "art_count": 1}, complete=False)
        put(b"sub/one.flac", "b")
        put(b"two.flac", "b", tags={"art_count": 1})
        put(b"single.flac", "c")
        yield library


def names(music: Curated, *arguments: str) -> list[str]:
    return [each["path"].removeprefix("/music/") for each in music.objects("duplicates", *arguments)]


ALL = ["tagged.flac", "a long name of it.flac", "untagged.flac", "cut.flac", "two.flac", "sub/one.flac"]


def test_the_better_one_is_first_in_each_sound(music: Curated) -> None:
    assert names(music) == ALL
    listed = music.objects("duplicates")
    assert [each["keep"] for each in listed] == [True, False, False, False, True, False]
    assert [each["copies"] for each in listed] == [4, 4, 4, 4, 2, 2]
    assert (listed[0]["tags"], listed[0]["size"], listed[0]["codec"]) == (4, 1000, "flac")
    assert music.call("duplicates").stdout.count("keep") == 3


@pytest.mark.parametrize(("sounds", "files"), [(1, 1), (1, 2), (2, 3), (200, 4)])
def test_pages_of_any_size_are_the_same_list(
    music: Curated, sounds: int, files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonearm.views.duplicates.SOUNDS_AT_ONCE", sounds)
    monkeypatch.setattr("tonearm.views.duplicates.MANY_AT_ONCE", files)
    assert names(music) == ALL


def test_a_place_and_a_limit_choose(music: Curated) -> None:
    assert names(music, "/music/sub") == ["two.flac", "sub/one.flac"]
    assert names(music, "--limit", "3") == ALL[:3]


@pytest.mark.parametrize(
    ("statement", "left"),
    [
        ("UPDATE files SET missing_since = 5 WHERE path = :path", ALL[:4]),
        ("UPDATE files SET moved_to_id = 1 WHERE path = :path", ALL[:4]),
    ],
)
def test_files_that_are_gone_are_no_copies(music: Curated, statement: str, left: list[str]) -> None:
    music.library.change(statement, path=b"two.flac")
    assert names(music) == left


def test_nothing_is_said_plainly(tmp_path: Path, empty: bytes) -> None:
    with curated(tmp_path / "none", empty) as library:
        assert "No sound has several files." in library.call("duplicates").output
