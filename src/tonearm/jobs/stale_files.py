"""Finds files whose results are missing or from other versions of the analysers than the present ones."""

from sqlalchemy import exists

from tonearm.jobs.job import OPEN
from tonearm.jobs.job_sql import Versions, engine_text, has_stale_results
from tonearm.library.database import Database
from tonearm.library.files import KnownFile, known_files
from tonearm.library.roots import Place, below
from tonearm.library.schema import file_table, job_table


class StaleFiles:
    """The analysed files of a library that the present analysers would analyse again."""

    def __init__(self, database: Database, versions: Versions) -> None:
        """``versions``: the present version of each analyser."""
        self._database = database
        self._engine = engine_text(versions)

    def next(self, place: Place, after: bytes | None, limit: int) -> list[KnownFile]:
        """The next ones at or below a place whose path is greater than ``after``, in the order of paths.

        Files that already have an open job are left out.
        """
        conditions = [
            file_table.c.root_id == place.root,
            has_stale_results(self._engine),
            ~exists().where(job_table.c.file_id == file_table.c.id, job_table.c.state.in_(OPEN)),
        ]
        if place.scope:
            conditions.append(below(place.scope))
        if after is not None:
            conditions.append(file_table.c.path > after)
        with self._database.read() as connection:
            return known_files(connection, *conditions, limit=limit)
