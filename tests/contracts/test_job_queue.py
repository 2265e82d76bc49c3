"""With every queue, one worker at a time works on a job, and the most urgent jobs are taken first."""

import contextlib
import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from tests.contracts.queue_setups import PATIENCE_S, QueueSetup, RabbitSetup
from tests.program import within
from tests.unit.library_fixture import AGEING_S, VERSIONS, Library, finish_one, result, take_from
from tonearm.errors import Failure, StorageBusy
from tonearm.jobs.intake import Intake
from tonearm.jobs.job import UnmountedPlace
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import JobQueue
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.library.database import Database, open_sqlite
from tonearm.library.roots import Place
from tonearm.resilience.backoff import Backoff
from tonearm.settings import Level

FLAKY = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
HOPELESS = Failure("not-audio", "it is a picture", "look at it")
Answer = TypeVar("Answer")


class MakeBench:
    """Makes the setup of a test, of the kind that is on trial."""

    def __init__(self, kind: str, database: Database, url: str, namespace: str) -> None:
        self.kind = kind
        self.library = Library(database)
        self.made: list[QueueSetup] = []
        self._url = url
        self._namespace = namespace

    def __call__(self, ageing_s: float = AGEING_S) -> QueueSetup:
        self.library.intake = Intake(self.library.database, VERSIONS, (), ageing_s)
        if self.kind in {"sqlite", "postgresql"}:
            self.made.append(QueueSetup(self.library))
        else:
            topology = Topology(self._namespace, self.kind == "rabbitmq replicated")
            self.made.append(RabbitSetup(self.library, self._url, topology, ageing_s))
        return self.made[-1]


@pytest.fixture(params=["sqlite", "postgresql", "rabbitmq", "rabbitmq replicated"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeBench]:
    url = namespace = ""
    if request.param.startswith("rabbitmq"):
        url, namespace = request.getfixturevalue("rabbitmq_url"), request.getfixturevalue("namespace")
    if request.param == "sqlite":
        database = open_sqlite(tmp_path / "library")
    else:
        database = request.getfixturevalue("emptied_postgres")
    make = MakeBench(request.param, database, url, namespace)
    yield make
    for setup in make.made:
        setup.close()
    if request.param == "sqlite":
        database.close()


@pytest.fixture
def setup(make: MakeBench) -> QueueSetup:
    return make()


def end(setup: QueueSetup, queue: JobQueue, lease: Lease) -> None:
    """Store a result and say so to the queue, as a worker does."""
    assert finish_one(setup.library.job_store, lease, result(lease.path.hex())) is not None
    queue.acknowledge(lease)


def patiently(call: Callable[[], Answer]) -> Answer:
    """Try until nobody else is in the way: SQLite's writers wait for each other, but not for ever."""
    while True:
        with contextlib.suppress(StorageBusy):
            return call()


def test_the_most_urgent_job_is_taken_first_and_of_equals_the_oldest(setup: QueueSetup) -> None:
    library = setup.library
    run = library.run()
    chosen = [
        (b"a", Level.LOW),
        (b"b", Level.HIGH),
        (b"c", Level.NORMAL),
        (b"d", Level.CRITICAL),
        (b"e", Level.BACKGROUND),
        (b"f", Level.HIGH),
        (b"g", Level.LOW),
    ]
    for path, level in chosen:
        library.meet(run, path, level=level)
        setup.announced()
    queue = setup.queue("w")
    taken = []
    for _ in chosen:
        lease = setup.take(queue, in_order=True)
        taken.append((lease.path, lease.level))
        end(setup, queue, lease)
    assert taken == sorted(chosen, key=lambda job: job[1])
    assert setup.nothing(queue)


def test_many_workers_do_all_that_there_is_and_nothing_twice(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), *(b"%03d" % number for number in range(60)))
    queues = [setup.queue(f"w{number}", slots=2) for number in range(3)]
    taken: list[Lease] = []

    end_at = time.monotonic() + 60

    def work(queue: JobQueue) -> None:
        while len(taken) < 60 and time.monotonic() < end_at:
            if (lease := patiently(lambda: take_from(queue, frozenset()))) is not None:
                taken.append(lease)
                patiently(functools.partial(end, setup, queue, lease))
            time.sleep(0.005)

    threads = [threading.Thread(target=work, args=(queue,)) for queue in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(lease.job for lease in taken) == list(range(1, 61))
    assert {lease.attempt for lease in taken} == {1}
    assert len(Counter(lease.worker for lease in taken)) > 1
    assert setup.nothing(*queues)
    assert library.rows("SELECT state, count(*) AS jobs FROM jobs GROUP BY state") == [
        {"state": "done", "jobs": 60}
    ]


def test_a_running_job_comes_to_nobody_else_until_its_lease_has_run_out(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1")
    one = setup.queue("one")
    lease = setup.take(one)
    other = setup.queue("other")
    assert setup.nothing(other)
    assert library.job_store.recover_expired() == []
    setup.hang_up(one)  # its worker was killed
    assert setup.nothing(other)
    assert library.outlive() == 1
    again = setup.take(other)
    assert (again.job, again.attempt, again.worker) == (lease.job, 2, "other")
    assert library.job(lease.job)["uncharged_attempts"] == 1


def test_results_are_stored_and_the_next_job_is_taken_in_one_transaction(
    setup: QueueSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = setup.library
    library.meet(library.run(), b"1", b"2", b"3", b"4")
    setup.announced()
    queue = setup.queue("w", slots=4)
    leases = [setup.take(queue, in_order=True) for _ in range(2)]
    setup.calm(queue)
    writers: list[int] = []
    write = library.database.write

    def counted() -> AbstractContextManager[Connection]:
        writers.append(threading.get_ident())
        return write()

    monkeypatch.setattr(library.database, "write", counted)
    outcomes, [third] = queue.finish_and_take([(one, result(one.path.hex())) for one in leases], (), 1)
    assert writers.count(threading.get_ident()) == 1
    assert [outcome.state for outcome in outcomes if outcome] == ["done", "done"]
    assert (third.path, third.attempt, library.job(third.job)["state"]) == (b"3", 1, "running")
    for lease in leases:
        queue.acknowledge(lease)
    end(setup, queue, third)
    end(setup, queue, setup.take(queue))
    assert setup.nothing(queue)


@pytest.mark.parametrize("why", ["refused by the database", "lease lost"])
def test_a_job_that_is_not_taken_with_a_result_because_it_cannot_be_stored_is_taken_later(
    setup: QueueSetup, why: str
) -> None:
    library = setup.library
    library.meet(library.run(), b"1", b"2", b"3")
    setup.announced()
    queue = setup.queue("w", slots=3)
    leases = [setup.take(queue, in_order=True) for _ in range(2)]
    setup.calm(queue)
    if why == "lease lost":
        library.job_store.give_back(leases[1:], after_s=3600)
    unstorable = result("b", tags={"year": 1 << 70})
    outcomes, taken = queue.finish_and_take([(leases[0], result("a")), (leases[1], unstorable)], (), 1)
    assert [outcome and outcome.state for outcome in outcomes] == [
        "done",
        None if why == "lease lost" else "quarantined",
    ]
    assert list(taken) == []
    assert library.job(3)["attempts"] == 0
    queue.acknowledge(leases[0])
    queue.dead_letter(leases[1])
    assert setup.take(queue).path == b"3"


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_neither_ends_nor_lengthens_a_lease(setup: QueueSetup, hours: int) -> None:
    library = setup.library
    library.meet(library.run(), b"1", b"2")
    queue = setup.queue("one", slots=2)
    kept, lost = setup.take(queue), setup.take(queue)
    library.job_store.recover_expired()
    library.change("UPDATE jobs SET lease_until = lease_until - :jump", jump=hours * 3600)
    library.job_store.recover_expired()
    assert [library.job(lease.job)["state"] for lease in (kept, lost)] == ["running", "running"]
    assert library.outlive(lost.job) == 1
    assert library.job(kept.job)["state"] == "running"


def test_what_is_done_never_comes_again(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1")
    queue = setup.queue("w")
    end(setup, queue, setup.take(queue))
    other = setup.queue("other")
    assert setup.nothing(queue, other)
    library.job_store.recover_expired()
    assert setup.nothing(queue, other)


def test_a_failed_job_comes_again_after_its_back_off_and_not_before(setup: QueueSetup) -> None:
    library = setup.library
    slow = SqlJobStore(library.database, VERSIONS, Backoff(3.0, 3.0), 60)
    library.meet(library.run(), b"1")
    queue = setup.queue("w")
    lease = setup.take(queue)
    ending = slow.fail(lease, FLAKY, 0.1)
    queue.acknowledge(lease)
    assert ending is not None
    assert ending.retry_in_s is not None
    due = library.job(lease.job)["not_before"]
    again = setup.take(queue)
    job = library.job(lease.job)
    assert (again.job, again.attempt) == (lease.job, 2)
    assert due <= job["started_at"] < due + 60
    end(setup, queue, again)
    assert setup.dead() in {0, None}


def test_a_quarantined_job_comes_no_more_and_its_message_is_kept_with_the_dead(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1", b"2")
    queue = setup.queue("w")
    lease = setup.take(queue)
    ending = library.job_store.fail(lease, HOPELESS, 0.1)
    assert ending is not None
    assert ending.state == "quarantined"
    queue.dead_letter(lease)
    end(setup, queue, setup.take(queue))
    assert setup.nothing(queue)
    assert within(PATIENCE_S, lambda: setup.dead() in {1, None})


def test_a_quarantined_job_that_a_person_retries_comes_again(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1")
    queue = setup.queue("w")
    lease = setup.take(queue)
    library.job_store.fail(lease, HOPELESS, 0.1)
    queue.dead_letter(lease)
    assert library.retry(None, partial=False) == 1
    assert setup.take(queue).job == lease.job


def test_a_job_whose_next_attempt_is_far_away_comes_at_once_when_a_person_retries_it(
    setup: QueueSetup,
) -> None:
    library = setup.library
    library.meet(library.run(), b"1")
    queue = setup.queue("w")
    lease = setup.take(queue)
    library.job_store.fail(
        lease, Failure("read-error", "the cable is loose", "plug it in", max_attempts=9), 0.1
    )
    library.change(
        "UPDATE jobs SET not_before = not_before + 3600, queued_at = queued_at + 3600,"
        " publish_due_at = publish_due_at + 3600 WHERE state = 'retrying'"
    )
    queue.acknowledge(lease)
    assert setup.nothing(queue)
    assert library.retry(codes=["read-error"]) == 1
    again = setup.take(queue)
    assert (again.job, again.attempt, again.charged_attempts) == (lease.job, 2, 1)
    end(setup, queue, again)
    assert setup.nothing(queue)


def test_a_paused_run_gives_nothing_until_it_is_resumed(setup: QueueSetup) -> None:
    library = setup.library
    run, other = library.run(), library.run()
    library.meet(run, b"1", b"2", level=Level.HIGH)
    setup.announced()
    library.runs.pause(run)
    library.meet(run, b"3", level=Level.HIGH)
    library.meet(other, b"4", level=Level.LOW)
    queue = setup.queue("w")
    lease = setup.take(queue)
    assert lease.run == other
    end(setup, queue, lease)
    assert setup.nothing(queue)
    library.runs.resume(run)
    taken: list[Lease] = []
    for _ in range(3):
        taken.append(setup.take(queue))
        end(setup, queue, taken[-1])
    assert {lease.path for lease in taken} == {b"1", b"2", b"3"}
    assert {lease.attempt for lease in taken} == {1}


def test_a_retry_that_falls_due_while_its_run_is_paused_comes_after_the_pause(setup: QueueSetup) -> None:
    library = setup.library
    run = library.run()
    library.meet(run, b"1")
    queue = setup.queue("w")
    lease = setup.take(queue)
    library.runs.pause(run)
    library.job_store.fail(lease, FLAKY, 0.1)
    queue.acknowledge(lease)
    assert setup.nothing(queue)
    library.runs.resume(run)
    assert setup.take(queue).attempt == 2


def test_a_cancelled_run_gives_nothing_any_more(setup: QueueSetup) -> None:
    library = setup.library
    run = library.run()
    library.meet(run, b"1", b"2", b"3")
    setup.announced()
    queue = setup.queue("w")
    lease = setup.take(queue)
    assert library.runs.cancel(run) == 2
    library.job_store.give_back([lease])
    queue.acknowledge(lease)
    assert setup.nothing(queue)
    assert library.job_store.depth(run).open == 0


def test_what_a_worker_cannot_see_is_left_to_one_that_can(setup: QueueSetup) -> None:
    library = setup.library
    run = library.run()
    library.meet(run, b"1", root=b"/usb", level=Level.HIGH)
    library.meet(run, b"2", level=Level.LOW)
    setup.announced()
    usb = frozenset({UnmountedPlace(library.root(b"/usb"))})
    blind = setup.queue("blind")
    lease = setup.take(blind, usb)
    assert lease.path == b"2"
    end(setup, blind, lease)
    assert setup.nothing(blind, unmounted=usb)
    assert library.job(1)["attempts"] == 0
    found = setup.take(setup.queue("seeing"))
    assert (found.path, found.attempt) == (b"1", 1)


def test_what_lies_below_a_mount_that_is_missing_is_left_and_the_rest_of_its_root_is_not(
    setup: QueueSetup,
) -> None:
    library = setup.library
    library.meet(library.run(), b"nas", b"nas/1", b"nas/a/2", b"nas0", b"nasal/3", b"other/nas/4")
    queue = setup.queue("w")
    nas = frozenset({UnmountedPlace(library.root(), b"nas")})
    taken = {setup.take(queue, nas).path for _ in range(3)}
    assert taken == {b"nas0", b"nasal/3", b"other/nas/4"}
    assert setup.nothing(queue, unmounted=nas)
    assert queue.count_waiting(nas, 10) == 0


def test_a_worker_that_sees_again_takes_what_it_could_not(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1", root=b"/usb")
    setup.announced()
    queue = setup.queue("w")
    assert setup.nothing(queue, unmounted=frozenset({UnmountedPlace(library.root(b"/usb"))}))
    assert setup.take(queue).path == b"1"


def test_who_takes_nothing_keeps_nothing_from_others(setup: QueueSetup) -> None:
    """A call that scans still, or a worker that is only finishing what it has."""
    library = setup.library
    library.meet(library.run(), b"1", b"2", b"3")
    setup.announced()
    setup.queue("scanning", slots=3)
    draining = setup.queue("draining", slots=3)
    taken = setup.take(draining)
    draining.close()
    other = setup.queue("other", slots=3)
    assert {taken.job, setup.take(other).job, setup.take(other).job} == {1, 2, 3}
    end(setup, draining, taken)
    assert setup.nothing(draining, other)


def test_a_worker_that_rests_keeps_nothing_from_others_and_takes_again_later(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1", b"2", b"3")
    setup.announced()
    resting = setup.queue("resting", slots=3)
    taken = setup.take(resting)
    resting.rest()
    resting.rest()
    other = setup.queue("other", slots=3)
    assert {taken.job, setup.take(other).job, setup.take(other).job} == {1, 2, 3}
    end(setup, resting, taken)
    library.meet(library.run(), b"4")
    setup.announced()
    other.close()
    assert setup.take(resting).job == 4


def test_a_job_given_back_comes_at_once_or_after_a_while(setup: QueueSetup) -> None:
    library = setup.library
    library.meet(library.run(), b"1")
    queue = setup.queue("w")
    lease = setup.take(queue)
    library.job_store.give_back([lease])
    queue.acknowledge(lease)
    again = setup.take(queue)
    assert (again.job, again.attempt) == (lease.job, 2)
    assert library.job(lease.job)["uncharged_attempts"] == 1


def test_a_waiting_job_that_a_person_moves_to_the_front_is_taken_next(setup: QueueSetup) -> None:
    library = setup.library
    run = library.run()
    library.meet(run, *(b"%02d" % number for number in range(20)))
    setup.announced()
    queue = setup.queue("w")
    lease = setup.take(queue, in_order=True)
    assert library.queue_admin.prioritize(Place(1, b"/music", b"17"), Level.CRITICAL) == 1
    setup.announced()
    end(setup, queue, lease)
    urgent = setup.take(queue, in_order=True)
    assert (urgent.path, urgent.level) == (b"17", Level.CRITICAL)
    end(setup, queue, urgent)
    for _ in range(18):
        lease = setup.take(queue)
        assert lease.path != b"17"
        end(setup, queue, lease)
    assert setup.nothing(queue)


def test_waiting_jobs_that_a_person_moves_to_the_back_are_taken_last(setup: QueueSetup) -> None:
    library = setup.library
    run = library.run()
    library.meet(run, *(b"a/%d" % number for number in range(5)), *(b"b/%d" % number for number in range(5)))
    setup.announced()
    assert library.queue_admin.prioritize(Place(1, b"/music", b"a"), Level.BACKGROUND) == 5
    setup.announced()
    queue = setup.queue("w", slots=10)
    taken = []
    for _ in range(10):
        lease = setup.take(queue, in_order=True)
        taken.append(lease.path)
        end(setup, queue, lease)
    assert {path[:1] for path in taken[:5]} == {b"b"}
    assert {path[:1] for path in taken[5:]} == {b"a"}
    assert setup.nothing(queue)


def test_what_is_urgent_passes_two_thousand_that_are_not(setup: QueueSetup) -> None:
    library = setup.library
    run = library.run()
    library.meet(run, *(b"low/%04d" % number for number in range(2000)), level=Level.LOW)
    setup.announced()
    queue = setup.queue("w")
    lease = setup.take(queue, in_order=True)
    library.meet(run, b"urgent", level=Level.HIGH)
    setup.announced()
    end(setup, queue, lease)
    assert setup.take(queue, in_order=True).path == b"urgent"


def test_what_has_waited_long_is_taken_in_spite_of_a_constant_flood_of_the_urgent(make: MakeBench) -> None:
    ageing_s = 0.6
    setup = make(ageing_s)
    library = setup.library
    run = library.run()
    queue = setup.queue("w")
    began = time.monotonic()
    library.meet(run, *(b"high/%05d" % number for number in range(5)), level=Level.HIGH)
    library.meet(run, b"low", level=Level.LOW)
    before: list[bytes] = []
    while True:
        setup.announced()
        lease = setup.take(queue, in_order=True)
        if lease.path == b"low":
            break
        before.append(lease.path)
        library.meet(run, b"high/%05d" % (len(before) + 5), level=Level.HIGH)
        end(setup, queue, lease)
        assert time.monotonic() < began + 120
    assert len(before) >= 5
    assert time.monotonic() - began > ageing_s
