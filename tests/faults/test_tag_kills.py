"""`tags apply` and `undo` are killed at their system calls: each file is the whole old or the whole new one."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.faults.test_rename_kills import Scene, chosen, only
from tests.material import good
from tests.program import Program
from tests.sizes import size
from tests.unit.library_fixture import opened
from tests.unit.tagging.collection import TagCollection
from tests.variables import set_variables
from tonearm.cli.app import app

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

    def call(self, *arguments: str) -> Result:
        """Call the command in this process."""
        environment = {**dict.fromkeys(set_variables()), **self.program.environment}
        return CliRunner().invoke(app, arguments, env=environment)

    def check_each(self, old: list[bytes], new: list[bytes]) -> None:
        """Both files are whole; the next start settles everything; and the rest can be done then."""
        assert all(found in pair for found, *pair in zip(self.files(), old, new, strict=True))
        settled = self.call("rename", "plan", str(self.music), "--template", "{name}", "--in-place", "--json")
        assert settled.exit_code == 0, settled.output
        assert sorted(os.listdir(self.music)) == sorted(NAMES)
        assert all(found in pair for found, *pair in zip(self.files(), old, new, strict=True))
        done = self.call("tags", self.before)
        assert done.exit_code == 0 or "that could be undone" in done.output, done.output
        assert self.files() == new
        assert sorted(os.listdir(self.music)) == sorted(NAMES)
        connection = sqlite3.connect(self.program.data / "tonearm.db")
        [(open_steps,)] = connection.execute("SELECT count(*) FROM rename_steps WHERE state = 'intent'")
        connection.close()
        assert open_steps == 0


@pytest.mark.parametrize("before", ["apply", "undo"])
def test_a_kill_at_any_system_call_leaves_whole_files(
    before: str, program: Program, tmp_path: Path, empty: bytes
) -> None:
    music = tmp_path / "music"
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
    old = scene.files()
    calls = scene.calls(tmp_path / "trace")
    new = scene.files()
    assert old != new
    assert [good("flac"), good("mp3")] in (old, new)
    for name, number in chosen(calls):
        scene.put_back()
        injected = f"inject={name}:signal=KILL:when={number}"
        killed = scene.rename("-o", os.devnull, "-e", injected, *only(name))
        assert killed.returncode in (-9, 137, 0), killed.stderr
        scene.check_each(old, new)
