"""Faults of a database server cause delays only, and are reported without passwords."""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from tests.clock import Clock
from tests.program import until
from tests.proxy import Proxy, proxy_of, through
from tests.servers import OwnServers, administer
from tests.unit.library_fixture import Library
from tonearm.errors import (
    ConfigurationError,
    StorageBusy,
    StorageFull,
    StorageUnavailable,
    StorageUnusable,
    TonearmError,
)
from tonearm.events.event import Event
from tonearm.events.services import BreakerChanged
from tonearm.events.states import BreakerState
from tonearm.library import database as database_module
from tonearm.library.database import Database, open_postgres
from tonearm.library.database_time import database_time
from tonearm.library.postgres_errors import kind_of
from tonearm.resilience.breaker import BreakerPolicy, CircuitBreaker

SECRET = "hush-hush"  # noqa: S105  it opens nothing
CALL_S = 1.0
PATIENCE_S = 60.0
"""Seconds that even a busy machine does not need for what has to end soon; without limits it would take minutes."""
OPEN_S = 0.5
POLICY = BreakerPolicy(
    window_s=20,
    minimum_calls=3,
    slow_call_s=60,
    slow_rate=0.5,
    open_s=OPEN_S,
    open_jitter=0.1,
    half_open_calls=2,
)
SLOW_POLICY = replace(POLICY, slow_call_s=0.3)


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    """The network between us and the server."""
    with proxy_of(postgres_url) as proxy:
        yield proxy


@pytest.fixture
def behind(postgres_url: str, proxy: Proxy) -> Iterator[Database]:
    """The server's database, reached through the proxy; a call may take a second."""
    database = open_postgres(through(proxy, postgres_url), 2, CALL_S)
    yield database
    database.close()


@pytest.fixture
def database(postgres_url: str) -> Iterator[Database]:
    """A database that nothing stands before."""
    database = open_postgres(postgres_url, 5, 30)
    yield database
    database.close()


def ask(database: Database) -> float:
    with database.read() as connection:
        return float(connection.execute(select(database_time())).scalar_one())


def add_root(database: Database, path: bytes = b"/music") -> None:
    with database.write() as connection:
        connection.execute(
            text("INSERT INTO roots (path, mounts, added_at) VALUES (:p, '[]', 0)"), {"p": path}
        )


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def until_it_answers(database: Database, seconds: float = PATIENCE_S) -> None:
    """Wait until the database is of use again."""
    began = time.monotonic()
    while True:
        try:
            ask(database)
        except StorageUnavailable:
            assert time.monotonic() - began < seconds, "it did not come back"
            time.sleep(0.05)
        else:
            return


# ---- the way to the server


def test_a_server_that_is_not_there_is_away_and_said_where(postgres_url: str, proxy: Proxy) -> None:
    proxy.reset()
    with (
        within(PATIENCE_S),
        pytest.raises(StorageUnavailable, match=rf"at 127\.0\.0\.1:{proxy.port} does not answer: "),
    ):
        open_postgres(through(proxy, postgres_url), 2, CALL_S)


def test_a_connection_that_is_cut_is_away_and_the_next_one_is_made_anew(
    behind: Database, proxy: Proxy
) -> None:
    hold_open(behind, 5)
    proxy.reset()
    with within(PATIENCE_S), pytest.raises(StorageUnavailable):
        ask(behind)
    proxy.heal()
    ask(behind)  # at once: the other dead connections of the pool went with the first


def hold_open(database: Database, count: int) -> None:
    """Fill the pool."""
    meet = threading.Barrier(count)

    def hold() -> None:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                with database.read() as connection:
                    connection.execute(select(1))
                    meet.wait(PATIENCE_S)
                    return
            except StorageUnavailable:  # a busy machine may not connect in time
                assert time.monotonic() < end

    together(hold, count)


def together(work: Callable[[], None], count: int) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_a_black_hole_is_away_within_the_time_of_a_call(behind: Database, proxy: Proxy) -> None:
    ask(behind)
    proxy.black_hole()
    with within(PATIENCE_S), pytest.raises(StorageUnavailable, match=r"no answer within 3 s"):
        ask(behind)
    with within(PATIENCE_S), pytest.raises(StorageUnavailable):  # now a connection is to be made
        ask(behind)
    proxy.heal()
    until_it_answers(behind)


def test_a_black_hole_holds_nobody_up_for_longer_however_many_ask(behind: Database, proxy: Proxy) -> None:
    hold_open(behind, 8)
    proxy.black_hole()
    answers: list[str] = []

    def asking() -> None:
        try:
            ask(behind)
        except StorageUnavailable:
            answers.append("unavailable")

    with within(PATIENCE_S):
        together(asking, 16)
    assert answers == ["unavailable"] * 16
    proxy.heal()
    until_it_answers(behind)
    hold_open(behind, 10)  # and the pool is whole again


def test_a_write_that_fell_into_a_black_hole_is_there_once_or_not_at_all(
    behind: Database, proxy: Proxy
) -> None:
    def write() -> None:
        with behind.write() as connection:
            connection.execute(text("INSERT INTO roots (path, mounts, added_at) VALUES ('/a', '[]', 0)"))
            proxy.black_hole()  # the commit goes into it

    with pytest.raises(StorageUnavailable):
        write()
    proxy.heal()
    until_it_answers(behind)
    assert len(Library(behind).roots.every()) in (0, 1)
    add_root(behind, b"/b")  # and no lock is left behind


def test_what_was_read_counts_though_the_connection_was_cut_then(
    behind: Database, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), behind.read() as connection:
        rows = connection.execute(select(database_time())).all()
        proxy.reset()
    assert len(rows) == 1
    assert caplog.records == []
    proxy.heal()
    ask(behind)


def test_a_cut_in_mid_write_is_told_once_and_not_logged(
    behind: Database, proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    def write() -> None:
        with behind.write() as connection:
            connection.execute(select(database_time())).all()
            proxy.reset()

    with caplog.at_level(logging.WARNING), pytest.raises(StorageUnavailable):
        write()
    assert caplog.records == []


# ---- the server's own troubles


def test_a_statement_that_takes_too_long_is_ended_and_told_as_such(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 2, CALL_S)
    with (
        within(PATIENCE_S),
        pytest.raises(StorageUnavailable, match="took longer than call_timeout_s"),
        database.read() as connection,
    ):
        connection.execute(text("SELECT pg_sleep(120)"))
    ask(database)
    database.close()


def test_a_session_that_the_server_ends_is_away_and_the_next_one_is_good(
    database: Database, postgres_url: str
) -> None:
    hold_open(database, 4)
    with administer(postgres_url) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    with pytest.raises(StorageUnavailable, match="the server ended the connection"):
        ask(database)
    ask(database)


def test_a_unique_violation_is_raised_as_it_is(database: Database) -> None:
    add_root(database)
    with pytest.raises(IntegrityError, match="uq_roots_path"):
        add_root(database)
    assert len(Library(database).roots.every()) == 1


def test_a_deadlock_ends_one_of_the_two_as_busy(database: Database) -> None:
    add_root(database, b"/a")
    add_root(database, b"/b")
    meet = threading.Barrier(2)
    ends: list[str] = []

    def both(first: bytes, second: bytes) -> None:
        try:
            with database.write() as connection:
                touch(connection, first)
                meet.wait(PATIENCE_S)
                touch(connection, second)
            ends.append("done")
        except StorageBusy as error:
            ends.append("busy" if "another transaction was in the way" in str(error) else str(error))

    threads = [threading.Thread(target=both, args=pair) for pair in ((b"/a", b"/b"), (b"/b", b"/a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(ends) == ["busy", "done"]


def touch(connection: Any, path: bytes) -> None:
    connection.execute(text("UPDATE roots SET added_at = added_at + 1 WHERE path = :p"), {"p": path})


def test_a_serialization_failure_is_busy(database: Database) -> None:
    add_root(database, b"/a")

    def change_what_another_changed() -> None:
        with database.write() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            connection.execute(text("SELECT 1 FROM roots"))
            with database.write() as other:
                touch(other, b"/a")
            touch(connection, b"/a")

    with pytest.raises(StorageBusy):
        change_what_another_changed()


@contextmanager
def user(url: str, options: str = "") -> Iterator[str]:
    """An ordinary user of the database, for as long as it takes; the URL that lets them in."""
    address = make_url(url)
    name = f"{address.database}_user"
    with administer(url) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN {options}")
        admin.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        try:
            yield address.set(username=name).render_as_string(hide_password=False)
        finally:
            admin.execute(f"DROP OWNED BY {name} CASCADE")
            admin.execute(f"DROP ROLE {name}")


def test_too_many_connections_are_away_until_there_are_fewer(postgres_url: str) -> None:
    with user(postgres_url, "CONNECTION LIMIT 1") as url:
        database = open_postgres(url, 2, CALL_S)
        with database.read() as connection:
            connection.execute(select(1))
            with pytest.raises(StorageUnavailable, match="too many connections"):
                ask(database)
        ask(database)
        database.close()


def test_a_user_who_may_not_make_tables_is_told_so(postgres_url: str) -> None:
    with user(postgres_url) as url:
        with administer(postgres_url) as admin:
            admin.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
            admin.execute(f"REVOKE ALL ON SCHEMA public FROM {make_url(url).username}")
        with pytest.raises(StorageUnusable, match="lacks a permission"):
            open_postgres(url, 2, CALL_S)


def test_a_server_that_only_reads_is_away(database: Database) -> None:
    def write() -> None:
        with database.write() as connection:
            connection.execute(text("SET TRANSACTION READ ONLY"))
            connection.execute(text("DELETE FROM roots"))

    with pytest.raises(StorageUnavailable, match="read-only"):
        write()


def test_a_reader_can_change_nothing(database: Database) -> None:
    with pytest.raises(StorageUnavailable, match="read-only"), database.read() as connection:
        connection.execute(text("DELETE FROM roots"))


def test_a_database_that_can_not_keep_every_text_is_refused(postgres_url: str) -> None:
    name = f"{make_url(postgres_url).database}_latin"
    with administer(postgres_url) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
            with pytest.raises(StorageUnusable, match=r"LATIN1.*ENCODING 'UTF8'"):
                open_postgres(url, 2, CALL_S)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DiskFull(), "full"),
        (psycopg.errors.LockNotAvailable(), "busy"),
        (psycopg.errors.CannotConnectNow(), "unavailable"),
        (psycopg.errors.CrashShutdown(), "unavailable"),
        (psycopg.errors.ConnectionFailure(), "unavailable"),
        (psycopg.errors.OutOfMemory(), "unavailable"),
        (psycopg.InterfaceError("the connection is closed"), "unavailable"),
        (psycopg.errors.DataCorrupted(), "unusable"),
        (psycopg.errors.IoError(), "unusable"),
        (psycopg.errors.UndefinedTable(), "unusable"),
        (psycopg.errors.SyntaxError(), "ours"),
        (psycopg.errors.UniqueViolation(), "ours"),
        (ValueError(), "ours"),
        (None, "ours"),
    ],
)
def test_what_an_error_of_the_server_means(error: BaseException | None, kind: str) -> None:
    assert kind_of(error) == kind


def test_a_servers_full_disk_is_told_as_such(database: Database) -> None:
    def fill() -> None:
        with database.write() as connection:
            connection.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$"))

    with pytest.raises(StorageFull, match="no room on its disk"):
        fill()


# ---- the wrong address, and secrets


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://u:{secret}@host:port/name", ConfigurationError),
        ("postgresql://u:a@{secret}@host/name", ConfigurationError),
        ("postgresql://u:{secret}@host/name?nonsense=1", ConfigurationError),
        ("mysql://u:{secret}@host/name", ConfigurationError),
        ("u:{secret}@host", ConfigurationError),
        ("postgresql://u:{secret}@127.0.0.1:1/name", StorageUnavailable),
        ("postgresql://u:/{secret}@127.0.0.1:1/name", StorageUnavailable),
        ("postgresql://u:{secret}@no.such.host.invalid/name", StorageUnavailable),
        ("postgresql://u:{secret}@/name?host=/no/such/socket", StorageUnavailable),
    ],
)
def test_an_address_that_leads_nowhere_is_told_and_its_password_is_not(
    url: str, kind: type[TonearmError]
) -> None:
    with pytest.raises(kind) as caught:
        open_postgres(url.format(secret=SECRET), 2, CALL_S)
    assert SECRET not in translated_errors(caught.value)
    if kind is ConfigurationError:
        assert "it looks like postgresql://user:password@host:5432/name" in str(caught.value)


def translated_errors(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize(
    ("changes", "words", "advice"),
    [
        ({"database": "no_such_database"}, "no such database", "check user, password and database name"),
        ({"username": "no_such_user"}, "no such database or user", "check user, password and database name"),
        ({"query": {"sslmode": "nonsense"}}, "a value that can't be used", "check what comes after the ?"),
        ({"query": {"sslmode": "require"}}, "does not speak TLS at this port", "check sslmode"),
    ],
)
def test_a_server_that_lets_us_not_in_is_told_with_what_to_look_at(
    postgres_url: str, changes: dict[str, Any], words: str, advice: str
) -> None:
    url = make_url(postgres_url).set(password=SECRET, **changes).render_as_string(hide_password=False)
    with pytest.raises(StorageUnusable, match=words) as caught:
        open_postgres(url, 2, CALL_S)
    assert advice in str(caught.value)
    assert SECRET not in translated_errors(caught.value)


@pytest.fixture
def encrypted_url(own_servers: OwnServers) -> Iterator[str]:
    """PostgreSQL with a certificate it has made itself, at an address that asks for TLS."""
    url = own_servers.urls["TONEARM_DATABASE_URL"]
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.crt"
    with administer(url) as connection:
        connection.execute(sql.SQL("COPY (SELECT 1) TO PROGRAM {}").format(sql.Literal(make)))
        connection.execute("ALTER SYSTEM SET ssl = on")
        connection.execute("SELECT pg_reload_conf()")
    until(lambda: _setting(url, "ssl") == "on")  # the server reads its settings a little later
    yield make_url(url).update_query_dict({"sslmode": "require"}).render_as_string(hide_password=False)
    with administer(url) as connection:
        connection.execute("ALTER SYSTEM RESET ssl")
        connection.execute("SELECT pg_reload_conf()")


def _setting(url: str, name: str) -> str:
    """A setting as new connections have it."""
    with administer(url) as connection:
        return str(connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchall()[0][0])


def test_a_tls_connection_that_breaks_is_a_server_that_is_away(encrypted_url: str) -> None:
    with (
        proxy_of(encrypted_url) as proxy,
        closing(open_postgres(through(proxy, encrypted_url), 2, CALL_S)) as database,
    ):
        with database.read() as connection:
            encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert connection.execute(text(encrypted)).scalar() is True
        proxy.reset()
        with pytest.raises(StorageUnavailable):
            ask(database)
        proxy.heal()
        assert ask(database) > 0


# ---- the breaker


class Watched:
    """A database behind a breaker whose clock the test sets, and the states that were announced."""

    def __init__(
        self, url: str, policy: BreakerPolicy = POLICY, clock: Callable[[], float] | None = None
    ) -> None:
        self.events: list[Event] = []
        self.clock = Clock()
        self.breaker = CircuitBreaker("PostgreSQL", policy, self.events.append, clock=clock or self.clock)
        self.database = open_postgres(url, 2, CALL_S, self.breaker)

    @property
    def states(self) -> list[str]:
        changes = [change for change in self.events if isinstance(change, BreakerChanged)]
        return [*(change.before for change in changes[:1]), *(change.after for change in changes)]

    def ask(self, times: int) -> list[str]:
        """How so many calls ended."""
        ends = []
        for _ in range(times):
            try:
                ask(self.database)
                ends.append("answered")
            except StorageUnavailable as error:
                ends.append("refused" if "not called for a moment" in str(error) else "unavailable")
        return ends


@pytest.fixture
def watched(postgres_url: str, proxy: Proxy) -> Iterator[Watched]:
    watched = Watched(through(proxy, postgres_url))
    yield watched
    watched.database.close()


def test_a_server_that_goes_and_comes_back_is_seen_as_closed_open_half_open_closed(
    watched: Watched, proxy: Proxy
) -> None:
    assert watched.ask(5) == ["answered"] * 5
    proxy.reset()
    ends = watched.ask(20)
    assert set(ends) == {"unavailable", "refused"}
    assert ends[-1] == "refused"
    proxy.heal()
    assert watched.ask(3) == ["refused"] * 3
    watched.clock.now += 2 * OPEN_S
    assert watched.ask(3) == ["answered"] * 3
    assert watched.states == ["closed", "open", "half_open", "closed"]


def test_a_server_that_stays_away_is_tried_again_and_again_and_refused_between(
    watched: Watched, proxy: Proxy
) -> None:
    proxy.reset()
    while len(watched.states) < 5:
        watched.ask(1)
        watched.clock.now += OPEN_S / 5
    assert watched.states[:5] == ["closed", "open", "half_open", "open", "half_open"]
    proxy.heal()
    for _ in range(2):  # the last try may have begun before
        watched.clock.now += 2 * OPEN_S
        watched.ask(3)
    assert watched.states[-2:] == ["half_open", "closed"]


def test_a_call_that_was_refused_inside_another_is_no_failure_of_the_server(
    watched: Watched, proxy: Proxy
) -> None:
    proxy.reset()
    watched.ask(5)
    proxy.heal()
    watched.clock.now += 2 * OPEN_S

    def nested() -> None:
        with watched.database.read() as connection:
            connection.execute(select(database_time()))
            ask(watched.database)
            ask(watched.database)  # a third, where two are on trial

    with pytest.raises(StorageUnavailable, match="not called for a moment"):
        nested()
    assert watched.states == ["closed", "open", "half_open", "closed"]


def test_a_slow_way_to_the_server_opens_the_breaker(postgres_url: str, proxy: Proxy) -> None:
    watched = Watched(through(proxy, postgres_url), SLOW_POLICY)
    proxy.delay_s = 0.5
    ends = watched.ask(10)
    assert ends[-1] == "refused"
    assert "were slow: it took" in str(watched.events[0])
    proxy.delay_s = 0.0
    end = time.monotonic() + PATIENCE_S
    while watched.states[-1] != "closed":  # a busy machine may be slow once more
        assert time.monotonic() < end
        watched.clock.now += 2 * OPEN_S
        watched.ask(2)
    assert (watched.states[:2], watched.states[-2:]) == (["closed", "open"], ["half_open", "closed"])
    watched.database.close()


def test_our_own_errors_do_not_count_against_the_server(watched: Watched) -> None:
    add_root(watched.database)
    for _ in range(10):
        with pytest.raises(IntegrityError):
            add_root(watched.database)
        with pytest.raises(ZeroDivisionError), watched.database.write():
            raise ZeroDivisionError
    assert watched.events == []
    assert watched.breaker.state == BreakerState.CLOSED


def test_a_statement_that_is_slow_opens_it_and_work_between_statements_does_not(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(postgres_url, SLOW_POLICY)
    with monkeypatch.context() as changed:
        changed.setattr(database_module, "time", clock := Clock())
        for _ in range(4):
            with watched.database.read() as connection:
                connection.execute(select(1))
                clock.now += 10
    assert watched.states == []
    while not watched.states:
        with watched.database.read() as connection:
            connection.execute(text("SELECT pg_sleep(0.31)"))
    assert watched.states == ["closed", "open"]
    watched.database.close()


# ---- a server of our own to break


@pytest.mark.slow
def test_a_server_that_is_stopped_and_started_is_of_use_again_by_itself(own_servers: OwnServers) -> None:
    watched = Watched(own_servers.urls["TONEARM_DATABASE_URL"], clock=time.monotonic)
    hold_open(watched.database, 5)
    own_servers.stop("postgres")
    try:
        assert watched.ask(10)[-1] == "refused"
    finally:
        own_servers.start("postgres")
    until_it_answers(watched.database)
    watched.ask(3)
    assert (watched.states[:2], watched.states[-2:]) == (["closed", "open"], ["half_open", "closed"])
    own_servers.kill("postgres")
    own_servers.start("postgres")
    until_it_answers(watched.database)
    watched.database.close()


def _lets_in(url: str) -> bool:
    try:
        administer(url).close()
    except psycopg.OperationalError:
        return False
    return True


def _follow_a_changed_password(admin: psycopg.Connection, url: str, file: Path) -> None:
    file.write_text(url)
    with closing(open_postgres(file.read_text, 5, 30)) as database:
        admin.execute("ALTER ROLE guarded PASSWORD 'another'")
        database.ping()  # connections that exist go on
        database.close()
        with pytest.raises(
            StorageUnavailable, match="it refused the password; database_url_file is read again"
        ):
            database.ping()
        file.write_text(url.replace(SECRET, "another"))
        database.ping()


@pytest.mark.slow
def test_a_wrong_password_is_told_without_it_and_a_changed_one_is_read_from_its_file(
    own_servers: OwnServers, tmp_path: Path
) -> None:
    url = make_url(own_servers.urls["TONEARM_DATABASE_URL"])
    with administer(own_servers.urls["TONEARM_DATABASE_URL"]) as admin:
        admin.execute(f"CREATE ROLE guarded LOGIN SUPERUSER PASSWORD '{SECRET}'")
        rules = admin.execute("SELECT pg_read_file(current_setting('hba_file'))").fetchall()[0][0]
        place = admin.execute("SHOW hba_file").fetchall()[0][0]

        def write(text: str) -> None:
            admin.execute("CREATE TEMP TABLE lines (line text)")
            for line in text.splitlines():
                admin.execute("INSERT INTO lines VALUES (%s)", (line,))
            admin.execute(f"COPY lines TO '{place}'")
            admin.execute("DROP TABLE lines")
            admin.execute("SELECT pg_reload_conf()")

        write("host all guarded all scram-sha-256\n" + rules)
        try:
            good = url.set(username="guarded", password=SECRET).render_as_string(hide_password=False)
            without = url.set(username="guarded").render_as_string(hide_password=False)
            until(lambda: not _lets_in(without))  # the server reads its rules a little later
            open_postgres(good, 5, 30).close()
            for password in ("wrong-word", None):
                bad = url.set(username="guarded", password=password).render_as_string(hide_password=False)
                with pytest.raises(StorageUnusable, match="check user, password and database name") as caught:
                    open_postgres(bad, 5, 30)
                assert "password" in str(caught.value)
                assert "wrong-word" not in translated_errors(caught.value)
            _follow_a_changed_password(admin, good, tmp_path / "address")
        finally:
            write(rules)
            admin.execute("DROP OWNED BY guarded CASCADE")
            admin.execute("DROP ROLE guarded")
