"""What changes in a folder is due to be scanned once it is quiet; what can't be seen is scanned now and then."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tonearm.scan import inotify
from tonearm.scan.inotify import Notice
from tonearm.scan.patterns import Patterns
from tonearm.scan.watch import LONGEST_S, MANY, QUIET_S, Watch, outermost_paths
from tonearm.scan.watched_folders import NotWatched, WatchedFolders

linux = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
PATTERNS = Patterns((), ("@eaDir",), ("flac", "mp3"))
NAME = b"caf\xe9.flac"


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "1.flac").write_bytes(b"1")
    return os.fsencode(tmp_path)


@pytest.fixture
def folders(root: bytes) -> Iterator[WatchedFolders]:
    watched = WatchedFolders(PATTERNS, 1000)
    watched.watch(root)
    yield watched
    watched.close()


def write(path: bytes) -> bytes:
    with open(path, "wb") as file:
        file.write(b"x")
    return path


@linux
def test_files_that_are_written_renamed_and_removed_are_seen(folders: WatchedFolders, root: bytes) -> None:
    new = write(root + b"/" + NAME)
    assert folders.changed() == {new}
    os.rename(new, root + b"/album/2.flac")
    assert folders.changed() == {root, root + b"/album/2.flac"}
    os.remove(root + b"/album/2.flac")
    assert folders.changed() == {root + b"/album"}
    write(root + b"/album/.nomedia")
    assert folders.changed() == {root + b"/album"}


@linux
def test_a_file_is_seen_when_it_is_whole_and_other_kinds_are_not(
    folders: WatchedFolders, root: bytes
) -> None:
    with open(root + b"/growing.mp3", "wb") as file:
        file.write(b"x")
        assert folders.changed() == set()
    assert folders.changed() == {root + b"/growing.mp3"}
    write(root + b"/cover.jpg")
    assert folders.changed() == set()
    os.link(root + b"/growing.mp3", root + b"/other.mp3")
    assert root + b"/other.mp3" in folders.changed()


@linux
def test_new_and_moved_folders_are_watched_too(folders: WatchedFolders, root: bytes) -> None:
    os.makedirs(root + b"/new/deep")
    assert root + b"/new" in folders.changed()
    inside = write(root + b"/new/deep/3.flac")
    assert folders.changed() == {inside}
    os.rename(root + b"/new", root + b"/album/new")
    folders.changed()
    inside = write(root + b"/album/new/deep/4.flac")
    assert folders.changed() == {inside}


@linux
def test_excluded_folders_are_not_watched(folders: WatchedFolders, root: bytes) -> None:
    os.mkdir(root + b"/@eaDir")
    folders.changed()
    os.mkdir(root + b"/album/@eaDir")
    watched = WatchedFolders(PATTERNS, 2)  # the root and the album
    watched.watch(root)
    watched.close()


@linux
def test_where_notices_were_lost_every_root_is_read_again(
    folders: WatchedFolders, root: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inotify.Inotify, "read", lambda _: [Notice(-1, inotify.OVERFLOW, b"")])
    assert folders.changed() == {root}


@linux
def test_no_more_folders_are_watched_than_a_person_allows(root: bytes) -> None:
    watched = WatchedFolders(PATTERNS, 1)
    with pytest.raises(NotWatched, match="watch_folders"):
        watched.watch(root)
    write(root + b"/1.mp3")
    assert watched.changed() == set()
    watched.close()


@linux
def test_changes_are_due_once_it_is_quiet_or_after_a_while(root: bytes) -> None:
    clock = Clock()
    watch = Watch(PATTERNS, 1000, 3600.0, clock)
    assert watch.follow([root]) == {}
    assert watch.due() == []
    first = write(root + b"/1.mp3")
    assert watch.due() == []
    clock.now = QUIET_S
    assert watch.due() == [first]
    assert watch.due() == []
    for _ in range(int(LONGEST_S)):
        write(first)
        assert watch.due() == []
        clock.now += 1.0
    write(first)
    assert watch.due() == [first]
    watch.close()


@linux
def test_many_files_of_a_folder_are_one_scan_and_what_is_gone_is_the_folder_above(root: bytes) -> None:
    clock = Clock()
    watch = Watch(PATTERNS, 1000, 3600.0, clock)
    watch.follow([root])
    for number in range(MANY + 1):
        write(root + b"/album/%d.mp3" % number)
    watch.due()
    clock.now = QUIET_S
    assert watch.due() == [root + b"/album"]
    gone = write(root + b"/gone.mp3")
    watch.due()
    os.remove(gone)
    clock.now += 2 * QUIET_S
    watch.due()
    clock.now += QUIET_S
    assert watch.due() == [root]
    watch.close()


def test_a_root_that_is_not_watched_is_scanned_now_and_then() -> None:
    clock = Clock()
    watch = Watch(PATTERNS, 0, 60.0, clock)
    assert watch.follow([b"/music"]) == {b"/music": "the setting watch_folders is 0"}
    assert watch.due() == []
    clock.now = 60.0
    assert watch.due() == [b"/music"]
    assert watch.due() == []


def test_paths_inside_others_are_left_out() -> None:
    paths = [b"/a/b", b"/a!", b"/a", b"/c/d.mp3", b"/a/b/c", b"/c/d.mp3x"]
    assert outermost_paths(paths) == [b"/a!", b"/a", b"/c/d.mp3", b"/c/d.mp3x"]
