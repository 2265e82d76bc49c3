"""A person relies on: every worker is known by its name and heard of, and can be asked to end when it has finished."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.unit.shelf import Library
from tonearm.errors import NotFound
from tonearm.jobs.workers import LOST_S, Beat, Identity, NameTaken, Standing, Workers
from tonearm.library.database import open_postgres, open_sqlite
from tonearm.library.schema import Worker

LEASE_S = 60.0
ELSEWHERE = "another-host"


@pytest.fixture
def workers(library: Library) -> Workers:
    return Workers(library.database)


def who(name: str = "w", instance: str = "1", host: str = "here", pid: int = 1, slots: int = 2) -> Identity:
    """By default a worker whose process lives: process 1 always does."""
    return Identity(name, instance, host, pid, "1.0", slots)


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that lives until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def silent_for(library: Library, seconds: float) -> None:
    library.change("UPDATE workers SET seen_at = seen_at - :seconds", seconds=seconds)


def test_a_worker_that_enlists_is_shown(workers: Workers) -> None:
    workers.enlist(who("alto", host="studio", pid=77, slots=3), LEASE_S)
    [view] = workers.every()
    assert (view.name, view.host, view.pid, view.version, view.slots) == ("alto", "studio", 77, "1.0", 3)
    assert (view.state, view.done, view.failed, view.hand, view.unseen) == ("idle", 0, 0, (), ())
    assert 0 <= view.seen_s_ago < 10


def test_what_a_worker_says_of_itself_is_shown(workers: Workers) -> None:
    workers.enlist(who(), LEASE_S)
    hand = [{"job": 5, "path": "/music/K%F6ln.flac", "stage": "decode", "for_s": 1.5}]
    standing = workers.beat(who(), Beat(7, 2, hand, {"PostgreSQL": "closed", "Redis": "open"}, ["/music"]))
    assert standing is Standing.AT_WORK
    [view] = workers.every()
    assert (view.state, view.done, view.failed) == ("working", 7, 2)
    assert view.hand == tuple(hand)
    assert view.breakers == {"PostgreSQL": "closed", "Redis": "open"}
    assert view.unseen == ("/music",)


def test_a_name_whose_worker_lives_is_taken(workers: Workers) -> None:
    workers.enlist(who(), LEASE_S)
    for other in (who(instance="2", host=ELSEWHERE), who(instance="2", pid=2)):
        with pytest.raises(NameTaken, match=r"a worker named w is at work on here \(process 1\).*--name"):
            workers.enlist(other, LEASE_S)
    [view] = workers.every()
    assert (view.host, view.pid) == ("here", 1)


def test_other_names_are_free(workers: Workers) -> None:
    workers.enlist(who("b"), LEASE_S)
    workers.enlist(who("a", instance="2"), LEASE_S)
    assert [view.name for view in workers.every()] == ["a", "b"]
    assert workers.slots() == 4


def test_a_worker_that_was_killed_on_this_host_gives_its_name_back_at_once(
    workers: Workers, process: "subprocess.Popen[bytes]"
) -> None:
    workers.enlist(who(pid=process.pid), LEASE_S)
    with pytest.raises(NameTaken):
        workers.enlist(who(instance="2", pid=os.getpid()), LEASE_S)
    process.kill()
    process.wait()
    workers.enlist(who(instance="2", pid=os.getpid()), LEASE_S)
    [view] = workers.every()
    assert (view.pid, view.done, view.state) == (os.getpid(), 0, "idle")


def test_a_container_that_starts_again_with_the_same_process_id_gets_its_name_back(workers: Workers) -> None:
    workers.enlist(who(pid=1), LEASE_S)
    workers.enlist(who(instance="2", pid=1), LEASE_S)


def test_two_containers_may_each_have_a_process_of_the_same_number(workers: Workers) -> None:
    workers.enlist(who(instance="1@pid:[1]", pid=1), LEASE_S)
    with pytest.raises(NameTaken):
        workers.enlist(who(instance="2@pid:[2]", pid=1), LEASE_S)


def test_a_worker_that_was_killed_on_another_host_gives_its_name_back_when_its_leases_have_run_out(
    workers: Workers, library: Library
) -> None:
    workers.enlist(who(host=ELSEWHERE), LEASE_S)
    silent_for(library, LEASE_S - 10)
    with pytest.raises(NameTaken):
        workers.enlist(who(instance="2"), LEASE_S)
    silent_for(library, 20)
    workers.enlist(who(instance="2"), LEASE_S)


def test_a_worker_that_left_gives_its_name_back_at_once_and_is_not_listed(workers: Workers) -> None:
    workers.enlist(who(), LEASE_S)
    workers.beat(who(), Beat(3, 1, [{"job": 1}]))
    workers.leave(who())
    assert workers.every() == []
    [view] = workers.every(ended=True)
    assert (view.state, view.done, view.failed, view.hand) == ("ended", 3, 1, ())
    workers.enlist(who(instance="2", host=ELSEWHERE), LEASE_S)
    [view] = workers.every()
    assert (view.state, view.host, view.done) == ("idle", ELSEWHERE, 0)


def test_the_old_start_of_a_name_says_nothing_for_the_new_one(workers: Workers, library: Library) -> None:
    old, new = who(host=ELSEWHERE), who(instance="2")
    workers.enlist(old, LEASE_S)
    silent_for(library, LEASE_S + 1)
    workers.enlist(new, LEASE_S)
    workers.drain("w")
    assert workers.beat(old, Beat(99, 99)) is Standing.REPLACED
    workers.leave(old)
    [view] = workers.every()
    assert (view.state, view.done) == ("draining", 0)
    assert workers.beat(new, Beat()) is Standing.DRAINING


def test_a_worker_that_is_drained_is_told_until_it_has_left(workers: Workers) -> None:
    workers.enlist(who(), LEASE_S)
    workers.enlist(who("other"), LEASE_S)
    workers.drain("w")
    assert [view.state for view in workers.every()] == ["idle", "draining"]
    assert workers.slots() == 2
    assert workers.beat(who(), Beat(1, 0, [{"job": 1}])) is Standing.DRAINING
    assert workers.beat(who(), Beat(2, 0)) is Standing.DRAINING
    assert workers.beat(who("other"), Beat()) is Standing.AT_WORK
    assert [view.state for view in workers.every()] == ["idle", "draining"]
    workers.leave(who())
    workers.enlist(who(instance="2"), LEASE_S)
    assert workers.beat(who(instance="2"), Beat()) is Standing.AT_WORK


def test_who_is_not_at_work_cannot_be_drained(workers: Workers) -> None:
    with pytest.raises(NotFound, match="no worker named w is at work"):
        workers.drain("w")
    workers.enlist(who(), LEASE_S)
    workers.leave(who())
    with pytest.raises(NotFound):
        workers.drain("w")


def test_a_worker_that_falls_silent_is_shown_as_lost_and_counts_no_more(
    workers: Workers, library: Library
) -> None:
    workers.enlist(who(), LEASE_S)
    workers.beat(who(), Beat(hand=[{"job": 1}]))
    silent_for(library, LOST_S - 5)
    assert workers.every()[0].state == "working"
    silent_for(library, 10)
    [view] = workers.every()
    assert view.state == "lost"
    assert view.seen_s_ago > LOST_S
    assert workers.slots() == 0
    workers.beat(who(), Beat(hand=[{"job": 1}]))
    assert workers.every()[0].state == "working"


def test_a_worker_that_was_lost_for_a_day_is_forgotten(workers: Workers, library: Library) -> None:
    workers.enlist(who(), LEASE_S)
    silent_for(library, 86_000)
    assert workers.forget_lost() == 0
    silent_for(library, 500)
    assert workers.forget_lost() == 1
    assert workers.every() == []
    assert workers.every(ended=True)[0].state == "ended"


def enlist_at_once(workers: Workers, names: int) -> list[str]:
    """Enlist under one name from several starts at the same moment; returns who got it."""
    barrier = threading.Barrier(names)
    got: list[str] = []

    def enlist(instance: str) -> None:
        barrier.wait()
        try:
            workers.enlist(who(instance=instance, host=f"host-{instance}"), LEASE_S)
        except NameTaken:
            return
        got.append(instance)

    threads = [threading.Thread(target=enlist, args=(str(number),)) for number in range(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return got


def test_of_several_that_want_a_name_at_the_same_moment_one_gets_it(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    try:
        assert len(enlist_at_once(Workers(database), 5)) == 1
    finally:
        database.close()


def test_of_several_hosts_that_want_a_name_at_the_same_moment_one_gets_it(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    try:
        workers = Workers(database)
        enlist_at_once(workers, 5)  # from now on there are connections for all of them
        for _ in range(5):
            with database.write() as connection:
                connection.execute(delete(Worker))
            assert len(enlist_at_once(workers, 5)) == 1
        [view] = workers.every()
        workers.leave(who(instance=view.host.removeprefix("host-")))
        assert len(enlist_at_once(workers, 5)) == 1
    finally:
        database.close()
