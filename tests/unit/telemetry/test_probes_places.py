"""Disks, roots and SQLite's file are looked at by a process that can be left behind when a place hangs."""

import errno
import os
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.hung_mount import hung_mount
from tests.program import until
from tonearm.names import printable
from tonearm.telemetry import probes_places as module
from tonearm.telemetry.probes import Check, Checks, Status
from tonearm.telemetry.probes_findings import FULL_BYTES, LITTLE_BYTES, Place, finding_of
from tonearm.telemetry.probes_places import PlacesLoop

NEVER = threading.Event()


def checked(*places: Place, limit_s: float = 60.0) -> dict[str, Check]:
    checks = Checks()
    PlacesLoop(lambda: places, checks, limit_s=limit_s).check(NEVER)
    return dict(checks.snapshot())


def told(check: Check) -> tuple[Status, str | None]:
    return check.finding.status, check.finding.output


@pytest.fixture
def hung(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system whose server never answers."""
    folder = tmp_path / "hung mount"
    folder.mkdir()
    with hung_mount(folder):
        yield folder


def test_a_root_that_can_be_read_and_has_its_files_passes(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    found = checked(Place("root:1", "root", os.fsencode(tmp_path), files=(b"album/gone.flac",)))
    assert told(found["root:1"]) == (Status.PASS, None)
    assert found["root:1"].finding.value is not None


@pytest.mark.parametrize("name", [b"music", b"m\xff\nsic"])
def test_a_root_that_looks_unmounted_or_is_gone_is_a_warning_with_its_name(
    tmp_path: Path, name: bytes
) -> None:
    empty, gone = os.path.join(os.fsencode(tmp_path), name), os.path.join(os.fsencode(tmp_path), b"gone")
    os.mkdir(empty)
    found = checked(
        Place("root:1", "root", empty, files=(b"a/b.flac",)), Place("root:2", "root", gone, files=(b"c",))
    )
    shown = f"{tmp_path}/{printable(name)}"
    assert told(found["root:1"]) == (
        Status.WARN,
        f"{shown} looks unmounted: none of its known files is there",
    )
    assert told(found["root:2"]) == (Status.WARN, f"{tmp_path}/gone does not exist")
    assert "mount it again" in (found["root:1"].finding.advice or "")


def test_a_mount_point_below_a_root_that_is_empty_is_named(tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    (tmp_path / "a.flac").touch()
    found = checked(Place("root:1", "root", os.fsencode(tmp_path), files=(b"a.flac",), mounts=(b"nas",)))
    status, output = told(found["root:1"])
    assert status is Status.WARN
    assert str(tmp_path / "nas") in (output or "")


def test_a_folder_that_hangs_is_a_warning_and_the_places_after_it_are_checked(
    hung: Path, tmp_path: Path
) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "a.flac").touch()
    places = [
        Place("root:1", "root", os.fsencode(hung)),
        Place("root:2", "root", os.fsencode(tmp_path / "good"), files=(b"a.flac",)),
    ]
    found = checked(*places, limit_s=0.3)
    assert told(found["root:1"]) == (Status.WARN, f"{hung} does not answer within 0 s")
    # a busy machine may take longer to look at a good place, too
    until(lambda: told(checked(*places, limit_s=0.3)["root:2"]) == (Status.PASS, None))


def test_a_mount_that_hangs_below_a_root_is_named_with_the_root(hung: Path) -> None:
    root = hung.parent
    found = checked(Place("root:1", "root", os.fsencode(root)), limit_s=0.3)
    assert told(found["root:1"]) == (Status.WARN, f"{hung}, below {root}, does not answer within 0 s")


def test_no_second_process_is_started_for_a_place_while_the_first_one_hangs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def silent(_: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["sleep", "1000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    monkeypatch.setattr(module, "started", silent)
    monkeypatch.setattr(module, "START_S", 0.0)
    monkeypatch.setattr(subprocess.Popen, "kill", lambda _: None)  # as in the kernel
    monkeypatch.setattr(module, "KILLED_S", 0.01)
    checks = Checks()
    loop = PlacesLoop(lambda: [Place("root:1", "root", os.fsencode(tmp_path))], checks, limit_s=0.05)
    try:
        loop.check(NEVER)
        since = checks.snapshot()["root:1"].since
        loop.check(NEVER)
        assert len(started) == 1
        assert told(checks.snapshot()["root:1"])[0] is Status.WARN
        assert checks.snapshot()["root:1"].since == since
        started[0].terminate()
        started[0].wait()
        loop.check(NEVER)
        assert len(started) == 2
    finally:
        for process in started:
            process.terminate()
            process.wait()


def test_a_root_that_was_taken_out_of_the_library_is_no_longer_shown(tmp_path: Path) -> None:
    places = [Place("root:1", "root", os.fsencode(tmp_path)), Place("root:2", "root", os.fsencode(tmp_path))]
    checks = Checks()
    loop = PlacesLoop(lambda: places, checks)
    loop.check(NEVER)
    assert sorted(checks.snapshot()) == ["root:1", "root:2"]
    del places[0]
    loop.check(NEVER)
    assert sorted(checks.snapshot()) == ["root:2"]


def test_the_library_file_is_read_and_what_is_wrong_with_it_is_told(tmp_path: Path, empty: bytes) -> None:
    good, damaged, gone = (tmp_path / name for name in ("good.db", "damaged.db", "gone.db"))
    good.write_bytes(empty)
    damaged.write_bytes(b"x" * 4096)
    sqlite3.connect(good).close()
    found = checked(
        *(Place(path.stem, "sqlite", os.fsencode(path), required=True) for path in (good, damaged, gone))
    )
    assert told(found["good"]) == (Status.PASS, None)
    assert told(found["damaged"]) == (Status.FAIL, f"{damaged} is not a SQLite database")
    assert told(found["gone"]) == (Status.FAIL, f"{gone} can't be opened")


def test_the_room_on_the_disk_of_a_folder_that_does_not_exist_yet_is_known(tmp_path: Path) -> None:
    found = checked(Place("disk:data", "disk", os.fsencode(tmp_path / "a" / "b"), required=True))
    assert found["disk:data"].finding.unit == "B"
    assert found["disk:data"].finding.value == pytest.approx(
        os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize, rel=0.1
    )


@pytest.mark.parametrize(
    ("free", "required", "status"),
    [
        (LITTLE_BYTES, True, Status.PASS),
        (LITTLE_BYTES - 1, True, Status.WARN),
        (FULL_BYTES - 1, True, Status.FAIL),
        (FULL_BYTES - 1, False, Status.WARN),
    ],
)
def test_little_room_is_a_warning_and_none_fails_where_results_are_stored(
    free: int, required: bool, status: Status
) -> None:
    found = finding_of(Place("disk:data", "disk", b"/data", required), {"free": free, "ms": 0.1})
    assert found.status is status
    assert found.value == free


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.EACCES, errno.EBUSY])
def test_errors_of_the_system_are_told_in_words(error: int) -> None:
    found = finding_of(Place("root:1", "root", b"/music"), {"error": error, "ms": 0.1})
    assert found.status is Status.WARN
    assert (found.output or "").startswith("/music ")
    assert os.strerror(error) not in (found.output or "")


def test_a_process_that_does_not_start_in_time_is_asked_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_S", 0.0)
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    found = checked(Place("root:1", "root", os.fsencode(tmp_path)))
    assert told(found["root:1"]) == (Status.WARN, f"{tmp_path} does not answer within 60 s")


def test_a_stop_ends_a_round_early(hung: Path) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    checks = Checks()
    places: Callable[[], Sequence[Place]] = lambda: [Place("root:1", "root", os.fsencode(hung))]  # noqa: E731  one line
    PlacesLoop(places, checks, limit_s=600).check(stop)
    timer.join()
    assert told(checks.snapshot()["root:1"]) == (Status.WARN, "not checked yet")
