"""A library with tempi, beats and keys, the commands that change what counts of them, and its tracks."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from tests.unit.library_fixture import AT_ONCE, LEASE_S, Library, opened, result
from tests.variables import set_variables
from tonearm.analysis.catalog import versions
from tonearm.bootstrap.library import feature_tables
from tonearm.cli.app import app
from tonearm.jobs.sql_job_store import SqlJobStore

DOUBTFUL = {
    "bpm": 87.0,
    "bpm_confidence": 0.4,
    "loose_pulse": False,
    "bpm_alternatives": [
        {"bpm": 174.0, "score": 0.4, "relation": "double"},
        {"bpm": 130.5, "score": 0.1, "relation": "3/2"},
        {"bpm": 43.5, "score": 0.0, "relation": "half"},
        {"bpm": 58.0, "score": 0.0, "relation": "2/3"},
    ],
    "bpm_start": 87.0,
    "bpm_end": 87.0,
    "tempo_stability": 0.9,
}
KEY = {
    "key": "A minor",
    "key_root": "A",
    "key_mode": "minor",
    "camelot": "8A",
    "open_key": "1m",
    "key_confidence": 0.6,
    "key_alternative": "C major",
    "tuning_cents": 0.0,
}


class Curated:
    """Files in a library of its own, below ``/music``."""

    def __init__(self, library: Library, data: Path) -> None:
        self.library = library
        self.data = data
        features = feature_tables()
        features.ensure(library.database)
        self.store = SqlJobStore(library.database, versions(), AT_ONCE, LEASE_S, features=features)
        self.run = library.run()

    def put(
        self, path: bytes, digest: str, *, tempo: dict[str, Any], beats: Sequence[float] = (), **more: Any
    ) -> int:
        """Store a file with its results; returns the id of the file."""
        self.library.meet(self.run, path)
        while (lease := self.library.take(self.run)).path != path:
            pass
        found = {
            "tempo": (versions()["tempo"], tempo, {"beats": list(beats), "tempo_windows": []}),
            "key": (versions()["key"], KEY, {"chroma": None, "key_windows": []}),
        }
        self.store.finish([(lease, result(digest, findings=found, **more))])
        return lease.file

    def call(self, *arguments: str) -> Result:
        """Call the command."""
        environment = {"TONEARM_DATA_DIR": str(self.data), "TONEARM_CONFIG": os.devnull, "COLUMNS": "200"}
        unset = dict.fromkeys(set_variables())
        return CliRunner().invoke(app, arguments, env={**unset, **environment})

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """What the command prints as JSON; it must succeed."""
        said = self.call(*arguments, "--json")
        assert said.exit_code == 0, said.output
        return [json.loads(line) for line in said.stdout.splitlines()]

    def shown(self, path: str) -> dict[str, Any]:
        """Everything about one track."""
        [track] = self.objects("show", path)
        return track


@contextmanager
def curated(data: Path, empty: bytes) -> Iterator[Curated]:
    """An empty library in a folder."""
    with opened(data, empty) as library:
        yield Curated(library, data)
