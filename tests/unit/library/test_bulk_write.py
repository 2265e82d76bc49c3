"""Rows that are written in bulk are stored as SQLAlchemy itself would store them, and errors are raised as its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tonearm.library.bulk_write import add, change, row_batch, upsert
from tonearm.library.database import Database, open_sqlite
from tonearm.library.schema import audio_table, run_table, tags_table

RUN: dict[str, Any] = {"paths": ["/a\0", "ü\ud800"], "state": "run\0ning", "started_at": -0.0}
SOUND = {"codec": "flac", "sample_rate_hz": 44_100, "channels": 2, "first_seen_at": 1}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = open_sqlite(tmp_path)
    yield database
    database.close()


def runs(database: Database) -> list[dict[str, Any]]:
    with database.read() as connection:
        rows = connection.execute(select(run_table).order_by(run_table.c.id)).mappings()
        return [{name: value for name, value in row.items() if name != "id"} for row in rows]


def test_rows_and_their_defaults_are_stored_as_sqlalchemy_stores_them(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(run_table), [RUN])
        add(connection, run_table, [RUN, RUN])
    by_sqlalchemy, *added = runs(database)
    assert added == [by_sqlalchemy, by_sqlalchemy]
    assert by_sqlalchemy["paths"] == ["/a", "ü?"]
    assert (by_sqlalchemy["discovered"], by_sqlalchemy["batches"]) == (0, 0)


def test_rows_of_several_tables_and_columns_are_written_together(database: Database) -> None:
    with database.write() as connection, row_batch(connection) as batch:
        batch.upsert(run_table, ("id",), [{"id": 1, **RUN}, {"id": 2, "counts": {}, **RUN}])
        batch.upsert(audio_table, ("hash",), [{"hash": "a", "warnings": [], "intact": True, **SOUND}])
    with database.write() as connection:
        change(connection, run_table, [{"id": 2, "state": "paused", "finished_at": 2}])
        upsert(
            connection,
            audio_table,
            ("hash",),
            [{"hash": "a", "warnings": ["w"], "intact": False, **SOUND, "first_seen_at": 9}],
            first=("first_seen_at",),
        )
    assert [(run["state"], run["counts"], run["finished_at"]) for run in runs(database)] == [
        ("running", None, None),
        ("paused", {}, 2.0),
    ]
    with database.read() as connection:
        [audio] = connection.execute(select(audio_table)).all()
    assert (audio.warnings, audio.intact, audio.first_seen_at) == (["w"], False, 1.0)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"state": None}, IntegrityError),
        ({"started_at": "soon"}, ValueError),
        ({"started_at": []}, ValueError),
        ({"state": 3}, ValueError),
        ({"discovered": 1 << 70}, OverflowError),
        ({"paths": [float("nan")]}, ValueError),
    ],
)
def test_a_value_that_can_not_be_stored_is_refused_with_all_other_rows(
    database: Database, values: dict[str, Any], error: type[Exception]
) -> None:
    whole = {**RUN, "discovered": 0}
    with pytest.raises(error), database.write() as connection:
        add(connection, run_table, [whole, whole | values])
    assert runs(database) == []


def test_a_row_that_refers_to_nothing_is_refused(database: Database) -> None:
    row = {"file_id": 7, "everything": {}, "read_at": 1.0}
    with pytest.raises(IntegrityError), database.write() as connection:
        upsert(connection, tags_table, ("file_id",), [row])
