"""A disk that is full or can't be written any more costs no file: what can't be done is refused, and done later."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.folding_folder import folding, trouble
from tests.material import good
from tests.unit.library_fixture import Library
from tests.unit.naming.collection import Collection
from tests.unit.tagging.collection import TagCollection
from tonearm.library.roots import Roots

TROUBLES = [("full", "disk-full"), ("read-only", "read-only")]


@pytest.fixture
def below(tmp_path: Path) -> Path:
    return tmp_path / "below"


@pytest.fixture
def disk(below: Path, tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which ``trouble`` can be made of."""
    with folding(below, tmp_path / "disk") as where:
        yield where


@pytest.mark.parametrize(("what", "code"), TROUBLES)
def test_files_that_can_not_be_copied_stay(
    library: Library, tmp_path: Path, below: Path, disk: Path, what: str, code: str
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    collection = Collection(library, music)
    for name in ("a", "b"):
        collection.put(f"{name}.flac", title=name, album="x")
    collection.write("a.lrc", b"lyrics")
    before = collection.on_disk()
    plan = collection.plan("{album}/{title}", to=Roots(library.database).ensure(bytes(disk)))
    collection.approve(plan.batch)
    trouble(below, what)
    assert set(collection.apply().refused.values()) == {code, "track-stays"}
    assert collection.on_disk() == before
    assert [name for _, _, names in os.walk(below) for name in names] == []
    trouble(below, None)
    assert collection.apply().refused == {}
    assert sorted(os.listdir(disk / "x")) == ["a.flac", "a.lrc", "b.flac"]
    trouble(below, what)
    undone = collection.undo(plan.batch)
    assert set(undone.refused.values()) == ({"read-only"} if what == "read-only" else set())
    trouble(below, None)
    collection.undo(plan.batch)
    assert collection.on_disk() == before


def test_names_on_a_disk_that_can_not_be_written_stay(library: Library, below: Path, disk: Path) -> None:
    collection = Collection(library, disk)
    for name, title in (("a", "b"), ("b", "a"), ("c", "d")):
        collection.put(f"{name}.flac", title=title)
    before = collection.on_disk()
    collection.approve(collection.plan("{title}").batch)
    trouble(below, "read-only")
    assert set(collection.apply().refused.values()) == {"read-only"}
    assert collection.on_disk() == before
    trouble(below, None)
    assert collection.apply().refused == {}
    assert set(collection.on_disk()) == {b"a.flac", b"b.flac", b"d.flac"}


@pytest.mark.parametrize(("what", "code"), TROUBLES)
def test_tags_that_can_not_be_written_stay(
    library: Library, below: Path, disk: Path, what: str, code: str
) -> None:
    collection = TagCollection(library, disk)
    path = collection.put("flac.x")
    assert collection.plan().files == 1
    trouble(below, what)
    assert list(collection.apply().refused.values()) == [code]
    assert os.listdir(disk) == ["flac.x"]
    assert path.read_bytes() == good("flac")
    trouble(below, None)
    assert collection.apply().written == 1
    assert collection.undo().written == 1
    assert path.read_bytes() == good("flac")


def test_a_file_survives_a_file_system_that_takes_a_flag_and_does_not_obey(
    library: Library, tmp_path: Path
) -> None:
    with folding(tmp_path / "below", tmp_path / "disk", "deaf") as disk:
        collection = TagCollection(library, disk)
        path = collection.put("flac.x")
        collection.plan()
        assert list(collection.apply().refused.values()) == ["no-safe-rename"]
        assert path.read_bytes() == good("flac")
        assert os.listdir(disk) == ["flac.x"]
