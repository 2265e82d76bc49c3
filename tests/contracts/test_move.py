"""A library is moved completely or not at all, and is unchanged when it is moved back."""

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from sqlalchemy import func, select, text
from sqlalchemy.engine import make_url

from tests.contracts.test_database import migrations
from tests.contracts.test_library import AWKWARD, HOSTILE, WORDS, kept
from tests.program import Program
from tests.proxy import proxy_of, through
from tests.servers import administer
from tests.unit.library_fixture import Library
from tonearm.errors import LibraryInUse, StorageUnavailable
from tonearm.library.column_types import padded
from tonearm.library.database import REVISION, Database, open_postgres, open_sqlite
from tonearm.library.move_library import Moved, MoveDiffers, NotEmpty, move
from tonearm.library.process_lock import exclusive_lock
from tonearm.library.schema import file_table, metadata

SAMPLES = Path(__file__).parents[2] / "samples"
PASSWORD = "hush"  # noqa: S105  of no account


def quiet(*_: object) -> None:
    """Hear of progress and say nothing."""


def filled(folder: Path) -> Database:
    """A library of everything that is hard to keep."""
    database = open_sqlite(folder)
    library = Library(database)
    files = [
        kept(library, path, bpm=120.5, title=title, everything=AWKWARD)
        for path, title in zip(HOSTILE, WORDS.values(), strict=False)
    ]
    with database.write() as connection:  # a file that went to a place with a later number
        connection.execute(
            file_table.update()
            .where(file_table.c.id == files[0])
            .values(moved_to_id=files[-1], missing_since=9.5)
        )
        connection.execute(
            text(
                "INSERT INTO workers (name, instance, host, pid, version, slots, started_at, seen_at, ended_at,"
                " drain, done, failed, running, breakers, unmounted) VALUES"
                " ('ä', 'x', 'h', 1, '0', 2, 1, 1, 1, true, 1, 0, '[]', '{}', '[\"a%FF\"]'),"
                " ('Z', 'x', 'h', 1, '0', 2, 1, 1, NULL, false, 1, 0, '[]', '{}', 'null'),"
                " ('a', 'x', 'h', 1, '0', 2, 1, 1, 1, false, 1, 0, '[]', '{}', '[]')"
            )
        )
    library.files.mark_missing(files[1:2])
    return database


def dump(folder: Path) -> list[str]:
    """Every row of every table of a library that is not derived, as SQL; in no order, as rows have none."""
    connection = sqlite3.connect(folder / "tonearm.db")
    try:
        derived = ("features_", "tag_words")
        return sorted(line for line in connection.iterdump() if not any(name in line for name in derived))
    finally:
        connection.close()


def counts(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Database]:
    database = filled(tmp_path / "here")
    yield database
    database.close()


@pytest.fixture
def there(postgres_url: str) -> Iterator[Database]:
    database = open_postgres(postgres_url, 5, 30)
    yield database
    database.close()


def test_a_library_that_is_moved_there_and_back_is_the_same(
    here: Database, there: Database, tmp_path: Path
) -> None:
    steps: list[tuple[str, str]] = []

    def message(step: str, table: str, *_: int) -> None:
        steps.append((step, table))

    sent = move(here, there, message)
    back = open_sqlite(tmp_path / "back")
    came = move(there, back, quiet)
    back.close()
    assert all(table.equal for table in sent)
    assert [(table.table, table.sha256) for table in sent] == [(table.table, table.sha256) for table in came]
    assert {table.table: table.rows for table in sent} == counts(here) == counts(there)
    assert sum(table.rows for table in sent) > 60
    assert dump(tmp_path / "here") == dump(tmp_path / "back")
    assert set(steps) == {(step, table.table) for table in sent for step in ("copied", "compared")}


def test_a_library_that_was_moved_can_be_worked_with(here: Database, there: Database) -> None:
    move(here, there, quiet)
    library = Library(there)
    before = {row["id"] for row in library.rows("SELECT id FROM files")}
    new = kept(library, b"new.flac", bpm=99.0)
    assert new > max(before)
    library.change("INSERT INTO history (file_id, at, what, detail) VALUES (:f, 1, 'x', '{}')", f=new)


def test_a_table_without_rows_is_numbered_from_one(tmp_path: Path, there: Database) -> None:
    empty = open_sqlite(tmp_path / "empty")
    assert {table.rows for table in move(empty, there, quiet)} == {0}
    empty.close()
    library = Library(there)
    assert library.root() == 1


def test_what_earlier_versions_let_into_text_does_not_stop_a_move(
    here: Database, there: Database, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "here" / "tonearm.db") as connection:
        connection.create_function("tonearm_padded", 1, padded, deterministic=True)
        connection.execute("UPDATE tags SET title = 'a' || char(0) || 'b'")
        connection.execute("""UPDATE tags SET everything = '{"x":["\\u0000","\\ud83c\\udfb5","\\ud800"]}'""")
    connection.close()
    assert all(table.equal for table in move(here, there, quiet))
    assert Library(there).rows("SELECT DISTINCT title FROM tags") == [{"title": "ab"}]
    assert Library(there).rows("SELECT DISTINCT everything ->> 'x' AS x FROM tags") == [
        {"x": '["", "\\ud83c\\udfb5", "?"]'}
    ]


def test_a_place_that_holds_a_library_is_refused_and_left_alone(here: Database, there: Database) -> None:
    Library(there).root(b"/theirs")
    with pytest.raises(NotEmpty, match="holds a library already"):
        move(here, there, quiet)
    assert sum(counts(there).values()) == 1


def test_what_arrives_different_is_not_kept(here: Database, there: Database, postgres_url: str) -> None:
    with administer(postgres_url) as admin:
        admin.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.title := NEW.title || '.'; RETURN NEW; END $$"
        )
        admin.execute("CREATE TRIGGER spoil BEFORE INSERT ON tags FOR EACH ROW EXECUTE FUNCTION spoil()")
    with pytest.raises(
        MoveDiffers, match=r"differs from the original \(tags\); nothing of it was kept"
    ) as caught:
        move(here, there, quiet)
    assert [table.table for table in caught.value.tables if not table.equal] == ["tags"]
    assert sum(counts(there).values()) == 0


def test_rows_that_get_lost_on_the_way_are_noticed(
    here: Database, there: Database, postgres_url: str
) -> None:
    with administer(postgres_url) as admin:
        admin.execute(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$"
        )
        admin.execute("CREATE TRIGGER lose BEFORE INSERT ON history FOR EACH ROW EXECUTE FUNCTION lose()")
    with pytest.raises(MoveDiffers) as caught:
        move(here, there, quiet)
    [lost] = [table for table in caught.value.tables if not table.equal]
    assert isinstance(lost, Moved)
    assert (lost.table, lost.rows > 0, lost.rows_there) == ("history", True, 0)


def test_a_move_that_is_broken_off_has_not_happened(here: Database, there: Database) -> None:
    def break_off(step: str, table: str, *_: object) -> None:
        if (step, table) == ("compared", "files"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move(here, there, break_off)
    assert sum(counts(there).values()) == 0
    assert all(table.equal for table in move(here, there, quiet))


def test_a_server_that_goes_away_meanwhile_is_named_and_nothing_is_kept(
    here: Database, postgres_url: str
) -> None:
    with proxy_of(postgres_url) as proxy:
        there = open_postgres(through(proxy, postgres_url), 2, 2)

        def cut(step: str, table: str, *_: object) -> None:
            if (step, table) == ("copied", "files"):
                proxy.reset()

        with pytest.raises(StorageUnavailable, match=rf"PostgreSQL .*:{proxy.port} does not answer"):
            move(here, there, cut)
        proxy.heal()
        there.close()
    again = open_postgres(postgres_url, 5, 30)
    assert sum(counts(again).values()) == 0
    again.close()


ALIVE = (
    "INSERT INTO workers (name, instance, host, pid, version, slots, started_at, seen_at, ended_at, drain,"
    " done, failed, running, breakers, unmounted) SELECT 'bench:1', 'x', 'h', 1, '0', 2, now, now - {ago}, {ended},"
    " false, 0, 0, '[]', '{{}}', '[]' FROM (SELECT extract(epoch FROM clock_timestamp()) AS now) AS clock"
)


@pytest.mark.parametrize(
    ("ago", "ended", "refused"), [(10, "NULL", True), (70, "NULL", False), (10, "now", False)]
)
def test_a_library_that_workers_are_at_work_with_is_not_moved(
    there: Database, tmp_path: Path, ago: int, ended: str, refused: bool
) -> None:
    Library(there).change(ALIVE.format(ago=ago, ended=ended))
    back = open_sqlite(tmp_path / "back")
    if refused:
        with pytest.raises(
            LibraryInUse, match="in use by workers: bench:1; end them with `tonearm workers drain"
        ):
            move(there, back, quiet)
        assert sum(counts(back).values()) == 0
    else:
        move(there, back, quiet)
        assert counts(back)["workers"] == 1
    back.close()


# ---- the commands


def test_the_command_moves_a_library_of_real_music_there_and_back(
    make_program: Callable[..., Program], tmp_path: Path, postgres_url: str
) -> None:
    music = tmp_path / "music"
    shutil.copytree(SAMPLES, music)
    [one, *_] = sorted(music.rglob("*.mp3"))
    for number, name in enumerate(HOSTILE):
        target = bytes(music) + b"/" + name
        with open(target, "wb") as file:
            file.write(one.read_bytes() + bytes(number))
    here = make_program(tmp_path / "here")
    assert here.run("analyze", music).status == 0
    listed = here.run("tracks", "--full", check=True).events
    moved = here.run("move", tmp_path / "here", postgres_url, check=True).events
    assert moved[-1]["rows"] == sum(table["rows"] for table in moved[:-1]) > 100
    assert all(table["equal"] and table["sha256"] == table["sha256_there"] for table in moved[:-1])
    shared = make_program(tmp_path / "unused", TONEARM_DATABASE_URL=postgres_url)
    assert json.dumps(shared.run("tracks", "--full", check=True).events) == json.dumps(listed)
    assert shared.run("move", postgres_url, tmp_path / "back", check=True).events[-1]["rows"] > 100
    assert dump(tmp_path / "here") == dump(tmp_path / "back")
    assert not (tmp_path / "unused" / "tonearm.db").exists()


@pytest.mark.usefixtures("here")
def test_the_command_says_in_one_line_why_it_refuses(
    program: Program, tmp_path: Path, postgres_url: str
) -> None:
    with_secret = make_url(postgres_url).set(password=PASSWORD).render_as_string(hide_password=False)
    place = tmp_path / "here"
    for origin, goal, words in (
        (tmp_path / "nothing", postgres_url, "holds no library"),
        (place, place, "the library is there already"),
        (place, f"{place}/../here", "the library is there already"),
        (with_secret, with_secret, "the library is there already"),
        (place, "postgresql://u:hush@host:port/name", "not the address of a PostgreSQL database"),
        (place, with_secret.replace("/test_", "/nowhere_"), "no such database"),
    ):
        outcome = program.run("move", origin, goal)
        assert (outcome.status, outcome.events) == (2, [])
        assert words in outcome.errors
        assert len(outcome.errors.splitlines()) == 1
        assert PASSWORD not in outcome.errors
    with exclusive_lock(place):
        assert "is analysing with the library" in program.run("move", place, postgres_url).errors
    assert program.run("move", place, with_secret).status == 0
    refused = program.run("move", place, postgres_url)
    assert (refused.status, "holds a library already" in refused.errors) == (2, True)


@pytest.mark.usefixtures("here")
def test_the_command_shows_a_person_the_tables_and_what_to_set(
    program: Program, tmp_path: Path, postgres_url: str
) -> None:
    secret = make_url(postgres_url).set(password=PASSWORD).render_as_string(hide_password=False)
    process = program.start("move", tmp_path / "here", secret)
    output, errors = process.communicate(timeout=60)
    said = output.decode()
    assert (process.returncode, errors) == (0, b"")
    assert said.count("the same") == len(metadata.sorted_tables)
    assert "From now on set TONEARM_DATABASE_URL=postgresql" in said
    assert PASSWORD not in said


def test_migrate_says_from_which_revision_to_which(
    make_program: Callable[..., Program], tmp_path: Path, postgres_url: str
) -> None:
    shared = make_program(tmp_path / "data", TONEARM_DATABASE_URL=postgres_url)

    def migrated() -> tuple[object, object, object]:
        [said] = shared.run("migrate", check=True).events
        assert said["database"].startswith("PostgreSQL test_")
        return said["from"], said["to"], said["changed"]

    assert migrated() == (None, REVISION, True)
    assert migrated() == (REVISION, REVISION, False)
    database = open_postgres(postgres_url, 5, 30)
    with database.write() as connection:
        connection.execute(text(ALIVE.format(ago=1, ended="NULL")))
        command.downgrade(migrations(connection), "0002")
    refused = shared.run("tracks")
    assert (refused.status, "run `tonearm migrate`" in refused.errors) == (2, True)
    refused = shared.run("migrate")
    assert (refused.status, "in use by workers: bench:1" in refused.errors) == (2, True)
    with administer(postgres_url) as admin:
        admin.execute("DELETE FROM workers")
    assert migrated() == ("0002", REVISION, True)
    database.close()
    process = shared.start("migrate")
    assert process.communicate(timeout=60)[0].decode().endswith("nothing to do.\n")


def test_migrate_works_for_a_folder_too(program: Program) -> None:
    assert program.run("migrate", check=True).events[0]["from"] is None
    assert program.run("migrate", check=True).events[0]["changed"] is False


def test_a_database_of_another_program_is_refused(
    program: Program, here: Database, postgres_url: str
) -> None:
    plain = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        connection.execute("CREATE TABLE jobs (id int)")
    connection.close()
    refused = program.run("move", here.address.removesuffix("/tonearm.db"), postgres_url)
    assert (refused.status, "its tables are not as this version made them" in refused.errors) == (2, True)
