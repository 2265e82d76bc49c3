"""The columns that tracks can be filtered and sorted by, and where they are stored."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Table
from sqlalchemy.types import TypeDecorator

from tonearm.library.column_types import stored_text, text_key
from tonearm.library.features import FeatureTables
from tonearm.library.file_contents import TEXT_TAGS
from tonearm.library.schema import audio_table, file_table, tags_table
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS

FILE_FIELDS = ("duration_s", "container", "bit_rate_bps")
"""Those of ``AUDIO_FIELDS`` that are stored with the file, not with its audio."""

TEXT_FILTERS = ("artist", "album", "title", "genre", "codec")
"""Columns by a part of whose text tracks are chosen, from the command line, the API, GraphQL and the page."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchColumn:
    """A column, with what is needed to search by it.

    owner: the column of ``table`` with the id of the file (``of_file``) or of the audio. value: the whole value.
    key: what tracks are sorted by and what is indexed: the value, or the first characters of a text.
    words: the column in the index over parts of texts; ``None`` where there is none.
    behind: the column whose index has this one's values too, after its own; ``None`` where there is none.
    """

    name: str
    table: Table
    owner: Column[Any]
    of_file: bool
    value: ColumnElement[Any]
    key: ColumnElement[Any]
    is_text: bool
    words: str | None = None
    behind: "SearchColumn | None" = None

    def can_have(self, key: Any) -> bool:
        """Whether the database can compare ``key`` with the keys of the column."""
        if key is None:
            return True
        declared = self.key.type
        kind = declared.impl_instance if isinstance(declared, TypeDecorator) else declared
        if type(key) is not kind.python_type:
            return False
        if isinstance(key, str):
            return stored_text(key) == key
        if isinstance(key, float):
            return math.isfinite(key)
        bits = 63 if isinstance(kind, BigInteger) else 31
        return bool(-(2**bits) <= key < 2**bits)


def search_columns(features: FeatureTables) -> Mapping[str, SearchColumn]:
    """Every column except ``path``, by its name."""
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
    is_text = name in ("audio_hash", "codec")
    behind = _of_audio("codec") if name == "bit_depth" else None
    return SearchColumn(name, audio_table, audio_table.c.id, False, value, key, is_text, behind=behind)


def _of_tags(name: str) -> SearchColumn:
    value = tags_table.c[name]
    is_text = name in TEXT_TAGS
    key: ColumnElement[Any] = text_key(value) if is_text else value
    words = name if name in TEXT_FILTERS else None
    return SearchColumn(name, tags_table, tags_table.c.file_id, True, value, key, is_text, words)
