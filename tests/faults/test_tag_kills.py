"""`tags apply` and `undo` are killed at their system calls: each file is the whole old or the whole new one."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.faults.test_rename_kills import Scene, chosen
from tests.faults.traced import Call
from tests.material import good
from tests.program import Program
from tests.sizes import size
from tests.unit.library_fixture import opened
from tests.unit.tagging.collection import TagCollection

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
    pytest.mark.timeout(size(300, 7200)),
]
NAMES = ("flac.x", "mp3.x")


class TagScene(Scene):
    """A library and two files whose tags are to be written, or taken back."""

    group = "tags"

    def files(self) -> list[bytes]:
        """The contents of the files by their names."""
        return [(self.music / name).read_bytes() for name in NAMES]

    def start_in_trouble(self) -> None:
        """Have the next start find a disk that can't be written: both files stay whole."""
        self.start()
        self.check_whole()

    def check_whole(self) -> None:
        """Each file must be the whole old or the whole new one."""
        pairs = zip(self.files(), self._old, self._new, strict=True)
        assert all(found in (old, new) for found, old, new in pairs)

    def calls(self, every: bool = False) -> list[Call]:
        """The system calls that change something; or every one. The command is called for that."""
        self._old = self.files()
        calls = super().calls(every)
        self._new = self.files()
        assert self._old != self._new
        assert [good("flac"), good("mp3")] in (self._old, self._new)
        return calls

    def check_after_kill(self) -> None:
        """Both files are whole; the next start settles everything; and the rest can be done then."""
        self.check_whole()
        status, said = self.start()
        assert status == 0, said
        assert sorted(os.listdir(self.music)) == sorted(NAMES)
        self.check_whole()
        status, said = self.call("tags", self.before)
        assert status == 0 or "that could be undone" in said, said
        assert self.files() == self._new
        assert sorted(os.listdir(self.music)) == sorted(NAMES)
        connection = sqlite3.connect(self.program.data / "tonearm.db")
        [(open_steps,)] = connection.execute("SELECT count(*) FROM rename_steps WHERE state = 'intent'")
        connection.close()
        assert open_steps == 0


def made_tag_scene(tmp_path: Path, empty: bytes, program: Program, before: str, music: Path) -> TagScene:
    """A library with two files in a new folder ``music``, whose tags are approved or, before an undo, written."""
    music.mkdir()
    with opened(program.data, empty) as library:
        collection = TagCollection(library, music)
        for name in NAMES:
            collection.put(name)
        collection.plan("bpm", "key")
        collection.approve()
        if before == "undo":
            assert collection.apply().written == len(NAMES)
    scene = TagScene(program, tmp_path / "kept", [music], before)
    scene.keep()
    return scene


@pytest.mark.parametrize("before", ["apply", "undo"])
def test_a_kill_at_any_system_call_leaves_whole_files(
    before: str, program: Program, tmp_path: Path, empty: bytes
) -> None:
    scene = made_tag_scene(tmp_path, empty, program, before, tmp_path / "music")
    for call in chosen(scene.calls()):
        scene.kill_at(call)
        scene.check_after_kill()
