"""A person relies on: a file is called gone only where its folder can be seen; what is not mounted is left alone."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.shelf import Library
from tonearm.jobs.job import UnmountedPlace
from tonearm.names import PathMap
from tonearm.worker import mount_guard as guard_module
from tonearm.worker.mount_guard import SAMPLES, MountGuard


class Shelf:
    """A folder with files, and what the library knows of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = os.fsencode(folder)
        self.known: list[bytes] = []
        self.asked: list[tuple[int, int]] = []
        folder.mkdir()

    def put(self, *names: bytes) -> None:
        for name in names:
            place = os.path.join(self.path, name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb"):
                self.known.append(name)

    def samples(self, root: int, limit: int) -> Sequence[bytes]:
        self.asked.append((root, limit))
        return self.known[:limit]

    def mount_guard(self, *pairs: str) -> MountGuard:
        return MountGuard(PathMap(pairs), self.samples)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "music")


def test_at_first_everything_is_taken_to_be_there(shelf: Shelf) -> None:
    mount_guard = shelf.mount_guard()
    assert mount_guard.unmounted_places() == frozenset()
    assert mount_guard.unmounted_paths() == []


def test_a_file_is_gone_when_another_of_its_folder_is_there(shelf: Shelf) -> None:
    shelf.put(b"gone.flac", b"K\xf6ln.flac")
    (shelf.folder / "gone.flac").unlink()
    mount_guard = shelf.mount_guard()
    assert mount_guard.is_mounted(7, shelf.path, b"gone.flac")
    assert shelf.asked == [(7, SAMPLES)]
    assert mount_guard.unmounted_places() == frozenset()


@pytest.mark.parametrize("how", ["no folder", "an empty folder", "a folder with something else in it"])
def test_a_root_of_which_nothing_known_is_there_is_not_mounted(shelf: Shelf, how: str) -> None:
    shelf.put(b"a/1.flac", b"b/2.flac", b"3.flac")
    shutil.rmtree(shelf.folder)
    if how != "no folder":
        shelf.folder.mkdir()
    if how.startswith("a folder"):
        (shelf.folder / "THIS DISK IS NOT MOUNTED").touch()
    mount_guard = shelf.mount_guard()
    assert not mount_guard.is_mounted(7, shelf.path, b"a/1.flac")
    assert mount_guard.unmounted_places() == {UnmountedPlace(7)}
    assert mount_guard.unmounted_paths() == [shelf.path]


def test_the_missed_file_itself_is_no_sign_of_its_folder(shelf: Shelf) -> None:
    """It may have come back a moment ago; what is asked for is something else beside it."""
    shelf.put(b"1.flac")
    shelf.known.append(b"2.flac")
    assert not shelf.mount_guard().is_mounted(7, shelf.path, b"1.flac")


def test_a_deleted_album_does_not_make_its_collection_look_unmounted(shelf: Shelf) -> None:
    shelf.put(*(b"Miles/Blue/%02d.flac" % number for number in range(SAMPLES + 5)), b"Miles/Bags/1.flac")
    shutil.rmtree(shelf.folder / "Miles" / "Blue")
    mount_guard = shelf.mount_guard()
    for number in range(SAMPLES + 5):
        assert mount_guard.is_mounted(7, shelf.path, b"Miles/Blue/%02d.flac" % number)


def test_the_only_known_file_is_gone_when_its_folder_holds_anything_else(shelf: Shelf) -> None:
    shelf.put(b"1.flac")
    (shelf.folder / "1.flac").rename(shelf.folder / "renamed.flac")
    mount_guard = shelf.mount_guard()
    assert mount_guard.is_mounted(7, shelf.path, b"1.flac")
    (shelf.folder / "renamed.flac").unlink()
    assert not mount_guard.is_mounted(7, shelf.path, b"1.flac")


def test_a_file_below_a_folder_that_may_not_be_read_is_not_called_gone(shelf: Shelf) -> None:
    shelf.put(b"1.flac")
    (shelf.folder / "1.flac").unlink()
    (shelf.folder / "else").touch()
    if os.geteuid() == 0:
        pytest.skip("root reads every folder")
    shelf.folder.chmod(0)
    try:
        assert not shelf.mount_guard().is_mounted(7, shelf.path, b"1.flac")
    finally:
        shelf.folder.chmod(0o700)


def test_a_link_that_leads_nowhere_is_something_that_is_there(shelf: Shelf) -> None:
    shelf.put(b"1.flac")
    (shelf.folder / "2.flac").symlink_to("nowhere")
    shelf.known.append(b"2.flac")
    assert shelf.mount_guard().is_mounted(7, shelf.path, b"1.flac")


def test_a_root_that_was_not_mounted_is_looked_at_again_after_a_while(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "RECHECK_S", 0.0)
    shelf.put(b"1.flac", b"2.flac")
    shutil.rmtree(shelf.folder)
    mount_guard = shelf.mount_guard()
    assert not mount_guard.is_mounted(7, shelf.path, b"1.flac")
    assert mount_guard.unmounted_places() == frozenset()
    assert mount_guard.unmounted_paths() == []
    shelf.folder.mkdir()
    shelf.put(b"2.flac")
    assert mount_guard.is_mounted(7, shelf.path, b"1.flac")


def test_several_roots_are_kept_apart(shelf: Shelf, tmp_path: Path) -> None:
    shelf.put(b"1.flac", b"2.flac")
    mount_guard = shelf.mount_guard()
    assert mount_guard.is_mounted(1, shelf.path, b"1.flac")
    assert not mount_guard.is_mounted(2, os.fsencode(tmp_path / "usb"), b"1.flac")
    assert not mount_guard.is_mounted(3, os.fsencode(tmp_path / "nas"), b"1.flac")
    assert mount_guard.unmounted_places() == {UnmountedPlace(2), UnmountedPlace(3)}
    assert sorted(mount_guard.unmounted_paths()) == [
        os.fsencode(tmp_path / "nas"),
        os.fsencode(tmp_path / "usb"),
    ]


def test_it_looks_where_this_host_has_mounted_what_the_library_knows(shelf: Shelf) -> None:
    shelf.put(b"1.flac", b"2.flac")
    (shelf.folder / "1.flac").unlink()
    mount_guard = shelf.mount_guard(f"/elsewhere/music={shelf.folder}")
    assert mount_guard.local_path(b"/elsewhere/music/2.flac") == shelf.path + b"/2.flac"
    assert mount_guard.is_mounted(7, b"/elsewhere/music", b"1.flac")
    shutil.rmtree(shelf.folder)
    assert not mount_guard.is_mounted(7, b"/elsewhere/music", b"1.flac")
    assert mount_guard.unmounted_paths() == [shelf.path]


def test_what_lay_on_a_disk_that_is_no_longer_mounted_is_not_gone(shelf: Shelf) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "none", shelf.folder], capture_output=True)
    if mount.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        shelf.put(b"a/1.flac", b"a/2.flac")
        mount_guard = shelf.mount_guard()
        os.unlink(shelf.path + b"/a/1.flac")
        assert mount_guard.is_mounted(7, shelf.path, b"a/1.flac")
    finally:
        subprocess.run(["umount", shelf.folder], check=True)
    assert not mount_guard.is_mounted(7, shelf.path, b"a/1.flac")


def test_the_library_names_files_that_were_there_when_it_last_looked(library: Library) -> None:
    run = library.run()
    names = [b"%03d" % number for number in range(50)]
    library.meet(run, *names)
    library.meet(run, b"other", root=b"/other")
    library.files.mark_missing([library.file(b"000")["id"], library.file(b"049")["id"]])
    samples = library.job_store.samples(library.root(), 20)
    assert set(samples) == {*names[1:11], *names[39:49]}
    assert library.job_store.samples(library.root(b"/other"), 20) == [b"other"]
    assert library.job_store.samples(99, 20) == []


def test_a_file_below_a_mount_that_is_missing_here_is_not_gone(shelf: Shelf) -> None:
    shelf.put(b"a/1.flac", b"nas/b/2.flac")
    shutil.rmtree(shelf.folder / "nas")
    (shelf.folder / "nas").mkdir()
    mount_guard = MountGuard(PathMap(()), shelf.samples, lambda root: (b"nas",) if root == 7 else ())
    assert not mount_guard.is_mounted(7, shelf.path, b"nas/b/2.flac")
    assert mount_guard.is_mounted(7, shelf.path, b"a/gone.flac"), "the rest of the root is there"
    assert mount_guard.unmounted_places() == {UnmountedPlace(7, b"nas")}
    assert mount_guard.covers(7, b"nas/b/2.flac")
    assert not mount_guard.covers(7, b"nasal.flac")
    assert not mount_guard.covers(8, b"nas/b/2.flac")
    (shelf.folder / "nas" / "other").mkdir()
    assert mount_guard.is_mounted(7, shelf.path, b"nas/b/2.flac"), "it is mounted, and the file is not in it"
