"""Writes tracks as a Parquet table, with pyarrow."""

from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tonearm.export.exported import Exported
from tonearm.export.table_columns import TableColumn, row_of

ROWS = 5_000
"""Rows of a group, which are in memory together."""
_TYPES = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}


class ParquetWriter:
    """Writes a table in groups of rows."""

    def __init__(self, file: BinaryIO, columns: Sequence[TableColumn]) -> None:
        self._columns = columns
        self._schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
        self._writer = pq.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[list[Any]] = []

    def begin(self) -> None:
        """The library writes the head."""

    def add(self, exported: Exported) -> None:
        """Write a track."""
        self._rows.append(row_of(exported, self._columns))
        if len(self._rows) == ROWS:
            self._write()

    def end(self) -> None:
        """Write the rest, and the index of the file."""
        if self._rows:
            self._write()
        self._writer.close()

    def close(self) -> None:
        """Keep the library from writing later."""
        self._writer.close()

    def _write(self) -> None:
        arrays = [
            pa.array([row[place] for row in self._rows], _TYPES[column.type])
            for place, column in enumerate(self._columns)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows.clear()
