"""What is wrong with a PostgreSQL server for this program."""

from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.doctor.versions import POSTGRESQL, judged
from tonearm.library.inspection import PostgresServer
from tonearm.settings import Settings

NAME = "PostgreSQL"
POOLER = "a connection pooler such as PgBouncer is in between, which shares sessions among clients"
POOLER_REMEDY = (
    "name PostgreSQL itself in TONEARM_DATABASE_URL: connections are pooled by this program already"
)
_LOSSES = (
    ("fsync", "postgresql.fsync", "a crash of its host can destroy the whole database"),
    (
        "full_page_writes",
        "postgresql.full-page-writes",
        "a crash of its host can destroy pages of the database",
    ),
    (
        "synchronous_commit",
        "postgresql.commit-asynchronous",
        "a crash of the server loses the results of the last moment; their files are analysed again",
    ),
)
_TIMEOUTS = ("idle_in_transaction_session_timeout", "idle_session_timeout", "transaction_timeout")


def server(found: PostgresServer, latency_ms: float, settings: Settings) -> Iterator[Diagnosis]:
    """Its version, and what is wrong with its settings and with the rights of the user."""
    yield Diagnosis("postgresql.server", NAME, f"{found.version}, answers in {latency_ms:.1f} ms")
    yield from judged(POSTGRESQL, found.version)
    if found.pooled:
        yield Diagnosis("postgresql.pgbouncer", NAME, POOLER, POOLER_REMEDY)
    yield from _settings(found, settings)
    yield from _rights(found)


def _settings(found: PostgresServer, settings: Settings) -> Iterator[Diagnosis]:
    for name, number, loss in _LOSSES:
        if found.settings.get(name) == "off":
            yield Diagnosis(
                number, NAME, f"{name} is off: {loss}", f"ALTER SYSTEM SET {name} = on, and reload it"
            )
    if "off" in (found.settings.get("autovacuum"), found.settings.get("track_counts")):
        yield Diagnosis(
            "postgresql.autovacuum",
            NAME,
            "autovacuum is off: its tables grow, and its planner does not know how many jobs wait",
            "ALTER SYSTEM SET autovacuum = on (and track_counts = on), and reload it",
        )
    for name in _TIMEOUTS:
        limit_ms = found.number_of(name)
        if 0 < limit_ms < settings.call_timeout_s * 1000:
            yield Diagnosis(
                "postgresql.timeout",
                NAME,
                f"{name} is {limit_ms / 1000:g} s, less than call_timeout_s ({settings.call_timeout_s:g} s): "
                "connections are ended in mid-work",
                f"ALTER ROLE … SET {name} = 0 for the user of database_url",
            )
    if found.settings["server_encoding"] != "UTF8":
        yield Diagnosis(
            "postgresql.encoding",
            NAME,
            f"the database keeps text as {found.settings['server_encoding']}, which not every title can be written in",
            "make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )


def _rights(found: PostgresServer) -> Iterator[Diagnosis]:
    if found.standby or found.settings.get("default_transaction_read_only") == "on":
        yield Diagnosis(
            "postgresql.read-only",
            NAME,
            "it is a standby, which is read-only" if found.standby else "default_transaction_read_only is on",
            "name the primary in TONEARM_DATABASE_URL"
            if found.standby
            else "ALTER ROLE … RESET that setting",
        )
    if found.schema is None or not found.may_create:
        yield Diagnosis(
            "postgresql.permission",
            NAME,
            "the user of database_url may not make tables"
            + ("" if found.schema is None else f" in the schema {found.schema}"),
            "GRANT CREATE, USAGE ON SCHEMA … TO that user, or make it the owner of the database",
        )
    if found.lacking:
        yield Diagnosis(
            "postgresql.permission",
            NAME,
            f"the user of database_url may not read and write {', '.join(found.lacking[:3])}"
            + (f" and {len(found.lacking) - 3} more tables" if len(found.lacking) > 3 else ""),
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA … TO that user",
        )


def connections(found: PostgresServer, a_process: int, processes: int, more: int = 1) -> Iterator[Diagnosis]:
    """Hold what the processes may open against what the server allows.

    a_process: connections that one may open. processes: number of live workers, on all hosts.
    more: processes that are to be started with this configuration.
    """
    reserved = found.number_of("superuser_reserved_connections") + found.number_of("reserved_connections")
    allowed = found.number_of("max_connections") - reserved
    others = max(0, found.connections - 1 - found.ours)
    needed = (processes + more) * a_process + others
    detail = (
        f"this process and {processes} live workers may open {a_process} each, other programs have {others:,}: "
        f"{needed:,} of {allowed:,}"
    )
    if needed <= allowed:
        yield Diagnosis("postgresql.connections", "connections", detail)
    else:
        yield Diagnosis(
            "postgresql.connections-few",
            "connections",
            detail,
            f"set max_connections to {needed + reserved + a_process:,} or more and restart PostgreSQL, "
            "or run fewer worker processes with more slots each",
        )
