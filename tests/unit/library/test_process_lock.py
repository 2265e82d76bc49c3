"""One process analyses a library, others are refused with its id, and a killed process leaves no lock behind."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tonearm.errors import LibraryInUse, StorageUnusable
from tonearm.library.process_lock import analysing_process, exclusive_lock

HOLD = """
import sys, time
from pathlib import Path
from tonearm.library.process_lock import exclusive_lock
with exclusive_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def holding(folder: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_a_second_process_is_refused_and_told_who_works(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        said = f"process {process.pid} is analysing.*{tmp_path}"
        with pytest.raises(LibraryInUse, match=said), exclusive_lock(tmp_path):
            raise AssertionError("both of them have it")
        assert analysing_process(tmp_path) == process.pid


def test_a_refused_process_takes_nothing_from_the_first(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        for _ in range(3):
            with pytest.raises(LibraryInUse, match=str(process.pid)), exclusive_lock(tmp_path):
                pass
        assert analysing_process(tmp_path) == process.pid


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_goes_with_its_process_however_that_ends(tmp_path: Path, number: signal.Signals) -> None:
    with holding(tmp_path) as process:
        process.send_signal(number)
        process.wait()
    assert analysing_process(tmp_path) is None
    with exclusive_lock(tmp_path):
        assert analysing_process(tmp_path) == os.getpid()


def test_the_lock_is_free_again_when_the_work_is_over_or_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), exclusive_lock(tmp_path):
        raise RuntimeError
    assert analysing_process(tmp_path) is None
    with exclusive_lock(tmp_path):
        pass
    assert analysing_process(tmp_path) is None


def test_nobody_holds_a_library_that_nobody_ever_analysed(tmp_path: Path) -> None:
    assert analysing_process(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_longer_process_id_of_an_earlier_holder_does_not_show_through(tmp_path: Path) -> None:
    (tmp_path / "analyze.lock").write_text("123456789012\n")
    with exclusive_lock(tmp_path):
        assert analysing_process(tmp_path) == os.getpid()


def test_a_lock_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "analyze.lock").mkdir()
    with pytest.raises(StorageUnusable, match=r"analyze\.lock: can't be opened"), exclusive_lock(tmp_path):
        pass


def test_looking_who_analyses_keeps_nobody_from_analysing(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path):
        pass
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.001):
            analysing_process(tmp_path)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(150):
            with exclusive_lock(tmp_path):
                pass
    finally:
        over.set()
        for watcher in watchers:
            watcher.join()


def test_a_process_that_changes_files_is_not_said_to_analyse(tmp_path: Path) -> None:
    with exclusive_lock(tmp_path, changes=True):
        assert analysing_process(tmp_path) is None
        with (
            pytest.raises(LibraryInUse, match=f"process {os.getpid()} renames files"),
            exclusive_lock(tmp_path),
        ):
            raise AssertionError("both of them have it")
