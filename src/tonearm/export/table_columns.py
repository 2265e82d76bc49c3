"""The columns of tables: everything that lists of tracks have, with plain types."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.analysis import catalog
from tonearm.export.exported import Exported
from tonearm.views.track import AUDIO_FIELDS, TAG_FIELDS

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""What UTF-8 or its readers can't hold."""
_WHOLE = ("sample_rate_hz", "channels", "bit_depth", "bit_rate_bps", "track", "disc", "year", "original_year")
_REAL = ("duration_s", "decoded_s")


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column. type: ``int``, ``float``, ``bool`` or ``str``; lists and objects are JSON."""

    name: str
    type: type
    is_json: bool = False


def table_columns() -> tuple[TableColumn, ...]:
    """Every column of a table: facts, tags, and what the analysers return, which is ``object`` for lists."""
    facts = [
        TableColumn(name, int if name in _WHOLE else float if name in _REAL else str)
        for name in ("state", *AUDIO_FIELDS, *TAG_FIELDS)
    ]
    measured = [
        TableColumn(name, str, True) if found.type is object else TableColumn(name, found.type)
        for name, (_, found) in catalog.columns().items()
    ]
    about = [TableColumn(name, str, True) for name in ("stale", "locked", "measured")]
    return (
        TableColumn("id", int),
        TableColumn("path", str),
        TableColumn("path_b64", str),
        *facts,
        *measured,
        *about,
    )


def row_of(exported: Exported, columns: Sequence[TableColumn]) -> list[Any]:
    """The values of a track by column. A path that is not UTF-8 has U+FFFD, and its bytes in ``path_b64``."""
    values = exported.track.to_json()
    return [_value(column, values.get(column.name)) for column in columns]


def _value(column: TableColumn, value: Any) -> Any:
    if value is None:
        return None
    if column.is_json:
        return json.dumps(value)
    if column.type is str:
        return _UNWRITABLE.sub("\ufffd", str(value))
    return column.type(value)
