"""One process at a time reads figures over a library that hosts share."""

import contextlib
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import select, text

from tests.fleet import plain
from tests.program import until
from tests.unit.library_fixture import Library
from tonearm.errors import StorageUnavailable
from tonearm.library.database import open_leader
from tonearm.library.leader import AdvisoryLeader, SoleProcess


@contextlib.contextmanager
def leader(url: str, unasked_s: float = 60.0) -> Iterator[AdvisoryLeader]:
    with contextlib.closing(AdvisoryLeader(open_leader(url, 5, 5), unasked_s)) as leader:
        yield leader


def leads(leader: AdvisoryLeader) -> bool:
    with leader.reading() as connection:
        return connection is not None and connection.execute(select(1)).scalar_one() == 1


def test_the_first_that_is_asked_leads_until_it_ends(postgres_url: str) -> None:
    with leader(postgres_url) as second:
        with leader(postgres_url) as first:
            assert [leads(first), leads(second), leads(first), leads(second)] == [True, False, True, False]
        until(lambda: leads(second))  # the server ends the session of the first a moment later


def test_a_leader_whose_session_was_ended_does_not_lead_any_more(postgres_url: str) -> None:
    with leader(postgres_url) as first, leader(postgres_url) as second:
        assert leads(first)
        with psycopg.connect(plain(postgres_url), autocommit=True) as connection:
            ended = (
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_locks WHERE locktype = 'advisory' AND granted "
                "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            connection.execute(ended)
        assert leads(second)
        with contextlib.suppress(StorageUnavailable):
            assert not leads(first)
        assert not leads(first)
        assert leads(second)


def test_a_leader_that_nobody_asks_gives_way(postgres_url: str) -> None:
    with leader(postgres_url, unasked_s=0.2) as first, leader(postgres_url) as second:
        assert leads(first)
        for _ in range(100):
            if leads(second):
                return
            psycopg.connect(plain(postgres_url)).close()
        raise AssertionError("it still leads")


def test_a_leader_cannot_write(postgres_url: str) -> None:
    with leader(postgres_url) as first, first.reading() as connection:
        assert connection is not None
        with pytest.raises(Exception, match="read-only"):
            connection.execute(text("CREATE TABLE x (y int)"))
        connection.rollback()


def test_the_process_that_holds_a_library_in_a_folder_leads(library: Library) -> None:
    with SoleProcess(library.database).reading() as connection:
        assert connection is not None
