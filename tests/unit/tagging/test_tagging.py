"""Approved tags are written, and taken back: the file as it was, or, once it was edited, only what was written."""

import errno
import io
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import pytest

from tests.material import good, opus_with_gain
from tests.tagging import WRITERS, retagged
from tests.unit.library_fixture import Library
from tests.unit.tagging.collection import TagCollection, tags_of
from tonearm.analysis.tags import read_tags
from tonearm.events.tags import TagsRefused, TagsWritten
from tonearm.naming import rewriting
from tonearm.naming.copying import PART
from tonearm.naming.disk import Disk
from tonearm.naming.safe_rename import exchange
from tonearm.naming.splices import Splice
from tonearm.tagging import tagger
from tonearm.tagging.fields import Spelling
from tonearm.tagging.id3_files import Mp3Tags


@pytest.fixture
def collection(library: Library, tmp_path: Path) -> TagCollection:
    folder = tmp_path / "music"
    folder.mkdir()
    return TagCollection(library, folder)


def left_over(collection: TagCollection) -> list[str]:
    return [name for name in os.listdir(collection.folder) if name.startswith(PART.decode())]


def test_what_is_approved_is_written_and_taken_back_to_the_byte(collection: TagCollection) -> None:
    paths = [
        collection.put(f"{name}.x") for name in ("flac", "mp3", "vorbis", "opus", "aac", "wav", "aiff", "wma")
    ]
    before = [path.read_bytes() for path in paths]
    plan = collection.plan("bpm", "key", "replaygain", "energy")
    assert (plan.files, plan.conflicted) == (8, 0)
    assert [path.read_bytes() for path in paths] == before
    outcome = collection.apply()
    assert (outcome.written, outcome.refused) == (8, {})
    flac = tags_of(paths[0])
    assert (flac["bpm"], flac["initialkey"], flac["grouping"]) == (["128"], ["C#m"], ["Energy 7"])
    assert (flac["replaygain_track_gain"], flac["replaygain_track_peak"]) == (["-7.50 dB"], ["0.988553"])
    mp3 = tags_of(paths[1])
    assert (mp3["TBPM"].text, mp3["TKEY"].text, mp3["TIT1"].text) == (["128"], ["C#m"], ["Energy 7"])
    assert tags_of(paths[3])["r128_track_gain"] == [str(256 * -12.5).partition(".")[0]]
    m4a = tags_of(paths[4])
    assert (m4a["tmpo"], m4a["----:com.apple.iTunes:BPM"]) == ([128], [b"127.96"])
    assert collection.plan("bpm", "key", "replaygain", "energy").unchanged == 8

    for row, path in zip(collection.library.rows("SELECT * FROM files ORDER BY id"), paths, strict=True):
        assert (row["size"], row["inode"]) == (path.stat().st_size, path.stat().st_ino)
    assert collection.library.rows("SELECT everything FROM tags WHERE file_id = 1")[0]["everything"].count(
        "C#m"
    )
    undone = collection.undo()
    assert (undone.written, undone.refused) == (8, {})
    assert [path.read_bytes() for path in paths] == before
    assert left_over(collection) == []


def test_texts_that_a_person_sets_are_written_in_every_format_and_taken_back(
    collection: TagCollection,
) -> None:
    paths = [
        collection.put(f"{name}.x") for name in ("flac", "mp3", "vorbis", "opus", "aac", "wav", "aiff", "wma")
    ]
    before = [path.read_bytes() for path in paths]
    texts = {"album": "Señales / ☀", "album_artist": "Various", "genre": "Dub"}
    plan = collection.plan(texts=texts)
    assert (plan.files, plan.conflicted, collection.apply().refused) == (8, 0, {})
    for path in paths:
        with io.FileIO(str(path)) as file:
            read = read_tags(file)
        assert (read.album, read.album_artist, read.genre) == tuple(texts.values())
    assert collection.plan(texts=texts).unchanged == 8
    collection.undo()
    assert [path.read_bytes() for path in paths] == before


def test_texts_are_read_from_paths_and_those_that_are_there_stay_if_a_person_wants_that(
    collection: TagCollection,
) -> None:
    path = collection.put("flac.x", retagged("flac", WRITERS["flac"]))
    named = path.rename(path.with_name("Nina - Track 01.x"))
    collection.library.change("UPDATE files SET path = :path", path=b"Nina - Track 01.x")
    title = tags_of(named)["title"]

    missing = collection.plan(pattern="{artist} - {title}", texts={"artist": "Other"}, only_missing=True)
    [proposal] = collection.batch(missing.batch)
    assert [(change["field"], change["after"]) for change in proposal.changes] == [("artist", ["Other"])]
    plan = collection.plan(pattern="{artist} - {title}")
    [proposal] = collection.batch(plan.batch)
    assert [cost["field"] for cost in proposal.costs] == ["title"]  # it hardly says what a title should
    assert (proposal.changes[-1]["before"], proposal.changes[-1]["after"]) == (title, ["Track 01"])
    assert collection.apply().written == 1
    assert (tags_of(named)["artist"], tags_of(named)["title"]) == (["Nina"], ["Track 01"])
    other = collection.plan(pattern="{any} - {album} - {any}")
    assert (other.files, other.unknown) == (0, 1)


def test_an_empty_text_removes_the_tag_and_a_title_of_wma_is_refused(collection: TagCollection) -> None:
    path = collection.put("flac.x", retagged("flac", WRITERS["flac"]))
    assert "title" in tags_of(path)
    collection.put("wma.x")
    plan = collection.plan(texts={"title": ""})
    assert (plan.files, plan.conflicted) == (2, 1)
    assert collection.batch(plan.batch)[1].conflicts[0].code == "tag-form"
    collection.apply()
    assert "title" not in tags_of(path)


def test_in_a_file_that_was_edited_since_only_our_texts_are_restored(collection: TagCollection) -> None:
    path = collection.put("flac.x")
    collection.plan("bpm")
    collection.apply()
    opened = mutagen.File(path)
    assert opened is not None
    opened["title"] = "Other"
    opened.save()
    assert collection.undo().refused == {}
    tags = tags_of(path)
    assert (tags["title"], "bpm" in tags) == (["Other"], False)
    last = collection.events[-2]
    assert isinstance(last, TagsWritten)
    assert last.edited


def without_text(name: str) -> bytes:
    """A file with a tag of the tempo or key that is no plain text."""
    data = good(name)
    changed = io.BytesIO(data)
    opened: Any = mutagen.File(changed) if name in ("wma", "aac") else None
    changed.seek(0)
    if name == "wma":
        opened["WM/InitialKey"] = b"\1\2\3"
        opened.save(changed)
        return changed.getvalue()
    if name == "aac":
        opened["tmpo"] = [1]
        opened.save(changed)
        integer = b"\0\0\0\x12data\0\0\0\x15\0\0\0\0\0\x01"
        assert changed.getvalue().count(integer) == 1
        return changed.getvalue().replace(integer, integer[:11] + b"\x01" + integer[12:16] + b"xy")
    if name == "mp3":
        frame = b"TKEY\0\0\0\x03\0\x80abc"
        return b"ID3\3\0\0\0\0\0" + bytes([len(frame)]) + frame + data[data.index(b"\xff\xfb") :]
    comment = struct.pack("<I", 5) + b"BPM=\xff"
    block = struct.pack("<II", 0, 1) + comment
    return b"fLaC" + data[4:42] + b"\x04" + len(block).to_bytes(3, "big") + block + data[42:]


@pytest.mark.parametrize(
    ("name", "field", "entry"),
    [
        ("wma", "key", b"\1\2\3"),
        ("aac", "bpm", b"\0\0\0\x12data\0\0\0\x01\0\0\0\0xy"),
        ("mp3", "key", b"TKEY\0\0\0\x03\0\x80abc"),
        ("flac", "bpm", b"BPM=\xff"),
    ],
)
def test_what_was_no_text_is_restored_as_it_was_in_a_file_that_was_edited_since(
    collection: TagCollection, name: str, field: str, entry: bytes
) -> None:
    path = collection.put(f"{name}.x", without_text(name))
    assert entry in path.read_bytes()
    collection.plan(field)
    assert collection.apply().refused == {}
    assert entry not in path.read_bytes()
    path.write_bytes(path.read_bytes() + (bytes(8) if name != "aac" else b"\0\0\0\x08free"))
    assert collection.undo().refused == {}
    assert entry in path.read_bytes()


@pytest.mark.parametrize("before", ["?", "12.5", "-1", "70000"])
def test_a_former_text_that_can_not_be_written_is_refused_and_the_other_files_go_on(
    collection: TagCollection, before: str
) -> None:
    paths = [collection.put("aac.x"), collection.put("flac.x")]
    collection.plan("bpm")
    change = {"field": "bpm", "name": "tmpo", "before": [before], "after": ["128"]}  # of an earlier version
    collection.library.change(
        "UPDATE proposals SET changes = :changes WHERE file_id = 1", changes=json.dumps([change])
    )
    collection.apply()
    paths[0].write_bytes(paths[0].read_bytes() + b"\0\0\0\x08free")
    outcome = collection.undo()
    assert (outcome.written, list(outcome.refused.values())) == (
        1,
        ["former-text-unknown" if before == "?" else "text-form"],
    )


def test_a_text_may_be_longer_than_what_is_read_of_it(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.put("flac.x")
    collection.plan("bpm")
    monkeypatch.setattr(tagger, "_texts", lambda *_: {"BPM": ["1" * 100_000]})
    assert collection.apply().refused == {}


def test_a_tag_that_would_not_be_readable_is_not_written(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("mp3.x")
    before = path.read_bytes()
    collection.plan("bpm")
    monkeypatch.setattr(Mp3Tags, "splices", lambda *_: [Splice(0, b"ID3", b"ID3")])
    assert list(collection.apply().refused.values()) == ["tags-damaged"]
    assert (path.read_bytes(), left_over(collection)) == (before, [])


def test_a_spelling_is_chosen(collection: TagCollection) -> None:
    path = collection.put("mp3.x")
    collection.plan("bpm", "key", spelling=Spelling("decimal", "camelot"))
    collection.apply()
    tags = tags_of(path)
    assert (tags["TBPM"].text, tags["TKEY"].text) == (["127.96"], ["12A"])


def test_times_permissions_and_the_gain_of_the_header_of_opus_stay(collection: TagCollection) -> None:
    path = collection.put("opus.x", opus_with_gain(-700))
    head = path.read_bytes()[28:47]
    os.chmod(path, 0o640)
    os.utime(path, ns=(1, 10**18 + 7))
    collection.library.change("UPDATE files SET mtime_ns = :mtime", mtime=10**18 + 7)
    collection.plan("replaygain")
    assert collection.apply(keep_times=True).written == 1
    assert (path.stat().st_mtime_ns, path.stat().st_mode & 0o777) == (10**18 + 7, 0o640)
    assert path.read_bytes()[28:47] == head


def test_what_can_not_be_written_is_said_by_the_plan(collection: TagCollection) -> None:
    collection.put("1.x", b"RF64" + good("wav")[4:])
    linked = collection.put("flac.x")
    os.link(linked, collection.folder / "other")
    changed = collection.put("mp3.x")
    changed.write_bytes(changed.read_bytes() + b"x")
    gone = collection.put("wma.x")
    gone.unlink()
    plan = collection.plan()
    codes = [each.code for row in collection.batch(plan.batch) for each in row.conflicts]
    assert sorted(codes) == ["changed-since", "hard-linked", "large-wave", "source-gone"]
    collection.approve()
    assert collection.statuses() == {"pending": 4}


def test_a_file_that_changes_after_the_plan_is_refused(collection: TagCollection) -> None:
    path = collection.put("flac.x")
    collection.plan()
    path.write_bytes(path.read_bytes() + b"x")
    before = path.read_bytes()
    assert list(collection.apply().refused.values()) == ["changed-since"]
    assert path.read_bytes() == before
    assert isinstance(collection.events[0], TagsRefused)
    assert collection.statuses() == {"expired": 1}


def test_a_full_or_a_read_only_disk_costs_nothing(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("flac.x")
    before = path.read_bytes()
    collection.plan()
    for number, code in ((errno.ENOSPC, "disk-full"), (errno.EROFS, "read-only")):

        def failing(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patched:
            patched.setattr(rewriting, "keep_attributes", failing)
            assert list(collection.apply().refused.values()) == [code]
        assert (path.read_bytes(), left_over(collection)) == (before, [])
    assert collection.apply().written == 1


def test_another_sound_is_never_put_in_place(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("flac.x")
    before = path.read_bytes()
    collection.plan()
    monkeypatch.setattr(collection, "identify", lambda _: None)
    assert list(collection.apply().refused.values()) == ["audio-differs"]
    assert (path.read_bytes(), left_over(collection)) == (before, [])


class Killed(BaseException):
    """Stands for the end of the process."""


STEPS: dict[str, Callable[[pytest.MonkeyPatch, Callable[..., None]], None]] = {
    "copying": lambda patch, kill: patch.setattr(rewriting, "keep_attributes", kill),
    "before the exchange": lambda patch, kill: patch.setattr(rewriting.Rewriter, "put_in_place", kill),
    "after the exchange": lambda patch, kill: patch.setattr(Disk, "sync", kill),
    "before the removal": lambda patch, kill: patch.setattr(rewriting.Rewriter, "remove_old", kill),
    "before it is settled": lambda patch, kill: patch.setattr(tagger, "Completed", kill),
}


@pytest.mark.parametrize("is_undo", [False, True])
@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_kill_leaves_the_whole_old_or_the_whole_new_file(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch, step: str, is_undo: bool, can_exchange: bool
) -> None:
    path = collection.put("flac.x")
    old = path.read_bytes()
    collection.plan()

    def kill(*_: object) -> None:
        raise Killed

    def unsupported(*_: object) -> None:
        raise OSError(errno.EINVAL, "not known here")

    if not can_exchange:
        monkeypatch.setattr(rewriting, "exchange", unsupported)
    if is_undo:
        collection.apply()
    first = path.read_bytes()
    with monkeypatch.context() as patched:
        STEPS[step](patched, kill)
        with pytest.raises(Killed):
            collection.undo() if is_undo else collection.apply()
    is_done = step not in ("copying", "before the exchange")
    assert (path.read_bytes() == first) is not is_done
    recovered = collection.recover()
    assert (recovered.finished, recovered.taken_back, recovered.left) == (is_done, not is_done, [])
    assert left_over(collection) == []
    assert (path.read_bytes() == first) is not is_done
    assert collection.statuses() == {
        ("undone" if is_done else "applied") if is_undo else ("applied" if is_done else "approved"): 1
    }
    if not is_undo:
        collection.apply()
    if collection.statuses() == {"applied": 1}:
        collection.undo()
    assert path.read_bytes() == old


def test_what_another_program_wrote_at_the_last_moment_is_kept(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("flac.x")
    collection.plan()
    real = exchange

    def written_to(folder: int, one: bytes, other: bytes) -> None:
        monkeypatch.setattr(rewriting, "exchange", real)
        path.write_bytes(b"edited")
        real(folder, one, other)

    monkeypatch.setattr(rewriting, "exchange", written_to)
    assert list(collection.apply().refused.values()) == ["changed-since"]
    assert (path.read_bytes(), left_over(collection)) == (b"edited", [])


def test_a_copy_of_another_process_never_takes_the_place(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("flac.x")
    before = path.read_bytes()
    collection.plan()
    real = rewriting.Rewriter.put_in_place

    def copied_too(*given: Any) -> None:  # a second library, say, that writes tags of the same file
        part = Path(os.fsdecode(rewriting.aside(bytes(path))))
        part.unlink()
        part.write_bytes(b"the beginning")
        real(*given)

    monkeypatch.setattr(rewriting.Rewriter, "put_in_place", copied_too)
    assert list(collection.apply().refused.values()) == ["changed-since"]
    assert path.read_bytes() == before


def test_what_is_written_through_a_file_that_is_still_open_is_kept(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("flac.x")
    collection.plan()
    sync = Disk.sync
    with open(path, "ab") as opened:

        def written_to(disk: Disk) -> None:
            opened.write(b"edited")
            opened.flush()
            sync(disk)

        monkeypatch.setattr(Disk, "sync", written_to)
        assert list(collection.apply().refused.values()) == ["changed-since"]
    assert (path.read_bytes(), left_over(collection)) == (good("flac") + b"edited", [])


def test_nothing_is_left_beside_a_file_that_was_moved_after_a_kill(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("flac.x")
    collection.plan()

    def kill(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(rewriting.Rewriter, "remove_old", kill)
        with pytest.raises(Killed):
            collection.apply()
    path.rename(collection.folder / "moved.x")
    recovered = collection.recover()
    assert (recovered.finished, recovered.taken_back, recovered.left) == (0, 1, [])
    assert left_over(collection) == []
    assert path.read_bytes() == good("flac")


def test_a_file_whose_owner_or_group_a_copy_can_not_get_is_refused(
    collection: TagCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("flac.x")
    collection.plan()
    owners = iter([(1, 100), (1, 101)])
    monkeypatch.setattr(rewriting, "owner", lambda _: next(owners))
    assert list(collection.apply().refused.values()) == ["owner-differs"]
    assert (path.read_bytes(), left_over(collection)) == (good("flac"), [])


def test_a_flac_file_that_ends_in_its_blocks_is_said_to_be_damaged(collection: TagCollection) -> None:
    collection.put("flac.x", good("flac")[:42] + b"\x81\x00\x03\xe8abc")
    [proposal] = collection.batch(collection.plan("bpm").batch)
    assert [each.code for each in proposal.conflicts] == ["container-damaged"]
