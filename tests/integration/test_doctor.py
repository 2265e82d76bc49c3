"""``tonearm doctor`` finds faults that are planted on this machine, in the settings and in the library."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.doctored import contents, doctor
from tests.hung_mount import hung_mount
from tests.unit.library_fixture import Library
from tonearm.library.database import open_sqlite

LIMITS = {
    "limits.open-files-few": "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))",
    "limits.file-size": "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))",
    "limits.processes-few": "resource.setrlimit(resource.RLIMIT_NPROC, (300, 300))",
    "limits.memory-short": "resource.setrlimit(resource.RLIMIT_DATA, (1 << 30, 1 << 30))",
}
"""Faults of this machine, and what plants each in the process of the command."""

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "settings.unknown-variable": {"TONEARM_WORKER": "2"},
    "settings.management-alone": {"TONEARM_RABBITMQ_MANAGEMENT_URL": "http://127.0.0.1:1"},
    "settings.contradiction": {"TONEARM_PATH_MAP": "music=here"},
    "settings.retry-order": {"TONEARM_RETRY_BASE_S": "90"},
    "settings.slow-call": {"TONEARM_BREAKER_SLOW_CALL_S": "31"},
    "settings.breaker-window": {"TONEARM_BREAKER_WINDOW_S": "4"},
    "settings.no-extensions": {"TONEARM_EXTENSIONS": "[]"},
    "settings.log-file": {"TONEARM_LOG_FILE": "/dev/null/tonearm.log"},
    "limits.memory-short": {"TONEARM_MEMORY_MB": "2000"},
    "machine.workers-many": {"TONEARM_WORKERS": "500"},
    "machine.memory-short": {},  # by as many workers
}
"""Faults of the settings, and what plants each."""

INSTALLATION = {
    "decoders.kernels-slow": "sys.modules['tonearm.analysis._kernels'] = None",
    "sandbox.open": "ctypes.CDLL(None).personality(8)",  # a 32-bit process, whose system calls are not known
    "python.driver": "sys.modules['redis'] = None",
    "clock.jumped": "time.time = lambda now=time.time: now() + 9 * next(count)",
}
"""Faults of the installation, and what plants each in the process of the command."""


ORDINARY = "import ctypes; [ctypes.CDLL(None).prctl(24, right, 0, 0, 0) for right in (1, 2)]"
"""Takes the rights of root over files (CAP_DAC_OVERRIDE) away from the processes that the command starts."""


def test_an_installation_in_order_has_facts_alone_and_is_left_as_it_was(tmp_path: Path) -> None:
    missing = doctor(tmp_path / "none", TONEARM_WORKERS="1")
    assert (missing.ids, missing.status) == (set(), 0)
    assert missing.of("decoders.child")["severity"] == "fact"
    assert not (tmp_path / "none").exists()

    open_sqlite(tmp_path / "data").close()
    before = contents(tmp_path / "data")
    there = doctor(tmp_path / "data")
    assert (there.ids, there.status) == (set(), 0)
    assert there.of("library.tables")["severity"] == "fact"
    assert contents(tmp_path / "data") == before


def test_low_limits_and_wrong_settings_are_found(tmp_path: Path) -> None:
    settings = tmp_path / "tonearm.toml"
    settings.write_text('redis_url = "redis://:secret@127.0.0.1:1/0"')
    settings.chmod(0o644)
    environment = {name: value for planted in SETTINGS.values() for name, value in planted.items()}
    environment["TONEARM_CONFIG"] = str(settings)
    ended = doctor(tmp_path / "none", "import resource", *LIMITS.values(), **environment)
    expected = {*LIMITS, *SETTINGS, "settings.password-readable", "redis.unreachable"}
    if available_mb() > 60_000:  # enough for as many workers as can be set
        expected.remove("machine.memory-short")
    assert ended.ids == expected
    assert ended.status == 2
    assert ended.of("settings.unknown-variable")["detail"].endswith("do you mean TONEARM_WORKERS?")
    assert "secret" not in str(ended.found)


def available_mb() -> int:
    """Memory of this machine that is not used."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def test_a_setting_that_cannot_be_read_leaves_the_machine_to_be_examined(tmp_path: Path) -> None:
    ended = doctor(tmp_path / "none", TONEARM_WORKERS="many")
    assert (ended.ids, ended.status) == ({"settings.invalid"}, 2)
    assert "machine.processors" in {each["id"] for each in ended.found}


def test_an_incomplete_installation_is_found(tmp_path: Path) -> None:
    ended = doctor(
        tmp_path / "none",
        "import ctypes, itertools, sys, time; count = itertools.count()",
        *INSTALLATION.values(),
        TONEARM_WORKERS="1",
        TONEARM_REDIS_URL="redis://127.0.0.1:1/0",
    )
    assert ended.ids == set(INSTALLATION)
    assert "pip install 'tonearm[distributed]'" in ended.of("python.driver")["remedy"]


def test_a_broken_plug_in_is_found(tmp_path: Path) -> None:
    about = tmp_path / "packages" / "broken-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[tonearm.analysers]\nbroken = not_there:SPEC\n")
    ended = doctor(tmp_path / "none", PYTHONPATH=str(tmp_path / "packages"), TONEARM_WORKERS="1")
    assert (ended.ids, ended.status) == ({"decoders.plugin-broken"}, 2)
    assert "uninstall the package" in ended.of("decoders.plugin-broken")["remedy"]


def test_what_is_wrong_with_folders_and_results_is_found(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "data")
    library = Library(database)
    run = library.run()
    for name in ("here", "unmounted", "gone", "hung"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "part").mkdir()
        library.meet(run, b"part/a.flac", root=os.fsencode(folder))
    (tmp_path / "here" / "part" / "a.flac").touch()
    (tmp_path / "here" / "empty").mkdir()
    (tmp_path / "unmounted" / "part").rmdir()
    (tmp_path / "gone" / "part").rmdir()
    (tmp_path / "gone").rmdir()
    library.change("UPDATE roots SET mounts = '[\"656d707479\"]' WHERE CAST(path AS TEXT) LIKE '%here'")
    library.change("UPDATE files SET state = 'done', engine = 'identity:1 tempo:1'")
    database.close()
    before = contents(tmp_path / "data")
    with hung_mount(tmp_path / "hung"):
        ended = doctor(tmp_path / "data")
    assert ended.ids == {
        "folders.mount-empty",
        "folders.unmounted",
        "folders.unreadable",
        "folders.hangs",
        "library.stale",
    }
    assert ended.status == 1
    assert "tempo 1 instead of " in ended.of("library.stale")["detail"]
    assert str(tmp_path / "hung") in ended.of("folders.hangs")["detail"]
    assert contents(tmp_path / "data") == before


def test_a_library_that_another_user_has_made_is_found(tmp_path: Path) -> None:
    open_sqlite(tmp_path / "data").close()
    (tmp_path / "data" / "tonearm.db").chmod(0o444)
    ended = doctor(tmp_path / "data", ORDINARY)
    assert (ended.ids, ended.status) == ({"data.unwritable"}, 2)
    assert "tonearm.db" in ended.of("data.unwritable")["detail"]


@pytest.mark.parametrize(
    ("revision", "found", "status"), [("0004", "library.older", 1), ("9999", "library.newer", 2)]
)
def test_tables_of_another_version_are_found_and_left(
    revision: str, found: str, status: int, tmp_path: Path
) -> None:
    database = open_sqlite(tmp_path / "data")
    Library(database).change("UPDATE alembic_version SET version_num = :revision", revision=revision)
    database.close()
    before = contents(tmp_path / "data")
    ended = doctor(tmp_path / "data")
    assert (ended.ids, ended.status) == ({found}, status)
    assert contents(tmp_path / "data") == before


def test_a_data_folder_that_cannot_be_used_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert doctor(tmp_path / "file").ids == {"data.no-folder"}
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "tonearm.db").write_bytes(b"This is no database. " * 100)
    assert doctor(tmp_path / "damaged").ids == {"data.damaged"}
    database = open_sqlite(tmp_path / "incomplete")
    Library(database).change("DROP TABLE files")
    database.close()
    assert doctor(tmp_path / "incomplete").ids == {"library.unreadable"}


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """A small disk of its own in memory."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_without_room_is_found(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m") as disk:
        (disk / "tmp").mkdir()
        ended = doctor(disk / "data", TMPDIR=str(disk / "tmp"))
        assert ended.ids == {"data.full", "data.temporary-room"}
        assert not (disk / "data").exists()


def test_a_read_only_disk_is_found(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=200m") as disk:
        open_sqlite(disk / "data").close()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        ended = doctor(disk / "data")
    assert ended.ids == {"data.read-only", "data.room-little"}


def test_a_data_folder_that_hangs_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with hung_mount(tmp_path / "data"):
        assert doctor(tmp_path / "data").ids == {"data.hangs"}


def test_a_person_is_shown_what_is_wrong_by_area_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = subprocess.run(
        [sys.executable, "-m", "tonearm", "doctor", "--data", tmp_path / "file"],
        env={"PATH": os.environ["PATH"], "TONEARM_CONFIG": os.devnull, "TONEARM_WORKERS": "0"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2
    rows = [line.split("\t") for line in ended.stdout.splitlines()]
    assert rows[0] == ["severity", "id", "subject", "detail", "remedy"]
    assert [row[0] for row in rows if row[1] == "data.no-folder"] == ["error"]
    assert ended.stderr == "Found 1 error.\n"
