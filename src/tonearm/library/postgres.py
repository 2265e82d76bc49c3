"""Opens PostgreSQL through psycopg: pooled connections, none of which waits for ever."""

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine import make_url

Answer = TypeVar("Answer")
CONNECTIONS = 5
_FULL = "53100"
_BUSY = {"40001", "40P01", "55P03"}
_AWAY = {"57P01", "57P02", "57P03", "57P05", "57014", "53300", "53400"}


class NoAnswer(psycopg.OperationalError):
    """The server holds the connection open and says nothing."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer in time.

    The server's own statement timeout does not help when the server or the way to it is what hangs.
    """

    answer_s = 60.0

    def wait(self, gen: PQGen[Answer], interval: float = 0.1, timeout: float | None = None) -> Answer:
        """Wait for the server, ``answer_s`` seconds at the most."""
        try:
            return super().wait(gen, interval, self.answer_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:  # noqa: SLF001  the library's only name for it
            self.pgconn.finish()
            raise NoAnswer(f"no answer within {self.answer_s:.0f} s") from error


def postgres_engine(url: str, connect_timeout_s: float, call_timeout_s: float) -> Engine:
    """An engine over a pool of at most ten connections.

    A statement is ended by the server after ``call_timeout_s``; a server that says nothing at all is given up
    two seconds later.
    """
    wanted = make_url(url).set(drivername="postgresql+psycopg")
    bounded = type("Connection", (BoundedConnection,), {"answer_s": call_timeout_s + 2})
    target = wanted.set(drivername="postgresql").render_as_string(hide_password=False)
    options = f"-c statement_timeout={int(call_timeout_s * 1000)} -c timezone=UTC"
    connect: Callable[[], psycopg.Connection[Any]] = lambda: bounded.connect(  # noqa: E731
        target,
        connect_timeout=max(2, round(connect_timeout_s)),
        options=options,
        application_name="tonearm",
        tcp_user_timeout=int(call_timeout_s * 1000),
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
    )
    return create_engine(
        wanted,
        creator=connect,
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_timeout=call_timeout_s,
    )


def kind_of(error: BaseException | None) -> str:
    """What an error of the driver means: ``full``, ``busy``, ``away``, ``unusable`` or ``ours``."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.errors.Error):
        return "ours"
    state = error.sqlstate
    if state == _FULL:
        return "full"
    if state in _BUSY:
        return "busy"
    if state in _AWAY or (state or "").startswith("08"):
        return "away"
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return "away" if state is None else "unusable"
    return "ours"
