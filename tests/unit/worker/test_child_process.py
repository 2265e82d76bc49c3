"""The deadline of a file is long enough for its music, and bounded."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.library_fixture import Library
from tonearm.settings import load_settings
from tonearm.worker import child_process
from tonearm.worker.child_process import ChildProcess
from tonearm.worker.opener_pool import Openers, OpenFile
from tonearm.worker.safe_open import FileStatus


@pytest.fixture
def child(tmp_path: Path) -> Iterator[ChildProcess]:
    """A child that does nothing."""
    given = {"deadline_base_s": 60, "deadline_speed": 8, "recycle_files": 2}
    child = ChildProcess(load_settings({"data_dir": tmp_path, **given}), ("-c", "pass"))
    yield child
    child.close()


def test_a_child_that_was_killed_gets_no_more_files(child: ChildProcess) -> None:
    child.ready = True
    assert child.idle
    child.kill(None)
    assert not child.idle


def test_memory_that_a_child_keeps_after_a_file_counts_from_half_of_what_it_may_use(
    child: ChildProcess, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = iter([100 << 20, 500 << 20, 600 << 20])
    monkeypatch.setattr(child_process, "private_bytes", lambda _: next(held))
    path = tmp_path / "1.mp3"
    path.touch()
    child.mark_ready()
    library.meet(library.run(), b"1.mp3")
    lease = library.take()
    assert child.kept_memory is None, "it had no file yet"
    for kept in (None, 600 << 20):
        child.expect_file(lease, os.fsencode(path))
        assert child.kept_memory is None, "it has the file"
        child.release_file()
        assert child.kept_memory == kept
        assert child.kept_memory is None, "it is looked up once"


def test_only_files_that_are_decoded_count_towards_the_end_of_a_child(
    child: ChildProcess, library: Library, tmp_path: Path
) -> None:
    openers = Openers(lambda *_: None, lambda _: None, lambda *_: None)  # it is asked to close the files
    path = tmp_path / "1.mp3"
    path.touch()
    library.meet(library.run(), b"1.mp3")
    lease = library.take()
    known: list[str] = []
    ends = []
    for analysers in (["tempo"], known, known, known, ["tempo"]):
        child.expect_file(lease, os.fsencode(path))
        child.file_opened(OpenFile(openers, 1, os.fsencode(path), FileStatus.of(path.stat())))
        child.send_analysers(analysers, None)
        child.release_file()
        ends.append(child.due_for_recycling)
    assert ends == [False, False, False, False, True]


@pytest.mark.parametrize(
    ("size_mb", "declared_s", "minutes"),
    [(6, 180.0, 2), (576, 180.0, 30), (576, 36_000.0, 76), (6, None, 5)],
    ids=["a song", "ten hours of podcasts, joined", "ten hours of podcasts", "a file that does not say"],
)
def test_a_file_is_given_the_time_that_all_of_it_may_need(
    child: ChildProcess,
    library: Library,
    tmp_path: Path,
    size_mb: int,
    declared_s: float | None,
    minutes: float,
) -> None:
    openers = Openers(lambda *_: None, lambda _: None, lambda *_: None)  # it is asked to close the file
    path = tmp_path / "1.mp3"
    path.touch()
    os.truncate(path, size_mb * 1_000_000)
    library.meet(library.run(), b"1.mp3")
    child.expect_file(library.take(), os.fsencode(path))
    child.file_opened(OpenFile(openers, 1, os.fsencode(path), FileStatus.of(path.stat())))
    child.send_analysers(["tempo"], declared_s)
    now = time.monotonic()
    assert (minutes - 1) * 60 < child.act_at - now < (minutes + 1) * 60
