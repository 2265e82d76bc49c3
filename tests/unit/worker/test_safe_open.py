"""Only regular files inside the library are opened, and opening never waits for a pipe."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tonearm.errors import Failure
from tonearm.jobs.failures import GONE, NO_PERMISSION, NOT_REGULAR
from tonearm.worker.safe_open import failure_of, open_inside


def refused(root: Path, path: bytes) -> Failure:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError) as caught:  # noqa: PT011  which one is for the caller to say
        open_inside(os.fsencode(root), path)
    assert len(os.listdir("/proc/self/fd")) == before, "a descriptor was left open"
    return failure_of(caught.value.errno or 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """``real/song.mp3`` below a root, ``outside/secret.mp3`` beside it."""
    (tmp_path / "root" / "real").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "real" / "song.mp3").write_bytes(b"la la")
    (tmp_path / "outside" / "secret.mp3").write_bytes(b"secret")
    return tmp_path / "root"


def test_a_file_is_opened_for_reading_with_its_status(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    descriptor, status = open_inside(os.fsencode(root), b"real/song.mp3")
    try:
        assert os.read(descriptor, 10) == b"la la"
        assert status.inode == (root / "real/song.mp3").stat().st_ino
        assert os.get_blocking(descriptor)
        assert not os.get_inheritable(descriptor)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(descriptor, b"x")
    finally:
        os.close(descriptor)
    assert len(os.listdir("/proc/self/fd")) == before


def test_names_are_bytes(root: Path) -> None:
    name = b"K\xf6ln\n.mp3"
    with open(os.fsencode(root) + b"/" + name, "wb") as file:
        file.write(b"x")
    descriptor, _ = open_inside(os.fsencode(root), name)
    os.close(descriptor)


@pytest.mark.parametrize("path", [b"link.mp3", b"folder/secret.mp3", b"self/real/song.mp3", b"loop/x.mp3"])
def test_no_link_is_followed_below_the_root(root: Path, path: bytes) -> None:
    (root / "link.mp3").symlink_to("real/song.mp3")
    (root / "folder").symlink_to("../outside")
    (root / "self").symlink_to(".")
    (root / "loop").symlink_to("loop")
    assert refused(root, path) is NOT_REGULAR


def test_a_folder_swapped_for_a_link_between_scan_and_opening_is_noticed(root: Path) -> None:
    (root / "real").rename(root / "was")
    (root / "real").symlink_to(root / "was")
    assert refused(root, b"real/song.mp3") is NOT_REGULAR


def test_a_root_that_a_person_reached_by_a_link_may_be_opened(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    descriptor, _ = open_inside(os.fsencode(tmp_path / "link"), b"real/song.mp3")
    os.close(descriptor)


@pytest.mark.parametrize("path", [b"gone.mp3", b"gone/song.mp3", b"real/gone.mp3"])
def test_what_is_not_there_is_gone(root: Path, path: bytes) -> None:
    assert refused(root, path) is GONE


def test_a_root_that_is_gone_is_gone(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere", b"song.mp3") is GONE


@pytest.mark.timeout(60)
def test_a_pipe_is_refused_without_waiting_for_a_writer(root: Path) -> None:
    os.mkfifo(root / "pipe.mp3")
    assert refused(root, b"pipe.mp3") is NOT_REGULAR


def test_folders_sockets_and_devices_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.mp3")
        assert refused(root, b"socket.mp3") is NOT_REGULAR
    assert refused(root, b"real") is NOT_REGULAR
    assert refused(root, b"real/song.mp3/more") is NOT_REGULAR
    assert refused(Path("/dev"), b"null") is NOT_REGULAR


def test_a_file_that_fails_to_open_may_be_tried_again(root: Path) -> None:
    failure = refused(root, b"x" * 300)
    assert (failure.code, failure.max_attempts > 1) == ("read-error", True)
    assert os.strerror(errno.ENAMETOOLONG) in failure.reason


@pytest.mark.parametrize(
    ("number", "code", "again"),
    [
        (errno.ENOENT, "gone", False),
        (errno.ELOOP, "not-a-regular-file", False),
        (errno.ENOTDIR, "not-a-regular-file", False),
        (errno.ENXIO, "not-a-regular-file", False),
        (errno.EACCES, "no-permission", False),
        (errno.EPERM, "no-permission", False),
        (errno.EIO, "read-error", True),
        (errno.ESTALE, "read-error", True),
        (errno.ETIMEDOUT, "read-error", True),
        (errno.EMFILE, "read-error", True),
    ],
)
def test_what_the_system_says_becomes_what_a_person_understands(number: int, code: str, again: bool) -> None:
    failure = failure_of(number)
    assert (failure.code, failure.max_attempts > 1) == (code, again)


FORBIDDEN = """
import os
from tonearm.worker.safe_open import failure_of, open_inside
if os.geteuid() == 0:
    os.setuid(65534)  # rights do not bind root
for path in (b"locked.mp3", b"locked/song.mp3"):
    try:
        open_inside(b".", path)
    except OSError as error:
        print(failure_of(error.errno).code)
"""


def test_what_may_not_be_read_is_not_permitted(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked.mp3").write_bytes(b"x")
    for name in ("locked", "locked.mp3"):
        (tmp_path / name).chmod(0)
    tmp_path.chmod(0o755)
    try:
        said = subprocess.run(
            [sys.executable, "-c", FORBIDDEN], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
    finally:
        (tmp_path / "locked").chmod(0o755)
    assert said.splitlines() == ["no-permission", "no-permission"]
    assert NO_PERMISSION.max_attempts == 1
