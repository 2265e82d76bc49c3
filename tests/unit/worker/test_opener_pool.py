"""Files are opened by processes, so that a mount that hangs holds up nothing but the questions about it."""

import errno
import os
import select
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hung_mount import hung_mount
from tonearm.errors import Failure
from tonearm.jobs.failures import REPLACED
from tonearm.library.mount_table import MountTable
from tonearm.worker import opener_pool
from tonearm.worker.child_protocol import receive
from tonearm.worker.opener_pool import Openers, OpenFile

BASE_S = 7.0


class Loop:
    """What a supervisor does with openers."""

    def __init__(self) -> None:
        self.attended: dict[socket.socket, Callable[[], None]] = {}
        self.mounts: list[tuple[bytes, bool]] = []
        self.answers: list[OpenFile | int | str] = []
        self.openers = Openers(
            self.attended.__setitem__,
            self.attended.__delitem__,
            lambda mount, is_hung: self.mounts.append((mount, is_hung)),
        )
        self.child, self.sent = socket.socketpair()

    def open(self, root: Path, name: bytes) -> None:
        self.openers.open(
            os.fsencode(root),
            name,
            BASE_S,
            self.child,
            self.answers.append,
            lambda: self.answers.append("unanswered"),
        )

    def turn_until(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + 60
        while not is_so():
            assert time.monotonic() < until
            for link in select.select([*self.attended], [], [], 0.02)[0]:
                self.attended[link]()
            self.openers.turn(time.monotonic())

    def opened(self, root: Path, name: bytes) -> OpenFile:
        self.open(root, name)
        self.turn_until(lambda: any(isinstance(answer, OpenFile) for answer in self.answers))
        [file] = [answer for answer in self.answers if isinstance(answer, OpenFile)]
        self.answers.remove(file)
        return file

    def was_replaced(self, file: OpenFile) -> bool:
        found: list[Failure | None] = []
        file.check(found.append)
        self.turn_until(lambda: bool(found))
        assert found[0] in {None, REPLACED}
        return found[0] is REPLACED


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    monkeypatch.setattr(opener_pool, "LIMIT_S", 0.5)
    monkeypatch.setattr(opener_pool, "LOOK_S", 0.1)
    loop = Loop()
    yield loop
    loop.openers.close()
    loop.child.close()
    loop.sent.close()
    assert not loop.attended


def test_a_child_is_sent_the_open_file_and_the_supervisor_is_told_its_status(
    loop: Loop, tmp_path: Path
) -> None:
    song = tmp_path / "K\xf6ln.mp3"
    song.write_bytes(b"la la")
    file = loop.opened(tmp_path, os.fsencode(song.name))
    assert (file.status.size, file.status.inode) == (5, song.stat().st_ino)
    received = receive(loop.sent)
    assert received is not None
    message, descriptor = received
    allowed_s = pytest.approx(BASE_S + 10, abs=0.1)
    assert message == {"cpu_s": allowed_s, "tags_first": False, "former": None}
    assert descriptor is not None
    assert os.read(descriptor, 10) == b"la la"
    os.close(descriptor)
    assert not loop.was_replaced(file)


def test_a_file_that_cannot_be_opened_is_answered_with_the_reason(loop: Loop, tmp_path: Path) -> None:
    loop.open(tmp_path, b"gone.mp3")
    loop.turn_until(lambda: bool(loop.answers))
    assert loop.answers == [2]


def test_questions_are_asked_together_and_answered_each_for_itself(loop: Loop, tmp_path: Path) -> None:
    names = [b"%d.mp3" % number for number in range(40)]
    for name in names[1:]:
        (tmp_path / os.fsdecode(name)).write_bytes(name)
    for name in names:
        loop.open(tmp_path, name)
    loop.turn_until(lambda: len(loop.answers) == len(names))
    assert loop.answers[0] == errno.ENOENT
    for name, file in zip(names[1:], loop.answers[1:], strict=True):
        assert isinstance(file, OpenFile)
        assert (os.path.basename(file.path), file.status.size) == (name, len(name))
        received = receive(loop.sent)
        assert received is not None
        assert received[1] is not None
        assert os.read(received[1], 20) == name
        os.close(received[1])


def test_a_file_that_was_written_to_or_exchanged_was_replaced(loop: Loop, tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        (tmp_path / name).write_bytes(b"la la")
    longer, exchanged, moved = (loop.opened(tmp_path, name) for name in (b"1", b"2", b"3"))
    (tmp_path / "1").write_bytes(b"la la la")
    (tmp_path / "new").write_bytes(b"la la")
    (tmp_path / "new").rename(tmp_path / "2")
    (tmp_path / "3").rename(tmp_path / "4")
    assert loop.was_replaced(longer)
    assert loop.was_replaced(exchanged)
    assert not loop.was_replaced(moved)


def test_a_mount_that_hangs_is_given_up_and_asked_again_until_it_answers(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "song.mp3").touch()
    (tmp_path / "nas").mkdir()
    nas = os.fsencode(tmp_path / "nas")
    with hung_mount(tmp_path / "nas"):
        for _ in range(3):
            loop.open(tmp_path / "nas", b"song.mp3")
        assert loop.opened(tmp_path, b"song.mp3").status.size == 0  # other mounts go on
        loop.turn_until(lambda: len(loop.answers) == 3)
        assert loop.answers == ["unanswered"] * 3
        assert loop.mounts == [(nas, True)]
        loop.open(tmp_path / "nas", b"song.mp3")
        assert loop.answers.pop() == "unanswered"  # at once
    loop.turn_until(lambda: loop.mounts[-1] == (nas, False))
    assert len(loop.mounts) == 2


def test_links_to_a_mount_that_hangs_hold_up_nothing_but_themselves(loop: Loop, tmp_path: Path) -> None:
    loop.openers.follow_links = True
    (tmp_path / "music").mkdir()
    (tmp_path / "music/song.mp3").touch()
    (tmp_path / "nas").mkdir()
    (tmp_path / "music/link").symlink_to("../nas/album")
    (tmp_path / "music/one.mp3").symlink_to(tmp_path / "nas/one.mp3")
    music, nas = os.fsencode(tmp_path / "music"), os.fsencode(tmp_path / "nas")
    with hung_mount(tmp_path / "nas"):
        for name in (b"link/a.mp3", b"link/b/c.mp3", b"one.mp3"):
            loop.open(tmp_path / "music", name)
        assert loop.opened(tmp_path / "music", b"song.mp3").status.size == 0
        loop.turn_until(lambda: len(loop.answers) == 3)
        assert loop.answers == ["unanswered"] * 3
        assert loop.mounts == [(nas, True)]
        assert loop.openers.mount_of(music + b"/link/b/c.mp3") == nas
        assert loop.openers.link_in(music + b"/link/b/c.mp3") == music + b"/link"
        assert loop.openers.link_in(music + b"/one.mp3") == music + b"/one.mp3"
        assert loop.openers.link_in(music + b"/song.mp3") is None


def test_a_file_behind_a_link_to_another_mount_is_opened(loop: Loop, tmp_path: Path) -> None:
    loop.openers.follow_links = True
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as song:
        song.write(b"la la")
        song.flush()
        (tmp_path / "link").symlink_to(os.path.dirname(song.name))
        file = loop.opened(tmp_path, b"link/" + os.fsencode(os.path.basename(song.name)))
        assert file.status.size == 5
        assert not loop.was_replaced(file)


def test_questions_to_a_process_that_was_killed_are_given_up_and_the_next_starts_another(
    loop: Loop, tmp_path: Path
) -> None:
    (tmp_path / "song.mp3").touch()
    file = loop.opened(tmp_path, b"song.mp3")
    (opener,) = loop.openers._openers.values()
    opener.process.kill()
    loop.open(tmp_path, b"song.mp3")
    loop.turn_until(lambda: bool(loop.answers))
    assert loop.answers.pop() == "unanswered"
    assert not loop.was_replaced(file)
    (tmp_path / "song.mp3").write_bytes(b"la")
    assert loop.was_replaced(file)  # by its path, as nothing holds it open any more
    assert not loop.mounts


def test_the_mount_of_a_path_is_the_nearest_mount_point_above_it() -> None:
    now = 0.0
    points = {b"/": b"ext4", b"/mnt/a": b"nfs"}
    table = MountTable(lambda: points.copy(), lambda: now)
    assert table.mount_of(b"/mnt/a/b/c") == b"/mnt/a"
    assert table.mount_of(b"/mnt/a") == b"/mnt/a"
    assert table.mount_of(b"/mnt/ab") == b"/"
    points[b"/mnt"] = b"ext4"
    assert table.mount_of(b"/mnt/ab") == b"/"  # the list is read once in a while
    now = 2.0
    assert table.mount_of(b"/mnt/ab") == b"/mnt"
