"""Tags and names of the same files: each batch is taken back for itself, and neither makes the other one expire."""

from pathlib import Path

import mutagen
import pytest

from tests.material import good
from tests.unit.library_fixture import Library
from tests.unit.naming.collection import Collection
from tests.unit.tagging.collection import TagCollection
from tonearm.library.forget import forget
from tonearm.library.proposal import ProposalKind, ProposalStatus, Selection
from tonearm.tagging import tagger


@pytest.fixture
def tags(library: Library, tmp_path: Path) -> TagCollection:
    folder = tmp_path / "music"
    folder.mkdir()
    return TagCollection(library, folder)


@pytest.fixture
def names(tags: TagCollection) -> Collection:
    return Collection(tags.library, tags.folder)


def statuses(tags: TagCollection) -> dict[int, list[ProposalStatus]]:
    """The states of the proposals, by batch."""
    found: dict[int, list[ProposalStatus]] = {}
    for kind in ProposalKind:
        for each in tags.proposals.each(Selection(kind=kind)):
            found.setdefault(each.batch, []).append(each.status)
    return found


def undo_tags(tags: TagCollection, batch: int) -> None:
    assert tags.undo(batch).refused == {}


def test_a_rename_stays_applied_when_earlier_tags_are_taken_back(
    tags: TagCollection, names: Collection
) -> None:
    tags.put("flac.flac")
    first = tags.plan("bpm").batch
    tags.apply()
    second = names.plan("X").batch
    names.approve(second)
    assert names.apply(second).refused == {}
    undo_tags(tags, first)
    assert statuses(tags) == {first: ["undone"], second: ["applied"]}
    assert names.undo(second).renamed == 1
    assert names.on_disk() == {b"flac.flac": good("flac")}


def test_tags_stay_applied_when_an_earlier_rename_is_taken_back(
    tags: TagCollection, names: Collection
) -> None:
    tags.put("flac.flac")
    first = names.plan("X").batch
    names.approve(first)
    names.apply(first)
    second = tags.plan("bpm").batch
    tags.apply()
    assert names.undo(first).renamed == 1
    assert statuses(tags) == {first: ["undone"], second: ["applied"]}
    undo_tags(tags, second)
    assert names.on_disk() == {b"flac.flac": good("flac")}


def test_later_tags_stay_applied_when_earlier_ones_are_taken_back(tags: TagCollection) -> None:
    path = tags.put("flac.flac")
    first = tags.plan("bpm").batch
    tags.apply()
    second = tags.plan("energy").batch
    tags.apply()
    undo_tags(tags, first)
    assert statuses(tags) == {first: ["undone"], second: ["applied"]}
    written = mutagen.File(path)
    assert written is not None
    assert ("bpm" in written, "grouping" in written) == (False, True)
    undo_tags(tags, second)
    assert path.read_bytes() == good("flac")


def test_a_tag_that_was_written_again_is_taken_back_from_the_last_to_the_first(tags: TagCollection) -> None:
    path = tags.put("flac.flac")
    first = tags.plan(texts={"title": "one"}).batch
    tags.apply()
    second = tags.plan(texts={"title": "two"}).batch
    tags.apply()
    written = path.read_bytes()
    refused = tags.carry_out(ProposalStatus.APPLIED, is_undo=True, batch=first).refused
    assert list(refused.values()) == ["written-again"]
    assert path.read_bytes() == written
    undo_tags(tags, second)
    undo_tags(tags, first)
    assert path.read_bytes() == good("flac")


@pytest.mark.parametrize("is_undo", [False, True])
def test_an_approved_name_outlasts_what_is_written_into_the_tags(
    tags: TagCollection, names: Collection, is_undo: bool
) -> None:
    tags.put("flac.flac")
    tags.plan("bpm")
    if is_undo:
        tags.apply()
    batch = names.plan("X").batch
    names.approve(batch)
    _ = tags.undo() if is_undo else tags.apply()
    assert names.apply(batch).refused == {}
    assert statuses(tags)[batch] == ["applied"]


def test_an_approved_name_outlasts_a_kill_while_tags_are_written(
    tags: TagCollection, names: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tags.put("flac.flac")
    tags.plan("bpm")
    batch = names.plan("X").batch
    names.approve(batch)

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tagger, "Completed", kill)
        with pytest.raises(KeyboardInterrupt):
            tags.apply()
    assert tags.recover().finished == 1
    [row] = tags.library.rows("SELECT mtime_ns FROM files")
    assert row["mtime_ns"] != path.stat().st_mtime_ns, "the next scan must read the new tags"
    assert names.apply(batch).refused == {}
    assert names.on_disk().keys() == {b"X.flac"}


def test_a_proposal_never_has_what_was_kept_of_a_forgotten_one(tags: TagCollection) -> None:
    tags.put("flac.flac")
    lost = tags.put("mp3.mp3")
    tags.plan("bpm")
    tags.apply()
    lost.unlink()
    tags.library.files.mark_missing([2])
    assert forget(tags.library.database, [2]).files == {2}
    assert tags.library.rows("SELECT count(*) AS kept FROM rewrites")[0]["kept"] == 1
    assert tags.library.rows("SELECT count(*) AS kept FROM rename_steps")[0]["kept"] == 1
    path = tags.put("vorbis.ogg")
    [made] = tags.batch(tags.plan("bpm").batch)
    assert made.id == 3
    tags.apply()
    assert tags.undo(made.batch).written == 1
    assert path.read_bytes() == good("vorbis")
