"""How many files have results that are missing, or from other versions of the analysers than the present ones."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from tonearm.jobs.job_sql import FILE_VERSIONS, Versions, engine_text, has_stale_results, versions_in
from tonearm.library.database import Database
from tonearm.library.schema import file_table


@dataclass(frozen=True, slots=True)
class StaleResults:
    """Files whose results of one analyser are not from its present version.

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

    files: number of files with any stale result. results: by analyser and version, in the order of names.
    """

    files: int
    results: tuple[StaleResults, ...]


def read_coverage(database: Database, versions: Versions) -> Coverage:
    """Count the files with stale results; this reads all files. ``versions``: the present ones of the analysers."""
    with database.read() as connection:
        rows = connection.execute(
            select(file_table.c.engine, func.count())
            .where(has_stale_results(engine_text(versions)))
            .group_by(file_table.c.engine)
        ).all()
    counts: Counter[tuple[str, int | None, int | None]] = Counter()
    for engine, files in rows:
        for name, (version, found) in differences(engine, versions).items():
            counts[name, version, found] += files
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], item[0][2] or 0))
    return Coverage(
        sum(files for _, files in rows), tuple(StaleResults(*key, files) for key, files in ordered)
    )


def differences(engine: str | None, versions: Versions) -> Mapping[str, tuple[int | None, int | None]]:
    """For each analyser that differs, its present version and the version that a file's results are from.

    engine: what ``files.engine`` holds.
    """
    present = {**FILE_VERSIONS, **versions}
    used = versions_in(engine or "")
    names = sorted(present.keys() | used.keys())
    return {
        name: (present.get(name), used.get(name)) for name in names if present.get(name) != used.get(name)
    }
