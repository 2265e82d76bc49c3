"""Every database gives the same guarantees: whole transactions, consistent reads, the newest tables."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

from tests.migrated import differences
from tests.unit.library_fixture import Library
from tonearm.errors import StorageUnavailable, StorageUnusable
from tonearm.library import database as database_module
from tonearm.library.database import REVISION, Database, open_postgres
from tonearm.library.database_time import database_time
from tonearm.library.schema import root_table

ROOT = "INSERT INTO roots (path, mounts, added_at) VALUES (:path, '[]', 0)"


@pytest.fixture
def library(new_database: Database) -> Library:
    """A library that nobody else uses, as its tables are changed; on SQLite and then on PostgreSQL."""
    return Library(new_database)


def migrations(connection: Any) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    return config


def revision(library: Library) -> str:
    return str(library.rows("SELECT version_num FROM alembic_version")[0]["version_num"])


def test_the_migrations_make_what_the_models_say(library: Library) -> None:
    assert differences(library.database) == []
    assert revision(library) == REVISION


def test_the_migrations_can_be_taken_back_and_made_again(library: Library) -> None:
    with library.database.write() as connection:
        command.downgrade(migrations(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    with library.database.write() as connection:
        command.upgrade(migrations(connection), "head")
    assert differences(library.database) == []
    library.root()


AUDIO = (
    "INSERT INTO audio (id, hash, codec, container, sample_rate_hz, channels, bit_rate_bps, declared_s, decoded_s, "
    "complete, warnings, first_seen_at) VALUES (1, 'a', 'mp3', 'mp3', 44100, 2, 64000, 12, 6, :no, '[\"short\"]', 1), "
    "(2, 'b', 'opus', 'ogg', 48000, 2, NULL, NULL, NULL, NULL, '[]', 1)"
)
FILES = (
    "INSERT INTO files (id, root_id, path, size, mtime_ns, inode, extension, state, audio_id, found_at) VALUES "
    "(1, 1, :a, 1, 1, 1, 'mp3', 'partial', 1, 1), (2, 1, :b, 1, 1, 2, 'mp3', 'partial', 1, 1), "
    "(3, 1, :c, 1, 1, 3, 'opus', 'done', 2, 1), (4, 1, :d, 1, 1, 4, 'opus', 'waiting', NULL, 1)"
)


def test_facts_about_files_of_an_older_library_are_kept_and_go_to_the_files(library: Library) -> None:
    assert library.root() == 1
    with library.database.write() as connection:
        command.downgrade(migrations(connection), "0003")
        connection.execute(text(AUDIO), {"no": False})
        connection.execute(text(FILES), {name: name.encode() for name in "abcd"})
    columns = "container, bit_rate_bps, declared_s, complete, warnings"
    partial = ("mp3", 64_000, 12.0, False)
    with library.database.write() as connection:
        command.upgrade(migrations(connection), "head")
        rows = connection.execute(text(f"SELECT {columns} FROM files ORDER BY id")).all()  # noqa: S608  names of ours
        sounds = connection.execute(text("SELECT decoded_s, intact FROM audio ORDER BY id")).all()
    assert [tuple(row)[:4] for row in rows] == [partial, partial, ("ogg", None, None, None), (None,) * 4]
    assert ["short" in str(row.warnings) for row in rows] == [True, True, False, False]
    assert [tuple(sound) for sound in sounds] == [(6.0, None), (None, None)]
    with library.database.write() as connection:
        command.downgrade(migrations(connection), "0003")
        rows = connection.execute(text(f"SELECT {columns} FROM audio ORDER BY id")).all()  # noqa: S608  names of ours
    assert [tuple(row)[:4] for row in rows] == [partial, ("ogg", None, None, None)]
    assert ["short" in str(row.warnings) for row in rows] == [True, False]


def test_a_row_cannot_point_to_nothing(library: Library) -> None:
    with pytest.raises(IntegrityError):
        library.change("INSERT INTO history (file_id, at, what, detail) VALUES (99, 0, 'x', '{}')")


def test_a_row_that_is_there_already_is_an_error_that_is_not_swallowed(library: Library) -> None:
    library.change(ROOT, path=b"/music")
    with pytest.raises(IntegrityError):
        library.change(ROOT, path=b"/music")
    assert len(library.roots.every()) == 1


def test_a_write_that_fails_has_not_happened(library: Library) -> None:
    def stop_half_way() -> None:
        with library.database.write() as connection:
            connection.execute(text(ROOT), {"path": b"/"})
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        stop_half_way()
    assert library.roots.every() == []
    library.root()
    assert len(library.roots.every()) == 1


def test_a_reader_sees_one_state_while_others_write(library: Library) -> None:
    with library.database.read() as connection:
        before = connection.execute(select(root_table.c.id)).all()
        library.root()
        assert connection.execute(select(root_table.c.id)).all() == before
    assert len(library.roots.every()) == len(before) + 1


def test_the_database_keeps_the_time(library: Library) -> None:
    with library.database.read() as connection:
        first = connection.execute(select(database_time())).scalar_one()
        assert first == pytest.approx(time.time(), abs=60)
        time.sleep(0.01)
        assert connection.execute(select(database_time())).scalar_one() > first or not library.database.shared


def test_an_older_database_on_a_server_is_left_alone_until_it_is_to_be_migrated(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    with database.write() as connection:
        command.downgrade(migrations(connection), "0001")
        connection.execute(text(ROOT), {"path": b"/music"})
    database.close()
    with pytest.raises(StorageUnusable, match=r"older Tonearm \(revision 0001, now .*`tonearm migrate`"):
        open_postgres(postgres_url, 5, 30)
    database = open_postgres(postgres_url, 5, 30, migrate=True)
    assert differences(database) == []
    assert [root.root_path for root in Library(database).roots.every()] == [b"/music"]
    database.close()
    open_postgres(postgres_url, 5, 30).close()


def test_a_newer_database_on_a_server_is_refused_and_left_alone(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    library = Library(database)
    library.change("UPDATE alembic_version SET version_num = '9999'")
    for migrate in (False, True):
        with pytest.raises(StorageUnusable, match=r"written by a newer Tonearm \(revision 9999\)"):
            open_postgres(postgres_url, 5, 30, migrate=migrate)
    assert revision(library) == "9999"
    database.close()


def test_a_library_can_lie_in_a_schema_of_its_own(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    with database.write() as connection:
        connection.execute(text("CREATE SCHEMA music"))
    database.close()
    database = open_postgres(f"{postgres_url}?options=-c%20search_path%3Dmusic", 5, 30)
    library = Library(database)
    library.root()
    assert library.rows("SELECT path FROM music.roots") == [{"path": b"/music"}]
    assert library.rows("SELECT path FROM public.roots") == []
    database.close()


def test_a_process_holds_no_more_connections_than_it_may(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 0.5, connections=2)
    with database.read(), database.read():
        assert database.connections() == {"in_use": 2, "idle": 0}
        with pytest.raises(StorageUnavailable, match="no connection was free in time"):
            database.ping()
    database.ping()
    assert database.connections() == {"in_use": 0, "idle": 2}
    database.close()


def test_all_who_open_an_empty_database_at_the_same_time_get_it(postgres_url: str) -> None:
    start = threading.Barrier(4)
    opened: list[Database] = []

    def begin() -> None:
        start.wait()
        opened.append(open_postgres(postgres_url, 5, 30))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    assert differences(opened[0]) == []
    for database in opened:
        database.close()
