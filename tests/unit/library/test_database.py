"""The database opens and upgrades itself, refuses values that it can't store, and keeps its rows."""

import errno
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from tests.migrated import differences
from tests.unit.library_fixture import Library
from tonearm.errors import StorageBusy, StorageFull, StorageUnusable
from tonearm.jobs.job_sql import clock
from tonearm.library import data_folder
from tonearm.library import database as database_module
from tonearm.library.database import REVISION, Database, open_sqlite
from tonearm.library.database_time import database_time


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).with_name("migrations")))
    return config


def tables(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())


def test_the_newest_migration_is_the_one_the_program_asks_for() -> None:
    assert ScriptDirectory.from_config(migrations()).get_heads() == [REVISION]


def test_the_migrations_make_what_the_models_say(library: Library) -> None:
    assert differences(library.database) == []
    assert library.rows("SELECT version_num FROM alembic_version") == [{"version_num": REVISION}]


@pytest.mark.parametrize("name", ["what?mode=memory", "100%25", "#1", "a b", "file:x", "K\udcf6ln"])
def test_the_library_lies_in_the_folder_that_was_named(tmp_path: Path, empty: bytes, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "tonearm.db").write_bytes(empty)
    database = open_sqlite(folder)
    assert database.found == REVISION
    database.close()
    assert os.listdir(tmp_path) == [name]


def test_the_models_indexes_are_there_with_their_conditions(library: Library) -> None:
    [index] = library.rows("SELECT sql FROM sqlite_master WHERE name = 'uq_jobs_open_file'")
    assert "UNIQUE" in index["sql"]
    assert "WHERE state IN ('queued', 'running', 'retrying')" in index["sql"]


def test_the_migrations_can_be_taken_back_and_made_again(library: Library) -> None:
    config = migrations()
    with library.database.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert tables(library.database) == {"alembic_version"}
    with library.database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    assert differences(library.database) == []


def test_a_library_of_a_newer_version_is_refused_and_left_alone(library: Library, tmp_path: Path) -> None:
    library.change("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageUnusable, match=r"tonearm\.db: written by a newer Tonearm \(revision 9999\)"):
        open_sqlite(tmp_path / "data")
    assert library.rows("SELECT version_num FROM alembic_version") == [{"version_num": "9999"}]


def test_a_commit_is_on_the_disk_and_readers_do_not_wait_for_it(library: Library) -> None:
    assert library.rows("PRAGMA journal_mode") == [{"journal_mode": "wal"}]
    assert library.rows("PRAGMA synchronous") == [{"synchronous": 2}]
    assert library.rows("PRAGMA foreign_keys") == [{"foreign_keys": 1}]


def test_a_row_cannot_point_to_nothing(library: Library) -> None:
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        library.change("INSERT INTO history (file_id, at, what, detail) VALUES (99, 0, 'x', '{}')")


def test_a_write_that_fails_has_not_happened(library: Library) -> None:
    def stop_half_way() -> None:
        with library.database.write() as connection:
            connection.execute(text("INSERT INTO roots (path, mounts, added_at) VALUES (x'2f', '[]', 0)"))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    assert library.roots.every() == []
    library.root()  # and the next one can be made
    assert len(library.roots.every()) == 1


def test_a_read_changes_nothing(library: Library) -> None:
    with library.database.read() as connection:
        connection.execute(text("INSERT INTO roots (path, mounts, added_at) VALUES (x'2f', '[]', 0)"))
    assert library.roots.every() == []


def test_a_reader_sees_one_state_while_others_write(library: Library) -> None:
    with library.database.read() as connection:
        count = text("SELECT count(*) FROM roots")
        before = connection.execute(count).scalar_one()
        library.root()
        assert connection.execute(count).scalar_one() == before
    assert len(library.roots.every()) == before + 1


def test_the_database_keeps_the_time(library: Library) -> None:
    with library.database.read() as connection:
        assert clock(connection) == pytest.approx(time.time(), abs=60)
        assert connection.execute(select(database_time())).scalar_one() == pytest.approx(time.time(), abs=60)


def test_a_file_that_is_not_a_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    content = b"these are my shopping lists\n" * 100
    (tmp_path / "tonearm.db").write_bytes(content)
    with pytest.raises(StorageUnusable, match=r"tonearm\.db: it is not a SQLite database"):
        open_sqlite(tmp_path)
    assert (tmp_path / "tonearm.db").read_bytes() == content


def test_a_damaged_database_is_told_as_such(tmp_path: Path, empty: bytes) -> None:
    (tmp_path / "tonearm.db").write_bytes(empty[:4096] + bytes(len(empty) - 4096))
    with pytest.raises(StorageUnusable, match=r"tonearm\.db: "):
        open_sqlite(tmp_path).close()


def test_a_data_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageUnusable, match=r"can't be used as data folder.*--data"):
        open_sqlite(tmp_path / "file" / "data")


def test_a_folder_in_the_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tonearm.db").mkdir()
    with pytest.raises(StorageUnusable, match=r"tonearm\.db: the database file can't be opened"):
        open_sqlite(tmp_path)


def test_a_database_that_another_program_holds_is_busy_and_not_broken(
    tmp_path: Path, empty: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tonearm.db").write_bytes(empty)
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.1)
    database = open_sqlite(tmp_path)
    other = sqlite3.connect(tmp_path / "tonearm.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageBusy, match=r"another program holds"), database.write():
            raise AssertionError("nobody may write now")
        other.execute("ROLLBACK")
        with database.write() as connection:
            connection.execute(text("DELETE FROM history"))
    finally:
        other.close()
        database.close()


def test_a_database_without_room_is_full_and_not_broken(library: Library) -> None:
    library.change("PRAGMA max_page_count = 1")  # SQLite takes it as "no more than now"
    with pytest.raises(StorageFull, match="no room on the disk"):
        library.change("INSERT INTO roots (path, mounts, added_at) VALUES (zeroblob(10000000), '[]', 0)")
    assert library.roots.every() == []


OPEN = """
import sys, time
from pathlib import Path
from tonearm.library.database import open_sqlite
import alembic.command
print("here", flush=True)
sys.stdin.readline()
database = open_sqlite(Path(sys.argv[1]))
with database.write():
    pass
database.close()
"""


def test_a_library_that_another_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    maker = sqlite3.connect(tmp_path / "tonearm.db", isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    maker.execute("CREATE TABLE of_the_other (number INTEGER)")
    timer = threading.Timer(0.3, maker.execute, ["COMMIT"])
    timer.start()
    open_sqlite(tmp_path).close()
    timer.join()
    maker.close()


def test_processes_that_open_a_new_library_at_the_same_time_all_get_it(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(tmp_path / "data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    database = open_sqlite(tmp_path / "data")
    assert differences(database) == []
    database.close()


MOUNTINFO = """\
21 1 {other} / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 21 {wanted} / /mnt/my\\040music rw,noatime master:1 shared:7 - {kind} server:/music rw,vers=4.2
37 21 0:99 / /elsewhere rw - nfs server:/elsewhere rw
"""


def mounted_as(kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a table of mounts that calls the folder's device a file system of this kind."""
    device = os.stat(folder).st_dev
    table = folder / "mountinfo"
    wanted = f"{os.major(device)}:{os.minor(device)}"
    table.write_text(MOUNTINFO.format(wanted=wanted, other="999:1", kind=kind))
    monkeypatch.setattr(data_folder, "MOUNTS", str(table))


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "ceph"])
def test_a_library_on_a_network_file_system_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted_as(kind, tmp_path, monkeypatch)
    with pytest.raises(StorageUnusable, match=rf"network file system \({kind}\).*--data or TONEARM_DATA_DIR"):
        open_sqlite(tmp_path / "data")
    assert not (tmp_path / "data" / "tonearm.db").exists()


@pytest.mark.parametrize("kind", ["ext4", "btrfs", "fuse.mergerfs", "overlay"])
def test_a_library_on_a_local_file_system_is_not(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted_as(kind, tmp_path, monkeypatch)
    assert data_folder.file_system_of(tmp_path) == kind
    data_folder.refuse_network_folder(tmp_path)


@pytest.mark.parametrize("table", [None, "", "rubbish\n", "21 1 0:0 / / rw\n"])
def test_where_the_mounts_cannot_be_told_nothing_is_refused(
    table: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if table is not None:
        (tmp_path / "mountinfo").write_text(table)
    monkeypatch.setattr(data_folder, "MOUNTS", str(tmp_path / "mountinfo"))
    assert data_folder.file_system_of(tmp_path) is None
    data_folder.refuse_network_folder(tmp_path)


def test_the_kernels_own_table_of_mounts_is_understood() -> None:
    assert data_folder.file_system_of(Path("/proc")) == "proc"


def test_a_data_folder_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    with pytest.raises(StorageUnusable, match=os.strerror(errno.ENAMETOOLONG)):
        open_sqlite(tmp_path / ("long" * 100))
