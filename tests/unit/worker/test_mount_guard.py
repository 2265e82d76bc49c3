"""A file counts as deleted only if its folder is mounted; files of unmounted folders are left alone."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.library_fixture import Library
from tonearm.jobs.job import UnmountedPlace
from tonearm.names import PathMap
from tonearm.worker import mount_guard as guard_module
from tonearm.worker.mount_guard import SAMPLES, MountGuard
from tonearm.worker.opener_process import mounted


def is_mounted(guard: MountGuard, root_id: int, root: bytes, missing: bytes) -> bool:
    """What a guard concludes from an opener's answer."""
    return guard.is_mounted(root_id, root, missing, mounted(guard.question(root_id, root, missing)))


class KnownFolder:
    """A folder with files, and what the library knows of it."""

    def __init__(self, folder: Path) -> None:
        self.place = folder
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
def folder(tmp_path: Path) -> KnownFolder:
    return KnownFolder(tmp_path / "music")


def test_at_first_everything_is_taken_to_be_there(folder: KnownFolder) -> None:
    mount_guard = folder.mount_guard()
    assert mount_guard.unmounted_places() == frozenset()
    assert mount_guard.unmounted_paths() == []


def test_a_file_is_gone_when_another_of_its_folder_is_there(folder: KnownFolder) -> None:
    folder.put(b"gone.flac", b"K\xf6ln.flac")
    (folder.place / "gone.flac").unlink()
    mount_guard = folder.mount_guard()
    assert is_mounted(mount_guard, 7, folder.path, b"gone.flac")
    assert folder.asked == [(7, SAMPLES)]
    assert mount_guard.unmounted_places() == frozenset()


@pytest.mark.parametrize("how", ["no folder", "an empty folder", "a folder with something else in it"])
def test_a_root_of_which_nothing_known_is_there_is_not_mounted(folder: KnownFolder, how: str) -> None:
    folder.put(b"a/1.flac", b"b/2.flac", b"3.flac")
    shutil.rmtree(folder.place)
    if how != "no folder":
        folder.place.mkdir()
    if how.startswith("a folder"):
        (folder.place / "THIS DISK IS NOT MOUNTED").touch()
    mount_guard = folder.mount_guard()
    assert not is_mounted(mount_guard, 7, folder.path, b"a/1.flac")
    assert mount_guard.unmounted_places() == {UnmountedPlace(7)}
    assert mount_guard.unmounted_paths() == [folder.path]


def test_the_missed_file_itself_is_no_sign_of_its_folder(folder: KnownFolder) -> None:
    """It may have come back a moment ago; what is asked for is something else beside it."""
    folder.put(b"1.flac")
    folder.known.append(b"2.flac")
    assert not is_mounted(folder.mount_guard(), 7, folder.path, b"1.flac")


def test_a_deleted_album_does_not_make_its_collection_look_unmounted(folder: KnownFolder) -> None:
    folder.put(*(b"Miles/Blue/%02d.flac" % number for number in range(SAMPLES + 5)), b"Miles/Bags/1.flac")
    shutil.rmtree(folder.place / "Miles" / "Blue")
    mount_guard = folder.mount_guard()
    for number in range(SAMPLES + 5):
        assert is_mounted(mount_guard, 7, folder.path, b"Miles/Blue/%02d.flac" % number)


def test_the_only_known_file_is_gone_when_its_folder_holds_anything_else(folder: KnownFolder) -> None:
    folder.put(b"1.flac")
    (folder.place / "1.flac").rename(folder.place / "renamed.flac")
    mount_guard = folder.mount_guard()
    assert is_mounted(mount_guard, 7, folder.path, b"1.flac")
    (folder.place / "renamed.flac").unlink()
    assert not is_mounted(mount_guard, 7, folder.path, b"1.flac")


def test_a_file_below_a_folder_that_may_not_be_read_is_not_called_gone(folder: KnownFolder) -> None:
    folder.put(b"1.flac")
    (folder.place / "1.flac").unlink()
    (folder.place / "else").touch()
    if os.geteuid() == 0:
        pytest.skip("root reads every folder")
    folder.place.chmod(0)
    try:
        assert not is_mounted(folder.mount_guard(), 7, folder.path, b"1.flac")
    finally:
        folder.place.chmod(0o700)


def test_a_link_that_leads_nowhere_is_something_that_is_there(folder: KnownFolder) -> None:
    folder.put(b"1.flac")
    (folder.place / "2.flac").symlink_to("nowhere")
    folder.known.append(b"2.flac")
    assert is_mounted(folder.mount_guard(), 7, folder.path, b"1.flac")


def test_a_root_that_was_not_mounted_is_looked_at_again_after_a_while(
    folder: KnownFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "RECHECK_S", 0.0)
    folder.put(b"1.flac", b"2.flac")
    shutil.rmtree(folder.place)
    mount_guard = folder.mount_guard()
    assert not is_mounted(mount_guard, 7, folder.path, b"1.flac")
    assert mount_guard.unmounted_places() == frozenset()
    assert mount_guard.unmounted_paths() == []
    folder.place.mkdir()
    folder.put(b"2.flac")
    assert is_mounted(mount_guard, 7, folder.path, b"1.flac")


def test_several_roots_are_kept_apart(folder: KnownFolder, tmp_path: Path) -> None:
    folder.put(b"1.flac", b"2.flac")
    mount_guard = folder.mount_guard()
    assert is_mounted(mount_guard, 1, folder.path, b"1.flac")
    assert not is_mounted(mount_guard, 2, os.fsencode(tmp_path / "usb"), b"1.flac")
    assert not is_mounted(mount_guard, 3, os.fsencode(tmp_path / "nas"), b"1.flac")
    assert mount_guard.unmounted_places() == {UnmountedPlace(2), UnmountedPlace(3)}
    assert sorted(mount_guard.unmounted_paths()) == [
        os.fsencode(tmp_path / "nas"),
        os.fsencode(tmp_path / "usb"),
    ]


def test_it_looks_where_this_host_has_mounted_what_the_library_knows(folder: KnownFolder) -> None:
    folder.put(b"1.flac", b"2.flac")
    (folder.place / "1.flac").unlink()
    mount_guard = folder.mount_guard(f"/elsewhere/music={folder.place}")
    assert mount_guard.local_path(b"/elsewhere/music/2.flac") == folder.path + b"/2.flac"
    assert is_mounted(mount_guard, 7, b"/elsewhere/music", b"1.flac")
    shutil.rmtree(folder.place)
    assert not is_mounted(mount_guard, 7, b"/elsewhere/music", b"1.flac")
    assert mount_guard.unmounted_paths() == [folder.path]


def test_what_lay_on_a_disk_that_is_no_longer_mounted_is_not_gone(folder: KnownFolder) -> None:
    mount = subprocess.run(["mount", "-t", "tmpfs", "none", folder.place], capture_output=True)
    if mount.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        folder.put(b"a/1.flac", b"a/2.flac")
        mount_guard = folder.mount_guard()
        os.unlink(folder.path + b"/a/1.flac")
        assert is_mounted(mount_guard, 7, folder.path, b"a/1.flac")
    finally:
        subprocess.run(["umount", folder.place], check=True)
    assert not is_mounted(mount_guard, 7, folder.path, b"a/1.flac")


def test_the_library_names_files_that_were_there_when_it_last_looked(library: Library) -> None:
    run = library.run()
    names = [b"%03d" % number for number in range(50)]
    library.meet(run, *names)
    library.meet(run, b"other", root=b"/other")
    library.files.mark_missing([library.file(b"000")["id"], library.file(b"049")["id"]])
    samples = library.job_store.sample_paths(library.root(), 20)
    assert set(samples) == {*names[1:11], *names[39:49]}
    assert library.job_store.sample_paths(library.root(b"/other"), 20) == [b"other"]
    assert library.job_store.sample_paths(99, 20) == []


def test_a_file_below_a_mount_that_is_missing_here_is_not_gone(folder: KnownFolder) -> None:
    folder.put(b"a/1.flac", b"nas/b/2.flac")
    shutil.rmtree(folder.place / "nas")
    (folder.place / "nas").mkdir()
    mount_guard = MountGuard(PathMap(()), folder.samples, lambda root: (b"nas",) if root == 7 else ())
    assert not is_mounted(mount_guard, 7, folder.path, b"nas/b/2.flac")
    assert is_mounted(mount_guard, 7, folder.path, b"a/gone.flac"), "the rest of the root is there"
    assert mount_guard.unmounted_places() == {UnmountedPlace(7, b"nas")}
    assert mount_guard.covers(7, b"nas/b/2.flac")
    assert not mount_guard.covers(7, b"nasal.flac")
    assert not mount_guard.covers(8, b"nas/b/2.flac")
    (folder.place / "nas" / "other").mkdir()
    assert is_mounted(mount_guard, 7, folder.path, b"nas/b/2.flac"), (
        "it is mounted, and the file is not in it"
    )
