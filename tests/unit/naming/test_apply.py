"""What `apply` and `undo` do on the disk, when all goes well and when it does not."""

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.naming.collection import Collection
from tonearm.events.renames import FileRenamed, RenameRefused, RenamingFinished
from tonearm.library.proposal import ProposalStatus, Selection
from tonearm.library.rename_journal import RenameJournal
from tonearm.library.roots import Place, Roots
from tonearm.naming import copying, disk, safe_rename
from tonearm.naming.copying import keep_attributes, part_of
from tonearm.naming.planner import Mode


def applied(
    collection: Collection, template: str, mode: Mode = Mode.AS_TEMPLATE, to: Place | None = None
) -> int:
    """Plan, approve and apply; returns the number of the batch."""
    plan = collection.plan(template, mode, to)
    collection.approve(plan.batch)
    assert collection.apply(plan.batch).refused == {}
    return plan.batch


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[bytes]:
    """A folder on another file system."""
    memory = "/dev/shm"  # noqa: S108  a folder of its own is made there
    if not os.path.isdir(memory) or os.stat(memory).st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("needs two file systems")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield os.fsencode(folder)


def test_results_and_history_move_along_and_the_graph_is_told(collection: Collection) -> None:
    collection.put("a.flac", title="b")
    applied(collection, "{title}")
    row = collection.library.file(b"b.flac")
    assert row["graph_due_at"] is not None
    assert (row["state"], row["missing_since"]) == ("done", None)
    assert collection.library.history(row["id"]) == ["moved"]
    assert [type(event).__name__ for event in collection.events] == [
        "RenamingStarted",
        "FileRenamed",
        "RenamingFinished",
    ]


def test_what_belongs_to_a_track_or_an_album_goes_along_and_comes_back(collection: Collection) -> None:
    collection.put("in/1.flac", title="one", album="disc")
    collection.put("in/2.flac", title="two", album="disc")
    for name in ("1.lrc", "1.en.lrc", "cover.jpg", "disc.cue", "rip.log"):
        collection.write(f"in/{name}", name.encode())
    before = collection.on_disk()
    batch = applied(collection, "{album}/{title}")
    assert set(collection.on_disk()) == {
        b"disc/one.flac",
        b"disc/two.flac",
        b"disc/one.lrc",
        b"disc/one.en.lrc",
        b"disc/cover.jpg",
        b"disc/disc.cue",
        b"disc/rip.log",
    }
    assert collection.folders() == {b"disc"}
    assert collection.undo(batch).refused == {}
    assert collection.on_disk() == before
    assert collection.folders() == {b"in"}


@pytest.mark.parametrize("extensions", [("flac",), (".FLAC",)])
def test_what_belongs_to_an_album_waits_for_the_last_of_its_tracks(
    collection: Collection, extensions: tuple[str, ...]
) -> None:
    collection.extensions = extensions
    collection.put("in/1.flac", title="one", album="disc")
    collection.put("in/2.flac", title="two", album="disc")
    collection.write("in/cover.jpg", b"cover")
    plan = collection.plan("{album}/{title}")
    rows = collection.batch(plan.batch)
    collection.proposals.decide(Selection(batch=plan.batch), ProposalStatus.APPROVED)
    collection.proposals.decide(Selection(ids=(rows[b"in/2.flac"].id,)), ProposalStatus.REJECTED)
    assert collection.apply().refused == {rows[b"in/cover.jpg"].id: "tracks-stay"}
    assert set(collection.on_disk()) == {b"disc/one.flac", b"in/2.flac", b"in/cover.jpg"}
    collection.proposals.decide(Selection(ids=(rows[b"in/2.flac"].id,)), ProposalStatus.APPROVED)
    assert collection.apply().refused == {}
    assert collection.folders() == {b"disc"}


def test_a_name_that_another_program_takes_meanwhile_is_not_overwritten(collection: Collection) -> None:
    collection.put("a.flac", title="b")
    collection.write("a.lrc", b"lyrics")
    plan = collection.plan("{title}")
    collection.approve(plan.batch)
    collection.write("b.flac", b"of another program")
    rows = collection.batch(plan.batch)
    before = collection.on_disk()
    assert collection.apply().refused == {
        rows[b"a.flac"].id: "destination-exists",
        rows[b"a.lrc"].id: "track-stays",
    }
    assert collection.on_disk() == before
    refused = [event for event in collection.events if isinstance(event, RenameRefused)]
    assert refused[0].at.endswith(b"b.flac")
    assert collection.statuses(plan.batch) == {ProposalStatus.APPROVED: 2}
    assert collection.journal.open_groups() == []


def test_half_a_cycle_is_taken_back(collection: Collection) -> None:
    collection.put("x/a.flac", title="b", album="y")
    collection.put("y/b.flac", title="a", album="x")
    plan = collection.plan("{album}/{title}")
    collection.approve(plan.batch)
    before = collection.on_disk()
    rows = collection.batch(plan.batch)
    os.unlink(os.path.join(bytes(collection.folder), b"y/b.flac"))
    collection.write("y/b.flac", b"another file of another length")
    assert set(collection.apply().refused.values()) == {"changed-since"}
    assert collection.on_disk()[b"x/a.flac"] == before[b"x/a.flac"]
    assert {row.id for row in rows.values()} == {1, 2}


def test_a_file_that_changed_since_the_plan_expires(collection: Collection) -> None:
    collection.put("a.flac", title="b")
    plan = collection.plan("{title}")
    collection.approve(plan.batch)
    collection.write("a.flac", b"edited")
    assert list(collection.apply().refused.values()) == ["changed-since"]
    assert collection.statuses(plan.batch) == {ProposalStatus.EXPIRED: 1}


def test_a_later_plan_replaces_an_earlier_one(collection: Collection) -> None:
    collection.put("a.flac", title="b", artist="c")
    first = collection.plan("{title}").batch
    collection.approve(first)
    second = collection.plan("{artist}").batch
    assert collection.statuses(first) == {ProposalStatus.EXPIRED: 1}
    assert collection.statuses(second) == {ProposalStatus.PENDING: 1}


def test_a_stop_leaves_the_rest_approved(collection: Collection) -> None:
    for number in range(6):
        collection.put(f"{number}.flac", title=f"new {number}")
    collection.remember()
    plan = collection.plan("{title}")
    collection.approve(plan.batch)
    collection.stop_after = 4
    assert collection.apply().interrupted
    assert collection.in_library() == collection.on_disk()
    statuses = collection.statuses(plan.batch)
    assert set(statuses) == {ProposalStatus.APPLIED, ProposalStatus.APPROVED}
    assert [each.interrupted for each in collection.events if isinstance(each, RenamingFinished)] == [True]
    collection.stop_after = 10**9
    assert not collection.apply().interrupted
    assert collection.in_library() == collection.on_disk()
    assert collection.statuses(plan.batch) == {ProposalStatus.APPLIED: 6}


def test_undo_goes_back_after_an_edit_and_after_another_renaming(collection: Collection) -> None:
    collection.put("a.flac", title="b", artist="c")
    first = applied(collection, "{title}")
    applied(collection, "{artist}")
    collection.write("c.flac", b"edited since")
    assert collection.undo(first).refused == {}
    assert collection.on_disk() == {b"a.flac": b"edited since"}
    assert collection.library.file(b"a.flac")["state"] == "done"
    assert collection.proposals.count(Selection()) == {ProposalStatus.UNDONE: 2}


def test_undo_says_where_it_can_not(collection: Collection) -> None:
    collection.put("a.flac", title="b")
    collection.put("c.flac", title="d")
    batch = applied(collection, "{title}")
    collection.write("a.flac", b"of another program")
    outcome = collection.undo(batch)
    assert (outcome.renamed, list(outcome.refused.values())) == (1, ["destination-exists"])
    assert set(collection.on_disk()) == {b"a.flac", b"b.flac", b"c.flac"}


def test_a_file_goes_to_another_disk_and_back(collection: Collection, other_disk: bytes) -> None:
    collection.put("in/a.flac", title="b")
    collection.write("in/a.lrc", b"lyrics")
    source = os.path.join(bytes(collection.folder), b"in/a.flac")
    os.utime(source, ns=(1, 1_000_000_001))
    collection.library.change("UPDATE files SET mtime_ns = 1000000001")
    before = collection.on_disk()
    place = Roots(collection.library.database).ensure(other_disk)
    plan = collection.plan("new/{title}", Mode.MOVE, place)
    collection.approve(plan.batch)
    assert collection.apply().refused == {}
    assert collection.on_disk() == {}
    assert sorted(os.listdir(os.path.join(other_disk, b"new"))) == [b"b.flac", b"b.lrc"]
    there = os.stat(os.path.join(other_disk, b"new/b.flac"))
    row = collection.library.file(b"new/b.flac")
    assert (row["root_id"], row["inode"], row["mtime_ns"]) == (place.root, there.st_ino, 1_000_000_001)
    assert collection.undo(plan.batch).refused == {}
    assert collection.on_disk() == before
    assert os.listdir(other_disk) == []


def test_nothing_is_put_below_a_mount_point_whose_disk_is_gone(collection: Collection) -> None:
    collection.put("a.flac", title="b", album="disk")
    before = collection.on_disk()
    planned = 'UPDATE proposals SET warnings = \'[{"code": "other-file-system", "detail": ""}]\''
    batch = collection.plan("{album}/{title}").batch
    collection.library.change(planned)
    collection.approve(batch)
    assert list(collection.apply().refused.values()) == ["not-mounted"]
    assert collection.on_disk() == before
    batch = applied(collection, "{album}/{title}")
    before = collection.on_disk()
    collection.library.change(planned)
    assert list(collection.undo(batch).refused.values()) == ["not-mounted"]
    assert collection.on_disk() == before


def test_what_another_process_does_to_a_copy_or_its_source_costs_nothing(
    collection: Collection, other_disk: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = collection.put("a.flac", title="b")
    content = collection.on_disk()
    batch = collection.plan("{title}", Mode.MOVE, Roots(collection.library.database).ensure(other_disk)).batch
    collection.approve(batch)
    target, part = os.path.join(other_disk, b"b.flac"), os.path.join(other_disk, part_of(b"b.flac"))
    real = copying.keep_attributes

    def copied_too(*given: Any) -> None:  # a second library, say, that begins the same copy
        real(*given)
        os.unlink(part)
        Path(os.fsdecode(part)).write_bytes(b"the beginning")

    with monkeypatch.context() as patched:
        patched.setattr(copying, "keep_attributes", copied_too)
        assert list(collection.apply().refused.values()) == ["destination-exists"]
    assert collection.on_disk() == content
    check = disk.Disk.check_same

    def piped(*given: Any, **named: Any) -> Any:
        found = check(*given, **named)
        os.rename(path, path + b".kept")
        os.mkfifo(path)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(disk.Disk, "check_same", piped)
        assert list(collection.apply().refused.values()) == ["source-gone"]
    os.rename(path + b".kept", path)
    assert collection.on_disk() == content
    intend = RenameJournal.intend

    def killed(*given: Any) -> None:
        intend(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(RenameJournal, "intend", killed)
        with pytest.raises(KeyboardInterrupt):
            collection.apply()
    os.unlink(path)
    Path(os.fsdecode(target)).write_bytes(b"another file")
    assert (collection.recover().taken_back, collection.library.file(b"a.flac")["size"]) == (
        1,
        len(content[b"a.flac"]),
    )


def test_a_file_that_takes_the_place_of_one_between_link_and_removal_stays(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe_rename, "_call", lambda: (None, 0))
    first = Path(os.fsdecode(collection.put("e.flac", title="f")))
    link = os.link

    def replaced(*given: Any, **named: Any) -> None:
        link(*given, **named)
        first.unlink()
        first.write_bytes(b"written by another program")

    collection.approve(collection.plan("{title}").batch)
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", replaced)
        assert list(collection.apply().refused.values()) == ["changed-since"]
    assert collection.on_disk() == {b"e.flac": b"written by another program"}


def test_files_are_renamed_by_links_where_the_call_is_unknown(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe_rename, "_call", lambda: (None, 0))
    for path, title in (("a", "b"), ("b", "a"), ("c", "d")):
        collection.put(f"{path}.flac", title=title)
    collection.remember()
    batch = applied(collection, "{title}")
    assert collection.in_library() == collection.on_disk()
    assert collection.undo(batch).refused == {}
    assert set(collection.on_disk()) == {b"a.flac", b"b.flac", b"c.flac"}


def test_a_hard_link_stays_where_it_is(collection: Collection) -> None:
    source = collection.put("a.flac", title="b")
    os.link(source, os.path.join(bytes(collection.folder), b"other name"))
    batch = applied(collection, "{title}")
    assert set(collection.on_disk()) == {b"b.flac", b"other name"}
    [row] = collection.batch(batch).values()
    assert [each["code"] for each in row.warnings] == ["hard-linked"]


def test_a_link_in_the_path_is_not_followed(collection: Collection, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    collection.put("a.flac", title="b", album="link")
    (collection.folder / "link").symlink_to(tmp_path / "elsewhere")
    [row] = collection.batch(collection.plan("{album}/{title}").batch).values()
    assert [each.code for each in row.conflicts] == ["parent-not-folder"]


def test_names_of_any_bytes_survive(collection: Collection) -> None:
    collection.put(b"\xff\n \xc3(.flac", artist="x")
    batch = applied(collection, "{artist} {name}")
    assert set(collection.on_disk()) == {b"x \xff  \xc3(.flac"}
    assert isinstance(collection.events[1], FileRenamed)
    collection.undo(batch)
    assert set(collection.on_disk()) == {b"\xff\n \xc3(.flac"}


def test_a_file_that_only_a_copy_brings_to_another_mount_of_its_disk_is_copied(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        collection.put(f"in/{name}.flac", title=name, album="disc")
    rename = safe_rename.rename_no_replace

    def apart(here: int, old: bytes, there: int, new: bytes) -> None:
        if here != there:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        rename(here, old, there, new)

    monkeypatch.setattr(disk, "rename_no_replace", apart)
    before = collection.on_disk()
    batch = applied(collection, "{album}/{title}")
    assert set(collection.on_disk()) == {b"disc/a.flac", b"disc/b.flac"}
    assert collection.undo(batch).refused == {}
    assert collection.on_disk() == before


def test_a_symbolic_link_is_said_to_be_one(collection: Collection) -> None:
    path = collection.put("a.flac", title="b")
    collection.write("elsewhere", b"x")
    os.unlink(path)
    os.symlink(b"elsewhere", path)
    [proposal] = collection.batch(collection.plan("{title}").batch).values()
    assert [each.code for each in proposal.conflicts] == ["symbolic-link"]


def test_the_group_of_a_file_is_kept_by_whom_its_owner_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def fchown(_: int, owner: int, group: int) -> None:
        given.append((owner, group))
        if owner != -1:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "fchown", fchown)
    with open(tmp_path / "one", "wb") as one, open(tmp_path / "other", "wb") as other:
        status = os.fstat(one.fileno())
        keep_attributes(one.fileno(), other.fileno(), status)
    assert given == [(status.st_uid, status.st_gid), (-1, status.st_gid)]
