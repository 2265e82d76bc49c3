"""Tables of the values that analysers return, one for each analyser and version, with an index over each column.

A value that a person has locked stands here in place of the measured one. They are generated from the columns that
analysers declare, so that tracks can be filtered and sorted by the columns of any analyser. They are derived from
``analyses`` and ``locked_values`` and can be dropped: opening the library creates and fills missing ones.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, delete, select, text

from tonearm.library.bulk_write import RowBatch, upsert
from tonearm.library.column_types import KEY_LENGTH, FiniteFloat, KeyText, storable_text
from tonearm.library.curation_schema import locked_value_table
from tonearm.library.database import Database, disable_statement_timeout, serialize_transactions
from tonearm.library.file_contents import AUDIO_ID
from tonearm.library.locked_values import NO_LOCKS, Locks, locks_of
from tonearm.library.schema import Key, analysis_table

PREFIX = "features_"
"""What the names of these tables begin with."""
FILLED_AT_ONCE = 1000
"""Number of rows of ``analyses`` that are read at once when a table is filled."""

_COLUMNS = {
    "sqlite": "SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c"
    r" WHERE t.type = 'table' AND t.name LIKE 'features\_%' ESCAPE '\'",
    "postgresql": "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    r" WHERE c.relkind = 'r' AND c.relname LIKE 'features\_%' AND pg_table_is_visible(c.oid)"
    " AND a.attnum > 0 AND NOT a.attisdropped",
}


Findings = Mapping[str, tuple[int, Mapping[str, Any], Mapping[str, Any]]]
"""The version, values and series of one piece of audio, by analyser."""


@dataclass(frozen=True, slots=True)
class SearchableColumns:
    """The columns of one version of an analyser that tracks can be searched by, with their types.

    The types are ``float``, ``int``, ``bool`` and ``str``.
    """

    analyser: str
    version: int
    columns: Mapping[str, type]


class FeatureTables:
    """The tables of all analysers in their current versions."""

    def __init__(self, declared: Iterable[SearchableColumns]) -> None:
        self._declared = {each.analyser: each for each in declared if each.columns}
        metadata = MetaData()
        self._tables = {each.analyser: _table(metadata, each) for each in self._declared.values()}
        self._columns: dict[str, Column[Any]] = {
            name: self._tables[each.analyser].c[name]
            for each in self._declared.values()
            for name in each.columns
        }

    @property
    def tables(self) -> tuple[Table, ...]:
        """The table of each analyser."""
        return tuple(self._tables.values())

    @property
    def columns(self) -> Mapping[str, Column[Any]]:
        """Every column that tracks can be searched by, by its name."""
        return self._columns

    def type_of(self, column: str) -> type:
        """The type of a column, as its analyser declares it."""
        return next(each.columns[column] for each in self._declared.values() if column in each.columns)

    def ensure(self, database: Database) -> None:
        """Create the tables that are missing or have other columns, and fill them from ``analyses``."""
        with database.read() as connection:
            if not self._unfit(_found(connection)):
                return
        with database.write() as connection:
            serialize_transactions(connection)
            disable_statement_timeout(connection)
            for analyser in self._unfit(_found(connection)):
                self._tables[analyser].drop(connection, checkfirst=True)
                self._tables[analyser].create(connection)
                self._fill(connection, analyser)
                for statement in index_statements(self._tables[analyser]).values():
                    connection.execute(text(statement))

    def drop_others(self, database: Database) -> None:
        """Drop the tables of other versions and of analysers that no longer exist. No worker may be running."""
        with database.write() as connection:
            for name in _found(connection).keys() - {table.name for table in self._tables.values()}:
                quoted = connection.dialect.identifier_preparer.quote(name)
                connection.execute(text(f"DROP TABLE {quoted}"))

    def write(self, batch: RowBatch, found: Mapping[int, Findings], locked: Mapping[int, Locks]) -> None:
        """Add the values of some audio, by its id. Values of other versions than the current ones are left out.

        locked: what is locked for audio; the caller keeps it from being changed meanwhile.
        """
        for analyser, declared in self._declared.items():
            rows = [
                _row(declared, audio, results[analyser][1], locked.get(audio, NO_LOCKS))
                for audio, results in found.items()
                if analyser in results and results[analyser][0] == declared.version
            ]
            if rows:
                batch.upsert(self._tables[analyser], (AUDIO_ID,), rows)

    def write_locked(self, connection: Connection, audio: int, locks: Locks) -> None:
        """Write the rows of one piece of audio again, whose locks have changed."""
        for analyser, declared in self._declared.items():
            table = self._tables[analyser]
            stored = select(analysis_table.c.scalars).where(
                analysis_table.c.audio_id == audio,
                analysis_table.c.analyser == analyser,
                analysis_table.c.version == declared.version,
            )
            scalars = connection.execute(stored).scalar_one_or_none()
            if scalars is None and not declared.columns.keys() & locks.counting({}).keys():
                connection.execute(delete(table).where(table.c[AUDIO_ID] == audio))
            else:
                upsert(connection, table, (AUDIO_ID,), [_row(declared, audio, scalars or {}, locks)])

    def _unfit(self, found: Mapping[str, set[str]]) -> list[str]:
        """The analysers whose tables are missing or have other columns."""
        return [
            analyser
            for analyser, table in self._tables.items()
            if found.get(table.name) != set(table.c.keys())
        ]

    def _fill(self, connection: Connection, analyser: str) -> None:
        declared, table = self._declared[analyser], self._tables[analyser]
        self._fill_unmeasured(connection, analyser)
        after = 0
        results = (
            select(analysis_table.c.audio_id, analysis_table.c.scalars)
            .where(analysis_table.c.analyser == analyser, analysis_table.c.version == declared.version)
            .order_by(analysis_table.c.audio_id)
            .limit(FILLED_AT_ONCE)
        )
        while rows := connection.execute(results.where(analysis_table.c.audio_id > after)).all():
            locked = locks_of(connection, [row.audio_id for row in rows])
            found = [
                _row(declared, row.audio_id, row.scalars, locked.get(row.audio_id, NO_LOCKS)) for row in rows
            ]
            upsert(connection, table, (AUDIO_ID,), found)
            after = rows[-1].audio_id

    def _fill_unmeasured(self, connection: Connection, analyser: str) -> None:
        """Write what is locked; audio that this version has not measured yet has nothing else."""
        declared, table = self._declared[analyser], self._tables[analyser]
        after = 0
        audios = select(locked_value_table.c.audio_id).order_by(locked_value_table.c.audio_id)
        audios = audios.limit(FILLED_AT_ONCE)
        while (
            found := connection.execute(audios.where(locked_value_table.c.audio_id > after)).scalars().all()
        ):
            rows = [
                _row(declared, audio, {}, locks)
                for audio, locks in locks_of(connection, found).items()
                if declared.columns.keys() & locks.counting({}).keys()
            ]
            if rows:
                upsert(connection, table, (AUDIO_ID,), rows)
            after = found[-1]


def _row(declared: SearchableColumns, audio: int, values: Mapping[str, Any], locks: Locks) -> dict[str, Any]:
    counting = values if locks is NO_LOCKS else {**values, **locks.counting(values)}
    row: dict[str, Any] = {AUDIO_ID: audio, **dict.fromkeys(declared.columns)}
    for name, value in counting.items():
        if value is not None and (kind := declared.columns.get(name)) is not None:
            row[name] = _kept(kind, value)
    return row


def _table(metadata: MetaData, declared: SearchableColumns) -> Table:
    name = _table_name(declared)
    return Table(
        name,
        metadata,
        Column(AUDIO_ID, Key, primary_key=True, autoincrement=False),
        *[
            Column(column, KeyText if kind is str else FiniteFloat)
            for column, kind in declared.columns.items()
        ],
    )


def index_statements(table: Table) -> dict[str, str]:
    """The statement for each index of a table, by its name: one for each column, over the values that are known."""
    return {
        f"ix_{table.name}_{number}": f'CREATE INDEX ix_{table.name}_{number} ON {table.name} ("{column.name}")'
        f' WHERE "{column.name}" IS NOT NULL'
        for number, column in enumerate(table.columns)
        if not column.primary_key
    }  # as text: SQLAlchemy's own indexes over a part of a table take 40 ms to load


def _table_name(declared: SearchableColumns) -> str:
    """A name that is valid in either database, for any name of an analyser."""
    word = re.sub(r"[^a-z0-9_]", "_", declared.analyser)[:30]
    if word != declared.analyser:
        word += "_" + hashlib.sha256(declared.analyser.encode()).hexdigest()[:8]
    return f"{PREFIX}{word}_{declared.version}"


def _found(connection: Connection) -> dict[str, set[str]]:
    """The tables of features that the database has, with their columns."""
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(text(_COLUMNS[connection.dialect.name])):
        found.setdefault(table, set()).add(column)
    return found


def _kept(kind: type, value: Any) -> Any:
    """A value as it is stored here; ``None`` for NaN, infinity and values of another type than the column's."""
    if kind is str:
        return storable_text(value)[:KEY_LENGTH] if isinstance(value, str) else None
    if not isinstance(value, float | int):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
