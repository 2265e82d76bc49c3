"""Every worker is registered under its name, sends heartbeats, and can be drained."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.unit.library_fixture import Library
from tonearm.errors import NotFound
from tonearm.jobs.worker_registry import (
    DrainState,
    Heartbeat,
    NameTaken,
    WorkerInstance,
    WorkerRegistry,
    WorkerStatus,
)
from tonearm.jobs.worker_rows import LOST_S
from tonearm.library.database import open_postgres, open_sqlite
from tonearm.library.schema import worker_table
from tonearm.views.workers import WorkerList, WorkerView

LEASE_S = 60.0
ELSEWHERE = "another-host"


@pytest.fixture
def workers(library: Library) -> WorkerRegistry:
    return WorkerRegistry(library.database)


def listed(workers: WorkerRegistry, ended: bool = False) -> list[WorkerView]:
    """The workers as they are shown."""
    return list(WorkerList(workers._database).each(ended))


def instance(
    name: str = "w", instance: str = "1", host: str = "here", pid: int = 1, slots: int = 2
) -> WorkerInstance:
    """By default a worker whose process lives: process 1 always does."""
    return WorkerInstance(name, instance, host, pid, "1.0", slots)


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that lives until it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def silent_for(library: Library, seconds: float) -> None:
    library.change("UPDATE workers SET seen_at = seen_at - :seconds", seconds=seconds)


def test_a_worker_that_enlists_is_shown(workers: WorkerRegistry) -> None:
    workers.register(instance("alto", host="studio", pid=77, slots=3), LEASE_S)
    [view] = listed(workers)
    assert (view.name, view.host, view.pid, view.version, view.slots) == ("alto", "studio", 77, "1.0", 3)
    assert (view.state, view.done, view.failed, view.running, view.unmounted) == ("idle", 0, 0, (), ())
    assert 0 <= view.seen_s_ago < 10


def test_what_a_worker_says_of_itself_is_shown(workers: WorkerRegistry) -> None:
    workers.register(instance(), LEASE_S)
    running = [{"job": 5, "path": "/music/K%F6ln.flac", "stage": "decode", "for_s": 1.5}]
    status = workers.heartbeat(
        instance(), Heartbeat(7, 2, running, {"PostgreSQL": "closed", "Redis": "open"}, ["/music"])
    )
    assert status.status is WorkerStatus.ACTIVE
    [view] = listed(workers)
    assert (view.state, view.done, view.failed) == ("working", 7, 2)
    assert view.running == tuple(running)
    assert view.breakers == {"PostgreSQL": "closed", "Redis": "open"}
    assert view.unmounted == ("/music",)


def test_a_name_whose_worker_lives_is_taken(workers: WorkerRegistry) -> None:
    workers.register(instance(), LEASE_S)
    for other in (instance(instance="2", host=ELSEWHERE), instance(instance="2", pid=2)):
        with pytest.raises(NameTaken, match=r"a worker named w is at work on here \(process 1\).*--name"):
            workers.register(other, LEASE_S)
    [view] = listed(workers)
    assert (view.host, view.pid) == ("here", 1)


def test_other_names_are_free(workers: WorkerRegistry) -> None:
    workers.register(instance("b"), LEASE_S)
    workers.register(instance("a", instance="2"), LEASE_S)
    assert [view.name for view in listed(workers)] == ["a", "b"]
    assert sum(shift.slots for shift in workers.shifts()) == 4


def test_a_worker_that_was_killed_on_this_host_gives_its_name_back_at_once(
    workers: WorkerRegistry, process: "subprocess.Popen[bytes]"
) -> None:
    workers.register(instance(pid=process.pid), LEASE_S)
    with pytest.raises(NameTaken):
        workers.register(instance(instance="2", pid=os.getpid()), LEASE_S)
    process.kill()
    process.wait()
    workers.register(instance(instance="2", pid=os.getpid()), LEASE_S)
    [view] = listed(workers)
    assert (view.pid, view.done, view.state) == (os.getpid(), 0, "idle")


def test_a_container_that_starts_again_with_the_same_process_id_gets_its_name_back(
    workers: WorkerRegistry,
) -> None:
    workers.register(instance(pid=1), LEASE_S)
    workers.register(instance(instance="2", pid=1), LEASE_S)


def test_two_containers_may_each_have_a_process_of_the_same_number(workers: WorkerRegistry) -> None:
    workers.register(instance(instance="1@pid:[1]", pid=1), LEASE_S)
    with pytest.raises(NameTaken):
        workers.register(instance(instance="2@pid:[2]", pid=1), LEASE_S)


def test_a_worker_that_was_killed_on_another_host_gives_its_name_back_when_its_leases_have_run_out(
    workers: WorkerRegistry, library: Library
) -> None:
    workers.register(instance(host=ELSEWHERE), LEASE_S)
    silent_for(library, LEASE_S - 10)
    with pytest.raises(NameTaken):
        workers.register(instance(instance="2"), LEASE_S)
    silent_for(library, 20)
    workers.register(instance(instance="2"), LEASE_S)


def test_a_worker_that_left_gives_its_name_back_at_once_and_is_not_listed(workers: WorkerRegistry) -> None:
    workers.register(instance(), LEASE_S)
    workers.heartbeat(instance(), Heartbeat(3, 1, [{"job": 1}]))
    workers.deregister(instance())
    assert listed(workers) == []
    [view] = listed(workers, ended=True)
    assert (view.state, view.done, view.failed, view.running) == ("ended", 3, 1, ())
    workers.register(instance(instance="2", host=ELSEWHERE), LEASE_S)
    [view] = listed(workers)
    assert (view.state, view.host, view.done) == ("idle", ELSEWHERE, 0)


def test_the_old_start_of_a_name_says_nothing_for_the_new_one(
    workers: WorkerRegistry, library: Library
) -> None:
    old, new = instance(host=ELSEWHERE), instance(instance="2")
    workers.register(old, LEASE_S)
    silent_for(library, LEASE_S + 1)
    workers.register(new, LEASE_S)
    workers.drain("w")
    assert workers.heartbeat(old, Heartbeat(99, 99)).status is WorkerStatus.REPLACED
    workers.deregister(old)
    [view] = listed(workers)
    assert (view.state, view.done) == ("draining", 0)
    assert workers.heartbeat(new, Heartbeat()).status is WorkerStatus.DRAINING


def test_a_worker_that_is_drained_is_told_until_it_has_left(workers: WorkerRegistry) -> None:
    workers.register(instance(), LEASE_S)
    workers.register(instance("other"), LEASE_S)
    workers.drain("w")
    assert [view.state for view in listed(workers)] == ["idle", "draining"]
    assert sum(shift.slots for shift in workers.shifts()) == 2
    assert workers.heartbeat(instance(), Heartbeat(1, 0, [{"job": 1}])).status is WorkerStatus.DRAINING
    assert workers.heartbeat(instance(), Heartbeat(2, 0)).status is WorkerStatus.DRAINING
    assert workers.heartbeat(instance("other"), Heartbeat()).status is WorkerStatus.ACTIVE
    assert [view.state for view in listed(workers)] == ["idle", "draining"]
    workers.deregister(instance())
    workers.register(instance(instance="2"), LEASE_S)
    assert workers.heartbeat(instance(instance="2"), Heartbeat()).status is WorkerStatus.ACTIVE


def test_who_is_not_at_work_cannot_be_drained(workers: WorkerRegistry) -> None:
    with pytest.raises(NotFound, match="no worker named w is at work"):
        workers.drain("w")
    workers.register(instance(), LEASE_S)
    workers.deregister(instance())
    with pytest.raises(NotFound):
        workers.drain("w")


def test_a_worker_that_falls_silent_is_shown_as_lost_and_counts_no_more(
    workers: WorkerRegistry, library: Library
) -> None:
    workers.register(instance(), LEASE_S)
    workers.heartbeat(instance(), Heartbeat(running=[{"job": 1}]))
    silent_for(library, LOST_S - 5)
    assert listed(workers)[0].state == "working"
    silent_for(library, 10)
    [view] = listed(workers)
    assert (view.state, view.running) == ("lost", ())
    assert view.seen_s_ago > LOST_S
    assert workers.shifts() == ()
    workers.heartbeat(instance(), Heartbeat(running=[{"job": 1}]))
    assert listed(workers)[0].state == "working"


def test_a_worker_that_was_lost_for_a_day_is_forgotten(workers: WorkerRegistry, library: Library) -> None:
    workers.register(instance(), LEASE_S)
    silent_for(library, 86_000)
    assert workers.expire_lost() == 0
    silent_for(library, 500)
    assert workers.expire_lost() == 1
    assert listed(workers) == []
    assert listed(workers, ended=True)[0].state == "ended"


def register_at_once(workers: WorkerRegistry, names: int) -> list[str]:
    """Enlist under one name from several starts at the same moment; returns who got it."""
    barrier = threading.Barrier(names)
    got: list[str] = []

    def register(start: str) -> None:
        barrier.wait()
        try:
            workers.register(instance(instance=start, host=f"host-{start}"), LEASE_S)
        except NameTaken:
            return
        got.append(start)

    threads = [threading.Thread(target=register, args=(str(number),)) for number in range(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return got


def test_of_several_that_want_a_name_at_the_same_moment_one_gets_it(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path)
    try:
        assert len(register_at_once(WorkerRegistry(database), 5)) == 1
    finally:
        database.close()


def test_of_several_hosts_that_want_a_name_at_the_same_moment_one_gets_it(postgres_url: str) -> None:
    database = open_postgres(postgres_url, 5, 30)
    try:
        workers = WorkerRegistry(database)
        register_at_once(workers, 5)  # from now on there are connections for all of them
        for _ in range(5):
            with database.write() as connection:
                connection.execute(delete(worker_table))
            assert len(register_at_once(workers, 5)) == 1
        [view] = listed(workers)
        workers.deregister(instance(instance=view.host.removeprefix("host-")))
        assert len(register_at_once(workers, 5)) == 1
    finally:
        database.close()


def test_a_level_of_the_log_that_a_person_sets_is_told_to_the_worker_until_its_time_is_over(
    workers: WorkerRegistry,
) -> None:
    def told() -> object:
        return workers.heartbeat(instance(), Heartbeat()).log_levels

    workers.register(instance(), LEASE_S)
    assert told() == {}
    workers.set_log_level("w", "tonearm", "debug")
    workers.set_log_level("w", "pika", "error", for_s=100.0)
    assert told() == {"tonearm": "debug", "pika": "error"}
    assert listed(workers)[0].log_levels == {"tonearm": "debug", "pika": "error"}
    workers.set_log_level("w", "tonearm", None)
    assert told() == {"pika": "error"}
    workers.set_log_level("w", "neo4j", "info", for_s=-1.0)
    assert told() == {"pika": "error"}
    workers.register(instance(instance="2"), LEASE_S)
    assert workers.heartbeat(instance(instance="2"), Heartbeat()).log_levels == {}
    with pytest.raises(NotFound, match="no worker named x"):
        workers.set_log_level("x", "tonearm", "debug")


def test_the_draining_of_a_worker_can_be_followed(workers: WorkerRegistry) -> None:
    workers.register(instance(), LEASE_S)
    asked = workers.drain("w")
    assert workers.drain_state("w", asked) is DrainState.DRAINING
    workers.deregister(instance())
    assert workers.drain_state("w", asked) is DrainState.ENDED


def test_a_drained_worker_whose_name_another_has_taken_has_ended(workers: WorkerRegistry) -> None:
    workers.register(instance(), LEASE_S)
    asked = workers.drain("w")
    workers.deregister(instance())
    workers.register(instance(instance="2"), LEASE_S)
    assert workers.drain_state("w", asked) is DrainState.ENDED


def test_a_worker_that_dies_while_it_drains_is_lost(library: Library, workers: WorkerRegistry) -> None:
    workers.register(instance(), LEASE_S)
    asked = workers.drain("w")
    silent_for(library, LOST_S + 1)
    assert workers.drain_state("w", asked) is DrainState.LOST
