"""Writes tracks as JSON Lines: one object a line."""

import json

from tonearm.export.exported import Exported, Sink


class JsonLinesWriter:
    """Writes each track as ``tonearm tracks --json`` prints it; with details as ``--full`` has them."""

    def __init__(self, file: Sink) -> None:
        self._file = file

    def begin(self) -> None:
        """There is no head."""

    def add(self, exported: Exported) -> None:
        """Write a track."""
        value = (exported.detail or exported.track).to_json()
        self._file.write(json.dumps(value, allow_nan=False).encode("ascii") + b"\n")

    def end(self) -> None:
        """There is no end."""

    def close(self) -> None:
        """Nothing is held."""
