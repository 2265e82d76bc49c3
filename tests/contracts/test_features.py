"""A library of an older version can be searched and mixed like a newly analysed one."""

from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from tests.unit.library_fixture import Library, features_of, finish_one, result
from tonearm.library import database as opening
from tonearm.library.database import Database

VERSIONS = {"tempo": 10, "key": 10, "character": 10}


@pytest.fixture
def library(new_database: Database) -> Library:
    """A library that nobody else uses, as its tables are changed; on SQLite and then on PostgreSQL."""
    return Library(new_database)


def migrate(library: Library, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", opening.__file__.replace("database.py", "migrations"))
    with library.database.write() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if revision < opening.REVISION else command.upgrade)(config, revision)


def findings(version: int, bpm: float | None, camelot: str | None, energy: float) -> dict[str, Any]:
    return {
        "tempo": (version, {"bpm": bpm}, {}),
        "key": (version, {"camelot": camelot}, {}),
        "character": (version, {"energy": energy}, {}),
    }


def kept(library: Library) -> list[list[Any]]:
    """What is searched, of all audio."""
    rows = library.rows(
        "SELECT a.id, camelot, bpm, energy FROM audio a LEFT JOIN features_key_10 k ON k.audio_id = a.id"
        " LEFT JOIN features_tempo_10 t ON t.audio_id = a.id"
        " LEFT JOIN features_character_10 c ON c.audio_id = a.id ORDER BY a.id"
    )
    return [[row["camelot"], row["bpm"], row["energy"]] for row in rows]


def test_what_was_measured_before_is_found_where_tracks_are_searched(library: Library) -> None:
    library = Library(library.database, versions=VERSIONS)
    run = library.run()
    library.finish(run, b"a.flac", result("a" * 8, findings=findings(10, 127.95, "8A", 0.25)))
    library.finish(run, b"b.flac", result("b" * 8, findings=findings(10, None, None, 1.0)))
    library.finish(run, b"c.flac", result("c" * 8, findings={"tempo": (10, {"bpm": 87.0}, {})}))
    library.finish(run, b"d.flac", result("d" * 8, findings=findings(9, 99.0, "1B", 0.0)))
    assert kept(library)[3] == [None, None, None], "what an older version measured is not searched"
    library.meet(run, b"d.flac", fresh=True)
    finish_one(
        library.job_store, library.take(run), result("d" * 8, findings=findings(10, 100.04, "1A", 0.5))
    )
    before = kept(library)
    assert before == [
        ["8A", 127.95, 0.25],
        [None, None, 1.0],
        [None, 87.0, None],
        ["1A", 100.04, 0.5],
    ]
    migrate(library, "0002")
    migrate(library, opening.REVISION)
    features_of(VERSIONS).ensure(library.database)
    assert kept(library) == before


def test_mix_points_come_back_with_the_older_tables(library: Library) -> None:
    library = Library(library.database, versions=VERSIONS)
    library.finish(library.run(), b"a.flac", result("a" * 8, findings=findings(10, 127.95, "8A", 0.25)))
    migrate(library, "0003")
    assert library.rows("SELECT camelot, tempo, energy, tempo_version FROM mix_points") == [
        {"camelot": "8A", "tempo": 1280, "energy": 0.25, "tempo_version": 10}
    ]
    migrate(library, opening.REVISION)
