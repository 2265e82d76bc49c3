"""Writes tracks as comma-separated values (RFC 4180), in UTF-8."""

import csv
import io
from collections.abc import Sequence

from tonearm.export.exported import Exported, Sink
from tonearm.export.table_columns import TableColumn, row_of


class CsvWriter:
    """Writes a head and a row for each track; unknown values are empty."""

    def __init__(self, file: Sink, columns: Sequence[TableColumn]) -> None:
        self._file = file
        self._columns = columns
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text)

    def begin(self) -> None:
        """Write the names of the columns."""
        self._write([column.name for column in self._columns])

    def add(self, exported: Exported) -> None:
        """Write a track."""
        self._write(row_of(exported, self._columns))

    def end(self) -> None:
        """A table has no end."""

    def close(self) -> None:
        """Nothing is held."""

    def _write(self, row: Sequence[object]) -> None:
        self._rows.writerow(row)
        self._file.write(self._text.getvalue().encode("utf-8"))
        self._text.seek(0)
        self._text.truncate()
