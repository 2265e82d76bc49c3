"""Notes when a thread waits for the answer of a database server, and the longest wait of each connection's user."""

import time

from sqlalchemy import Connection, Engine, event

from tonearm.resilience.compute_lock import begin_waiting, end_waiting


def note_waits(engine: Engine) -> None:
    """Put the longest wait into ``info["slowest_statement_s"]`` of a connection; other threads compute meanwhile."""
    event.listen(engine, "before_cursor_execute", _began)
    event.listen(engine, "after_cursor_execute", _ended)
    event.listen(engine, "handle_error", _failed)


def _began(connection: Connection, *_: object) -> None:
    connection.info["statement_started_at"] = time.monotonic()
    begin_waiting()


def _ended(connection: Connection, *_: object) -> None:
    end_waiting()
    slowest = connection.info.get("slowest_statement_s")
    if slowest is not None:
        slowest[0] = max(slowest[0], time.monotonic() - connection.info["statement_started_at"])


def _failed(_: object) -> None:
    end_waiting()
