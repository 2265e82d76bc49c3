"""How many files have results of which version of each analyser, and how many lack them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select

from tonearm.jobs.job_sql import (
    FILE_VERSIONS,
    Versions,
    engine_text,
    has_results,
    has_stale_results,
    versions_in,
)
from tonearm.library.database import Database
from tonearm.library.schema import file_table


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """Files whose results of one analyser are from one version.

    analyser: its name; ``identity`` and ``tags`` stand for what is told of the file itself.
    version: the present one; ``None`` for an
    analyser that is there no more. found: the version of the results; ``None`` where there are none.
    """

    analyser: str
    version: int | None
    found: int | None
    files: int

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {
            "analyser": self.analyser,
            "version": self.version,
            "found": self.found,
            "files": self.files,
        }


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the results of a library are from the present analysers.

    files: number of files that were counted. results: by analyser and version, in the order of names.
    """

    files: int
    results: tuple[VersionFiles, ...]

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {"files": self.files, "results": [each.to_json() for each in self.results]}


def read_stale(database: Database, versions: Versions) -> Coverage:
    """Count the files with stale results, by what is stale; this reads all files.

    versions: the present ones of the analysers.
    """
    return _read(
        database, has_stale_results(engine_text(versions)), lambda engine: differences(engine, versions)
    )


def read_coverage(database: Database, versions: Versions) -> Coverage:
    """Count the files with results by the versions of all their results; this reads all files."""
    return _read(database, has_results(), lambda engine: _versions_of(engine, versions))


def _read(
    database: Database,
    chosen: ColumnElement[bool],
    versions_of: Callable[[str | None], Mapping[str, tuple[int | None, int | None]]],
) -> Coverage:
    with database.read() as connection:
        rows = connection.execute(
            select(file_table.c.engine, func.count()).where(chosen).group_by(file_table.c.engine)
        ).all()
    counts: Counter[tuple[str, int | None, int | None]] = Counter()
    for engine, files in rows:
        for name, (version, found) in versions_of(engine).items():
            counts[name, version, found] += files
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], item[0][2] or 0))
    return Coverage(
        sum(files for _, files in rows), tuple(VersionFiles(*key, files) for key, files in ordered)
    )


def differences(engine: str | None, versions: Versions) -> Mapping[str, tuple[int | None, int | None]]:
    """For each analyser that differs, its present version and the version that a file's results are from.

    engine: what ``files.engine`` holds.
    """
    found = _versions_of(engine, versions)
    return {name: (present, used) for name, (present, used) in found.items() if present != used}


def _versions_of(engine: str | None, versions: Versions) -> Mapping[str, tuple[int | None, int | None]]:
    present = {**FILE_VERSIONS, **versions}
    used = versions_in(engine or "")
    return {name: (present.get(name), used.get(name)) for name in sorted(present.keys() | used.keys())}
