"""Statements on a library that a scan has filled: results for all of its files, and its last migration undone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from tests.performance.large_library import add_results
from tonearm.analysis.catalog import versions
from tonearm.bootstrap.library import feature_tables
from tonearm.jobs.job_sql import engine_text
from tonearm.library import database as database_module
from tonearm.library.database import Database, disable_statement_timeout, open_postgres, open_sqlite

FAILED = 1000
"""One file of so many has failed."""
_OUTCOME = f"CASE WHEN file_id % {FAILED} = 0 THEN 'quarantined' ELSE 'done' END"
_REASON = "CASE WHEN file_id % {} = 0 THEN '{}' END"
_JOBS = (
    f"UPDATE jobs SET state = {_OUTCOME}, code = {_REASON.format(FAILED, 'not-audio')},"  # noqa: S608  no outside text
    f" reason = {_REASON.format(FAILED, 'not a known audio format')}, attempts = 1, started_at = queued_at,"
    " finished_at = queued_at + 1, publish_due_at = NULL, work_s = 0.5, decoded_s = 240"
)
_FILES = (
    f"UPDATE files SET state = {_OUTCOME.replace('file_id', 'id')}, engine = :engine,"  # noqa: S608  no outside text
    f" audio_id = CASE WHEN id % {FAILED} = 0 THEN NULL ELSE id END, container = 'flac', bit_rate_bps = 900000,"
    " declared_s = 240, duration_s = 240, complete = true"
)
_RUNS = "UPDATE runs SET state = 'interrupted', finished_at = seen_at WHERE finished_at IS NULL"


@contextmanager
def opened(settings: dict[str, Any]) -> Iterator[Database]:
    """The database of a library."""
    url = settings.get("database_url")
    database = open_postgres(url, 5, 3600) if url else open_sqlite(settings["data_dir"])
    try:
        yield database
    finally:
        database.close()


def analysed(settings: dict[str, Any], files: int) -> None:
    """Give all files results, one of ``FAILED`` a failure, and end their jobs. Raises AssertionError for other ids."""
    with opened(settings) as database:
        feature_tables().ensure(database)
        with _long(database) as connection:
            assert connection.execute(text("SELECT max(id) FROM files")).scalar_one() == files
            add_results(database, connection, feature_tables(), files)
            connection.execute(text(_FILES), {"engine": engine_text(versions())})
            connection.execute(text(_JOBS))
    end_runs(settings)
    refresh(settings)


def end_runs(settings: dict[str, Any]) -> None:
    """End the runs of scans that were ended."""
    with opened(settings) as database, database.write() as connection:
        connection.execute(text(_RUNS))


def refresh(settings: dict[str, Any]) -> None:
    """Have PostgreSQL do what its autovacuum does a minute after many changes."""
    with opened(settings) as database:
        if database.shared:
            with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))


def undo_migration(settings: dict[str, Any]) -> None:
    """Bring the tables to the last revision but one."""
    config = Config()
    config.set_main_option("script_location", str(Path(database_module.__file__).with_name("migrations")))
    with opened(settings) as database, _long(database) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "-1")


@contextmanager
def _long(database: Database) -> Iterator[Connection]:
    with database.write() as connection:
        disable_statement_timeout(connection)
        yield connection
