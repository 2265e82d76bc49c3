"""Calls Neo4j with a time limit on every call, and translates the driver's errors."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import LiteralString, TypeVar
from urllib.parse import unquote

import neo4j
from neo4j.exceptions import (
    AuthError,
    CertificateConfigurationError,
    DatabaseError,
    DriverError,
    Neo4jError,
)
from neo4j.exceptions import ConfigurationError as DriverConfigurationError

from tonearm.addresses import Address, not_an_address, parts_of, place_of, url_of
from tonearm.errors import ConfigurationError, ServiceUnavailable, TonearmError
from tonearm.resilience.backoff import Backoff, retry
from tonearm.resilience.gate import Gate
from tonearm.resilience.unreachable import LOST, reason_of

Answer = TypeVar("Answer")
Work = Callable[[neo4j.Transaction], Answer]
SPARE_S = 2.0
"""Seconds by which this side waits longer than the server's time limit, because the server's error is more precise."""
TRIES = 6
"""Maximum number of tries of a transaction that conflicts with another one."""
CONFLICT = Backoff(0.1, 3.2)
_CONFLICTS = (
    "Neo.TransientError.Transaction.DeadlockDetected",
    "Neo.ClientError.Statement.EntityNotFound",  # the other transaction deleted what was just found
    "Neo.ClientError.Schema.ConstraintValidationFailed",  # both created the same node
)
_TIMED_OUT = "Neo.ClientError.Transaction.TransactionTimedOut"
_NO_TLS = "Failed to establish encrypted connection"
"""Part of what the driver says when a connection ends in the TLS handshake."""
_UNKNOWN_DATABASE = "Neo.ClientError.Database.DatabaseNotFound"


class GraphRefused(TonearmError):
    """Neo4j answered a statement with an error."""


class Bolt:
    """Connections to one Neo4j database, opened when first needed. Safe to use from several threads."""

    def __init__(self, address: Address, connect_timeout_s: float, call_timeout_s: float, gate: Gate) -> None:
        """``address``: ``bolt://[user:password@]host[:port][/database]``, or with ``neo4j`` and the ``+s`` forms.

        Raises:
            ConfigurationError: ``address`` is not of this form.
        """
        self._source = address
        self._connect_timeout_s = connect_timeout_s
        self._call_timeout_s = call_timeout_s
        self._gate = gate
        self._lock = threading.Lock()
        self._driver: neo4j.Driver | None = None
        self._use(url_of(address))
        try:
            self._opened()
        except (DriverConfigurationError, ValueError):
            raise not_an_address("neo4j_url") from None

    def _use(self, url: str) -> None:
        """Connect to this address from now on. Raises ConfigurationError."""
        parts = parts_of("neo4j_url", url)
        host = parts.netloc.rpartition("@")[2]
        self._url = url
        self.place = place_of("neo4j_url", url)
        self._address = parts._replace(netloc=host, path="").geturl()
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._database = parts.path.strip("/") or None

    def read(self, work: Work[Answer]) -> Answer:
        """Run ``work`` in a reading transaction.

        Raises:
            ServiceUnavailable: no answer in time, or a temporary error of the server.
            ConfigurationError: it refused the credentials, or has no such database.
            GraphRefused: it answered with another error.
        """
        return self._call(work, neo4j.READ_ACCESS)

    def write(self, work: Work[Answer]) -> Answer:
        """Run ``work`` in a writing transaction, again after a conflict with another one. Raises as ``read`` does."""
        return self._call(work, neo4j.WRITE_ACCESS)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _call(self, work: Work[Answer], access: str) -> Answer:
        self._gate.admit()
        began = time.monotonic()
        driver = self._opened()
        gave_up = threading.Event()

        def give_up() -> None:
            gave_up.set()
            with self._lock:
                if self._driver is driver:
                    self._driver = None
            driver.close()  # wakes the thread that waits for an answer

        watch = threading.Timer(self._connect_timeout_s + self._call_timeout_s + SPARE_S, give_up)
        watch.daemon = True
        watch.start()
        try:
            answer = self._tried(driver, work, access)
        except Exception as error:
            translated = self._translated(error, gave_up.is_set())
            if isinstance(translated, ServiceUnavailable | ConfigurationError):
                self._follow_address()
            if isinstance(translated, ServiceUnavailable):
                self._gate.failed(time.monotonic() - began, str(translated))
            else:
                self._gate.succeeded(time.monotonic() - began)
            if translated is None:
                raise
            raise translated from error
        finally:
            watch.cancel()
        self._gate.succeeded(time.monotonic() - began)
        return answer

    def _follow_address(self) -> None:
        """Use the address as it is now, if it has changed: the next call connects with it."""
        with contextlib.suppress(
            ServiceUnavailable, ConfigurationError
        ):  # then the call's own error is raised
            url = url_of(self._source)
            if url == self._url:
                return
            with self._lock:
                before, self._driver = self._driver, None
                self._use(url)
            if before is not None:
                before.close()

    def _tried(self, driver: neo4j.Driver, work: Work[Answer], access: str) -> Answer:
        def conflicts(error: Exception, failures: int) -> bool:
            return isinstance(error, Neo4jError) and error.code in _CONFLICTS and failures < TRIES

        return retry(lambda: self._transact(driver, work, access), conflicts, CONFLICT)

    def _transact(self, driver: neo4j.Driver, work: Work[Answer], access: str) -> Answer:
        with (
            driver.session(database=self._database, default_access_mode=access) as session,
            session.begin_transaction(timeout=self._call_timeout_s) as transaction,
        ):
            answer = work(transaction)
            transaction.commit()
            return answer

    def _opened(self) -> neo4j.Driver:
        with self._lock:
            if self._driver is None:
                self._driver = neo4j.GraphDatabase.driver(
                    self._address,
                    auth=self._login,
                    connection_timeout=self._connect_timeout_s,
                    connection_write_timeout=self._call_timeout_s,
                    connection_acquisition_timeout=self._connect_timeout_s + SPARE_S,
                    liveness_check_timeout=60.0,
                    max_connection_pool_size=10,
                    user_agent="tonearm",
                    notifications_min_severity="OFF",
                )
            return self._driver

    @property
    def _too_late(self) -> str:
        return f"no answer within {self._call_timeout_s:.0f} s"

    def _translated(self, error: Exception, gave_up: bool) -> TonearmError | None:
        """The exception of this program for one of the driver; ``None`` if it does not come from Neo4j."""
        if gave_up:
            return ServiceUnavailable(f"{self.place} does not answer: {self._too_late}")
        if isinstance(error, AuthError):
            return ConfigurationError(
                f"{self.place} refused the credentials of neo4j_url; check user and password"
            )
        if isinstance(error, DriverConfigurationError | CertificateConfigurationError):
            return ConfigurationError(f"{self.place}: TLS could not be set up; check the scheme of neo4j_url")
        if isinstance(error, Neo4jError):
            code = error.code or ""
            if code == _UNKNOWN_DATABASE:
                return ConfigurationError(f"{self.place} has no database {self._database}")
            if code.startswith(_TIMED_OUT):
                return ServiceUnavailable(f"{self.place} does not answer: {self._too_late}")
            if error.is_retryable() or isinstance(error, DatabaseError) or code in _CONFLICTS:
                return ServiceUnavailable(f"{self.place} can't do it at the moment ({code})")
            return GraphRefused(f"{self.place} does not accept a statement ({code})")
        if isinstance(error, DriverError | OSError):
            return ServiceUnavailable(f"{self.place} does not answer: {_reason(error)}")
        return None


def _reason(error: BaseException) -> str:
    """Why there was no answer. Without TLS, Neo4j closes a connection on which TLS is to begin."""
    reason = reason_of(error) or LOST
    if reason == LOST and _NO_TLS in str(error):
        return "it closes connections that begin with TLS; it may not speak TLS at this port"
    return reason


def run(transaction: neo4j.Transaction, statement: LiteralString, **values: object) -> list[neo4j.Record]:
    """Run a statement and return all of its rows."""
    return list(transaction.run(statement, values))
