"""The columns that tracks can be filtered and sorted by, and where the database keeps each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Table

from tonearm.library.column_types import text_key
from tonearm.library.features import FeatureTables
from tonearm.library.schema import audio_table, file_table, tags_table
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS

FILE_FIELDS = ("duration_s", "container", "bit_rate_bps")
"""Those of ``AUDIO_FIELDS`` that belong to the file, not to its sound."""


@dataclass(frozen=True, slots=True)
class SearchColumn:
    """One column: its table, the key there that leads to files, and its value in full and as the index has it.

    owner: a file's or an audio's number in ``table``. key: what tracks are sorted by, of a text its first characters.
    words: the column of the index over parts of texts, where there is one.
    """

    name: str
    table: Table
    owner: Column[Any]
    of_file: bool
    value: ColumnElement[Any]
    key: ColumnElement[Any]
    is_text: bool
    words: str | None = None


def search_columns(features: FeatureTables) -> Mapping[str, SearchColumn]:
    """Every column by its name, but ``path``, which is where a file lies."""
    columns = [SearchColumn("state", file_table, file_table.c.id, True, *_both(file_table.c.state), True)]
    columns += [_of_file(name) if name in FILE_FIELDS else _of_audio(name) for name in AUDIO_FIELDS]
    columns += [_of_tags(name) for name in TAG_FIELDS]
    for name, value in features.columns.items():
        table = value.table
        assert isinstance(table, Table)  # noqa: S101  narrows the library's type
        is_text = features.type_of(name) is str
        columns.append(SearchColumn(name, table, table.c.audio_id, False, value, value, is_text))
    return {column.name: column for column in columns}


def _both(value: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    return value, value


def _of_file(name: str) -> SearchColumn:
    value = file_table.c[name]
    is_text = name == "container"
    key: ColumnElement[Any] = text_key(value) if is_text else value
    return SearchColumn(name, file_table, file_table.c.id, True, value, key, is_text)


def _of_audio(name: str) -> SearchColumn:
    value = audio_table.c["hash" if name == "audio_hash" else name]
    key: ColumnElement[Any] = text_key(value) if name == "codec" else value
    return SearchColumn(
        name, audio_table, audio_table.c.id, False, value, key, name in ("audio_hash", "codec")
    )


def _of_tags(name: str) -> SearchColumn:
    value = tags_table.c[name]
    is_text = name not in ("track", "disc", "year")
    key: ColumnElement[Any] = text_key(value) if is_text else value
    words = name if name in ("title", "artist", "album", "genre") else None
    return SearchColumn(name, tags_table, tags_table.c.file_id, True, value, key, is_text, words)
