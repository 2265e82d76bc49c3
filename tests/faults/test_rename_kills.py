"""`rename apply` and `undo` are killed at their system calls: no sound is lost, and rows and files agree afterwards."""

import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import forked
from tests.faults.traced import Call, Traced
from tests.program import Program
from tests.sizes import size
from tests.unit.library_fixture import opened
from tests.unit.naming.collection import Collection
from tonearm.library.roots import Roots

pytestmark = [
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
    pytest.mark.timeout(size(300, 7200)),
]


class Scene:
    """A library and its music, which can be put back as they were before."""

    group = "rename"

    def __init__(self, program: Program, kept: Path, folders: Sequence[Path], before: str) -> None:
        """``folders``: that of the music, and others that files come to."""
        self.program = program
        self._kept = kept
        self.folders = folders
        self.music = folders[0]
        self.before = before
        self.sounds = self.contents()
        self._traced = Traced([self.group, before], program.environment, kept.parent / "trace")

    def contents(self) -> Counter[bytes]:
        """The contents of all files, wherever they are now."""
        return Counter(
            path.read_bytes()
            for path in self._paths()
            if path.is_file() and b".tonearm-copying" not in bytes(path)
        )

    def _paths(self) -> Iterator[Path]:
        for folder in self.folders:
            yield from folder.rglob("*")

    def keep(self) -> None:
        """Keep the present state."""
        shutil.rmtree(self._kept, ignore_errors=True)
        for number, folder in enumerate((self.program.data, *self.folders)):
            self._copy(folder, self._kept / str(number))

    def put_back(self) -> None:
        """Put everything back as it was kept."""
        for number, folder in enumerate((self.program.data, *self.folders)):
            self._copy(self._kept / str(number), folder)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, copy_function=shutil.copy2)

    def calls(self, every: bool = False) -> list[Call]:
        """The system calls that change something from when the command takes the lock; or every one."""
        return self._traced.calls("analyze.lock", every)

    def kill_at(self, call: Call) -> None:
        """Put everything back, and kill the command at a system call."""
        self.put_back()
        self._traced.kill_at(call)

    def check_after_kill(self) -> None:
        """Every sound is there at least once; the next start settles everything; and the rest can be done then."""
        assert self.sounds <= self.contents()
        status, said = self.start()
        assert status == 0, said
        self._check_agreement()
        status, said = self.call(self.group, self.before)
        assert status == 0 or "nothing was renamed" in said, said
        self._check_agreement()

    def start_in_trouble(self) -> None:
        """Have the next start find a disk that can't be written: it may settle nothing, and must lose nothing."""
        self.start()
        assert self.sounds <= self.contents()

    def start(self) -> tuple[int, str]:
        """The next start, which settles what was begun; returns its exit status and what it said."""
        return self.call("rename", "plan", str(self.music), "--template", "{name}", "--in-place", "--json")

    def call(self, *arguments: str) -> tuple[int, str]:
        """Call the command; returns its exit status and what it said."""
        return forked.run(arguments, self.program.environment)

    def _check_agreement(self) -> None:
        assert self.contents() == self.sounds
        assert [path for path in self._paths() if path.name.startswith(".tonearm")] == []
        connection = sqlite3.connect(self.program.data / "tonearm.db")
        rows = connection.execute(
            "SELECT f.path, t.genre, r.path FROM files f JOIN tags t ON t.file_id = f.id"
            " JOIN roots r ON r.id = f.root_id"
        ).fetchall()
        open_steps = connection.execute("SELECT count(*) FROM rename_steps WHERE state = 'intent'").fetchone()
        connection.close()
        assert open_steps == (0,)
        for path, first_name, root in rows:
            whole = Path(os.fsdecode(os.path.join(root, path)))
            assert whole.read_bytes() == b"music of " + first_name.encode()


def made_scene(
    tmp_path: Path,
    empty: bytes,
    program: Program,
    before: str,
    elsewhere: Path | None = None,
    music: Path | None = None,
) -> Scene:
    """A library with files in a swap, a chain and a new folder, and with files that go along.

    ``elsewhere``: a folder that all of them are to come to; without it they stay below theirs. ``music``: where they
    are, by default on the file system of ``tmp_path``.
    """
    music = music or tmp_path / "music"
    music.mkdir()
    wanted = {"a/1": "a/2", "a/2": "a/1", "b/1": "b/2", "b/2": "b/3", "c/1": "new/c", "c/2": "new/d"}
    with opened(program.data, empty) as library:
        collection = Collection(library, music)
        for path, target in wanted.items():
            album, title = target.split("/")
            collection.put(f"{path}.flac", title=title, album=album)
            library.change(
                "UPDATE tags SET genre = :name WHERE file_id = (SELECT max(id) FROM files)",
                name=f"{path}.flac",
            )
        collection.write("c/1.lrc", b"lyrics")
        collection.write("c/cover.jpg", b"cover")
        to = None if elsewhere is None else Roots(library.database).ensure(bytes(elsewhere))
        plan = collection.plan("{album}/{title}", to=to)
        assert plan.conflicted == 0
        collection.approve(plan.batch)
        if before == "undo":
            assert collection.apply().refused == {}
    scene = Scene(program, tmp_path / "kept", [music, *([] if elsewhere is None else [elsewhere])], before)
    scene.keep()
    return scene


def chosen(calls: list[Call]) -> list[Call]:
    """All of the calls in the long form; else some of those at which most can go wrong."""
    if size(0, 1):
        return calls
    writes = [call for call in calls if call[0] in {"renameat2", "mkdirat", "unlinkat", "openat"}]
    return writes[1 :: len(writes) // 2]


def kill_everywhere(scene: Scene, renames: int) -> None:
    """Kill the command at its system calls, and check after each. ``renames``: how many it makes in the end."""
    calls = scene.calls()
    assert sum(name == "renameat2" for name, _ in calls) == renames
    for call in chosen(calls):
        scene.kill_at(call)
        scene.check_after_kill()


@pytest.mark.parametrize("before", ["apply", "undo"])
def test_a_kill_at_any_system_call_loses_nothing(
    before: str, program: Program, tmp_path: Path, empty: bytes
) -> None:
    kill_everywhere(made_scene(tmp_path, empty, program, before), 9)


@pytest.mark.parametrize("before", ["apply", "undo"])
def test_a_kill_while_files_go_to_another_file_system_loses_nothing(
    before: str, program: Program, tmp_path: Path, empty: bytes
) -> None:
    with another_file_system(tmp_path) as elsewhere:
        kill_everywhere(made_scene(tmp_path, empty, program, before, elsewhere), 8)


@contextmanager
def another_file_system(folder: Path) -> Iterator[Path]:
    """An empty folder that is not on the file system of ``folder``."""
    for place in (Path("/dev/shm"), Path("/var/tmp"), Path("/tmp")):  # noqa: S108  a folder of its own is made there
        if place.is_dir() and place.stat().st_dev != folder.stat().st_dev:
            with tempfile.TemporaryDirectory(dir=place) as made:
                yield Path(made)
            return
    pytest.skip("needs a second file system")
