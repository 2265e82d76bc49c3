"""Opens PostgreSQL through psycopg: pooled connections with time limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tonearm.addresses import Address, url_of
from tonearm.errors import (
    BehindPooler,
    ConfigurationError,
    ServiceUnavailable,
    StorageUnavailable,
    StorageUnusable,
)
from tonearm.library.column_types import ReadJson, json_text
from tonearm.library.postgres_errors import NoAnswer, kind_of, sentence_of

Answer = TypeVar("Answer")
CONNECTIONS = 10
"""Most connections of a pool, unless the settings say otherwise."""
KEPT = 5
"""How many of them stay open while they are not used."""
_SCHEMES = {"postgresql", "postgres", "postgresql+psycopg"}
_NUMBERS = {
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
}
"""libpq's parameters that are whole numbers, beside the port."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a database is. ``address`` is shown to a person; it has no password."""

    address: str
    parameters: dict[str, Any] = field(repr=False)


def address_of(url: str) -> ServerAddress:
    """Read a URL; nothing of it is repeated in an error, as it may hold a password.

    Raises:
        ConfigurationError: it is not the URL of a PostgreSQL database.
    """
    try:
        parts = make_url(url)
        if parts.drivername not in _SCHEMES or "@" in (parts.host or ""):
            raise ArgumentError("not PostgreSQL's")
        whole = parts.set(drivername="postgresql").render_as_string(hide_password=False)
        address, sign, query = whole.partition("?")
        spaced = address.replace(" ", "%20") + sign + query.replace("+", "%20")  # libpq knows no other space
        parameters: dict[str, Any] = {**conninfo_to_dict(spaced)}
        _check_numbers(parameters)
    except (ArgumentError, ValueError, psycopg.ProgrammingError):
        raise ConfigurationError(
            "database_url is not the address of a PostgreSQL database; it looks like "
            "postgresql://user:password@host:5432/name, with %40 for @, %3A for : and %2F for / in a password"
        ) from None
    host, port = parameters.get("host") or "localhost", parameters.get("port") or 5432
    name = parameters.get("dbname") or parameters.get("user") or "of your own name"
    return ServerAddress(f"PostgreSQL {name} at {host}:{port}", parameters)


def _check_numbers(parameters: Mapping[str, Any]) -> None:
    """Raise ValueError where a parameter is no number although it has to be: libpq finds out late, or not at all."""
    for name in _NUMBERS & parameters.keys():
        int(parameters[name])
    ports = [int(port) for port in str(parameters.get("port") or 5432).split(",") if port]
    if not all(0 < port < 1 << 16 for port in ports):
        raise ValueError("no such port")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server does not answer in time.

    The server's own statement timeout has no effect when the server or the network hangs.
    """

    answer_s = 60.0

    def wait(self, gen: PQGen[Answer], interval: float = 0.1, timeout: float | None = None) -> Answer:
        """Wait for the server, at most ``answer_s`` seconds. Raises NoAnswer."""
        try:
            return super().wait(gen, interval, self.answer_s if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.pgconn.finish()
            raise NoAnswer(f"no answer within {self.answer_s:.0f} s") from error


def _bounded(seconds: float) -> type[BoundedConnection]:
    class Connection(BoundedConnection):
        answer_s = seconds

    return Connection


class _Connector:
    """Makes connections to the server at an address, which is read again for each."""

    def __init__(
        self, address: Address, connect_timeout_s: float, call_timeout_s: float, read_json: ReadJson | None
    ) -> None:
        self._address = address
        self._connection = _bounded(call_timeout_s + 2)
        self._adapters = AdaptersMap(psycopg.adapters)
        set_json_dumps(json_text, self._adapters)
        if read_json is not None:
            set_json_loads(read_json, self._adapters)
        self._limits = {
            "connect_timeout": max(2, round(connect_timeout_s)),
            "application_name": "tonearm",
            "tcp_user_timeout": int(min(call_timeout_s, 60) * 1000),
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
        }
        self._options = (
            f"-c statement_timeout={int(call_timeout_s * 1000)} -c timezone=UTC"
            " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
        )
        self._accepted = False

    def __call__(self) -> BoundedConnection:
        """A new connection.

        Raises:
            StorageUnavailable: the file that holds the address can't be used now, or what it holds is refused although
                it was accepted before: it may be about to change.
        """
        try:
            server = address_of(url_of(self._address))
        except (ServiceUnavailable, ConfigurationError) as error:
            raise StorageUnavailable(str(error)) from error
        own = server.parameters.get("options") or ""
        wanted = {**server.parameters, **self._limits, "options": f"{own} {self._options}".strip()}
        try:
            connection = self._connection.connect(context=self._adapters, **wanted)
        except psycopg.OperationalError as error:
            if self._accepted and callable(self._address) and kind_of(error) == "refused":
                text = f"{server.address} refused the connection: {sentence_of(error)}"
                raise StorageUnavailable(f"{text}; database_url_file is read again") from error
            raise
        self._accepted = True
        return connection


def postgres_engine(
    address: Address,
    connect_timeout_s: float,
    call_timeout_s: float,
    connections: int = CONNECTIONS,
    read_json: ReadJson | None = None,
) -> Engine:
    """An engine over a pool of at most ``connections`` connections, of which ``KEPT`` stay open.

    A thread that needs one while all are used waits for it, at most ``call_timeout_s``.

    The server ends a statement after ``call_timeout_s``; when it does not, the connection is closed two seconds later.
    It ends a session within half a minute after its client can't be reached.
    """
    return create_engine(
        "postgresql+psycopg://",
        creator=_Connector(address, connect_timeout_s, call_timeout_s, read_json),
        pool_size=min(connections, KEPT),
        max_overflow=max(0, connections - KEPT),
        pool_timeout=call_timeout_s,
        use_native_hstore=False,  # saves asking for its type
    )


def check_server(connection: Connection, address: str) -> None:
    """Raise StorageUnusable where a connection pooler is in between, or text can't be kept as UTF-8."""
    encoding, process = connection.execute(
        text("SELECT current_setting('server_encoding'), pg_backend_pid()")
    ).one()
    if is_pooled(connection, process):
        raise BehindPooler(address)
    if encoding != "UTF8":
        raise StorageUnusable(
            f"{address}: keeps text as {encoding}, which not every title can be written in; "
            "make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def is_pooled(connection: Connection, process: int) -> bool:
    """Whether a pooler is between the server, whose process this session has, and here: it gives numbers of its own."""
    return _driver(connection).info.backend_pid != process


def copy_rows(connection: Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Send any number of rows by one COPY statement. The driver's errors are raised as SQLAlchemy's."""
    try:
        with _driver(connection).cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError(statement, None, error) from error


def _driver(connection: Connection) -> "psycopg.Connection[Any]":
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101  narrows the library's type
    return driver
