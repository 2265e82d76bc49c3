"""Results that are stored together, and jobs that are taken together, have the same outcome as one by one."""

import threading
from typing import Any

import pytest
from sqlalchemy import text

from tests.contracts.test_job_store import Deaf
from tests.program import until
from tests.unit.library_fixture import AT_ONCE, VERSIONS, Library, result
from tonearm.errors import Failure, StorageUnavailable
from tonearm.jobs.job import ClaimRefusal
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome, Result
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.resilience.backoff import Backoff
from tonearm.settings import Level

FLAKY = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
FEATURES = tuple(f"features_{name}_{version}" for name, version in VERSIONS.items())
TABLES = ("jobs", "files", "audio", "tags", "analyses", *FEATURES, "history")
TIMES = {"queued_at", "started_at", "finished_at", "first_seen_at", "made_at", "read_at", "at", "found_at"}
TIMES |= {"graph_due_at", "publish_due_at", "lease_until", "correlation_id", "rank"}


def leased(library: Library, *paths: bytes) -> list[Lease]:
    """The jobs of new files, taken together."""
    run = library.run()
    library.meet(run, *paths)
    return library.job_store.take("here", run, at_most=len(paths))


def all_rows(library: Library) -> dict[str, list[dict[str, Any]]]:
    """Everything that is kept, but for times and numbers that differ from one time to the next."""
    return {
        table: [
            {name: value for name, value in row.items() if name not in TIMES and not name.endswith("id")}
            for row in library.rows(f"SELECT * FROM {table} ORDER BY 1")  # noqa: S608  our own names
        ]
        for table in TABLES
    }


def states(library: Library) -> list[str]:
    return [str(row["state"]) for row in library.rows("SELECT state FROM jobs ORDER BY id")]


def mixed(leases: list[Lease]) -> list[tuple[Lease, Result]]:
    """Whole and cut-off files, copies of each other, some measured again in part only."""
    outcomes = [
        result("a", bpm=100.0),
        result("b", complete=False),
        result("c", tags={"title": "Ünï \U0001f3b5", "year": 1999}),
        result("a", bpm=101.0, tags={"title": "a copy"}),
        result("c", known=True, tags={"title": "another"}),
        result("d", findings={"tempo": (VERSIONS["tempo"], {"bpm": 90.0}, {})}),
        result("d", findings={"key": (1, {"camelot": "8A"}, {})}),
        result("b", known=True, complete=False),
    ]
    return list(zip(leases, outcomes, strict=True))


PATHS = [b"%d.flac" % number for number in range(8)]


def test_many_results_stored_together_are_as_if_stored_one_by_one(library: Library) -> None:
    one_by_one: list[AttemptOutcome | None] = []
    for pair in mixed(leased(library, *PATHS)):
        one_by_one += library.job_store.finish([pair])
    alone = all_rows(library)
    for table in FEATURES:
        library.change(f"DELETE FROM {table}")  # noqa: S608  names of ours
    library.change("DELETE FROM analyses")
    library.change("DELETE FROM tags")
    library.change("DELETE FROM attempts")
    library.change("DELETE FROM jobs")
    library.change("DELETE FROM files")
    library.change("DELETE FROM audio")
    together = library.job_store.finish(mixed(leased(library, *PATHS)))
    assert together == one_by_one
    assert all_rows(library) == alone
    assert [ending.state for ending in together if ending] == [
        "done",
        "partial",
        "done",
        "done",
        "done",
        "done",
        "done",
        "partial",
    ]


def test_one_result_that_cannot_be_stored_harms_no_other(library: Library) -> None:
    leases = leased(library, b"1", b"2", b"3")
    outcomes = [result("a"), result("b", tags={"year": 1 << 70}), result("c", complete=False)]
    first, second, third = library.job_store.finish(list(zip(leases, outcomes, strict=True)))
    assert first == AttemptOutcome("done")
    assert third is not None
    assert third.state == "partial"
    assert second is not None
    assert second.failure is not None
    assert (second.state, second.failure.code) == ("quarantined", "unstorable")
    assert states(library) == ["done", "quarantined", "partial"]
    assert library.job(2)["code"] == "unstorable"
    assert [row["file_id"] for row in library.rows("SELECT file_id FROM tags ORDER BY 1")] == [1, 3]


def test_a_lease_that_was_lost_is_told_so_among_others_that_hold(library: Library) -> None:
    leases = leased(library, b"1", b"2", b"3")
    assert library.outlive(2) == 1
    [again] = library.job_store.take("there", None)
    outcomes = [(lease, result(f"audio {lease.job}")) for lease in leases]
    assert library.job_store.finish([*outcomes, (again, result("its own"))]) == [
        AttemptOutcome("done"),
        None,
        AttemptOutcome("done"),
        AttemptOutcome("done"),
    ]
    assert {row["hash"] for row in library.rows("SELECT hash FROM audio")} == {
        "audio 1",
        "audio 3",
        "its own",
    }


def test_both_attempts_of_a_job_in_one_batch_are_told_apart(library: Library) -> None:
    [old] = leased(library, b"1")
    library.job_store.give_back([old])
    [new] = library.job_store.take("here", None)
    outcomes = library.job_store.finish([(old, result("old")), (new, result("new"))])
    assert outcomes == [None, AttemptOutcome("done")]
    assert [row["hash"] for row in library.rows("SELECT hash FROM audio")] == ["new"]


def test_a_batch_whose_answer_got_lost_is_stored_once_and_told_again(library: Library) -> None:
    leases = leased(library, b"1", b"2")
    deaf = Deaf(library.database)
    job_store = SqlJobStore(deaf, VERSIONS, AT_ONCE, 60)
    finished = [(leases[0], result("a")), (leases[1], result("b", complete=False))]
    deaf.deaf = True
    with pytest.raises(StorageUnavailable):
        job_store.finish(finished)
    before = all_rows(library)
    outcomes = job_store.finish(finished)
    assert [ending.state for ending in outcomes if ending] == ["done", "partial"]
    assert all_rows(library) == before


def test_files_that_moved_are_followed_in_a_batch_too(library: Library) -> None:
    run = library.run()
    for name in (b"old/1", b"old/2", b"old/3"):
        library.finish(run, name, result(name.hex()))
    library.change("UPDATE files SET missing_since = 7.0")
    leases = leased(library, b"new/1", b"new/2", b"new/3", b"new/4")
    hashes = [b"old/2".hex(), b"old/1".hex(), "other", b"old/1".hex()]
    outcomes = library.job_store.finish(
        [(lease, result(digest)) for lease, digest in zip(leases, hashes, strict=True)]
    )
    assert [ending.moved_from for ending in outcomes if ending] == [
        b"/music/old/2",
        b"/music/old/1",
        None,
        None,
    ]
    assert [
        row["path"] for row in library.rows("SELECT path FROM files WHERE missing_since IS NOT NULL")
    ] == [b"old/3"]


def test_what_is_known_of_several_pieces_of_audio_is_told_in_one_answer(library: Library) -> None:
    run = library.run()
    library.finish(run, b"1", result("whole"))
    library.finish(run, b"2", result("some", findings={"key": (1, {}, {})}))
    library.finish(run, b"3", result("old", findings={"key": (0, {}, {})}))
    library.meet(run, b"4", b"5", b"6", b"7")
    library.meet(run, b"8", fresh=True)
    leases = library.job_store.take("here", run, at_most=9)
    fresh = next(lease for lease in leases if lease.fresh)
    plain = [lease for lease in leases if not lease.fresh]
    asked = [*zip(plain, ["some", "whole", "old", "unknown"], strict=True), (fresh, "whole")]
    assert library.job_store.known_results(asked) == [{"key"}, {"tempo", "key"}, set(), set(), set()]
    assert library.job_store.known_results([]) == []


def test_several_jobs_are_taken_in_the_order_of_their_rank(library: Library) -> None:
    run = library.run()
    library.meet(run, b"low", level=Level.LOW)
    library.meet(run, b"1", b"2", b"3")
    library.meet(run, b"high", level=Level.HIGH)
    leases = library.job_store.take("here", None, at_most=4)
    assert [lease.path for lease in leases] == [b"high", b"1", b"2", b"3"]
    assert {(lease.attempt, lease.worker) for lease in leases} == {(1, "here")}
    assert [lease.path for lease in library.job_store.take("here", None, at_most=4)] == [b"low"]
    assert library.job_store.take("here", None, at_most=4) == []


def test_retries_that_are_due_fill_what_room_is_left(library: Library) -> None:
    leases = leased(library, b"1", b"2", b"3")
    library.job_store.fail(leases[0], FLAKY, 0.0)
    library.job_store.give_back([leases[2]])
    taken = library.job_store.take("here", None, at_most=5)
    assert [(lease.path, lease.attempt) for lease in taken] == [(b"3", 2), (b"1", 2)]


def test_messages_that_come_together_are_each_decided_for_itself(library: Library) -> None:
    run, paused = library.run(), library.run()
    library.meet(run, b"1", b"2", b"3", b"4")
    library.meet(paused, b"5")
    patient = SqlJobStore(library.database, VERSIONS, Backoff(1e6, 1e6), 60)
    first, second = library.job_store.take("there", run, at_most=2)
    patient.fail(first, FLAKY, 0.0)
    library.runs.pause(paused)
    library.change(
        "UPDATE jobs SET publish_due_at = NULL, published_at = 1, published_level = 3 WHERE id IN (3, 4)"
    )
    announced = {1: None, second.job: None, 3: Level.HIGH, 4: Level.LOW, 5: None, 77: None}
    claimed = library.job_store.claim(announced, "here")
    lease = claimed.pop(4)
    assert isinstance(lease, Lease)
    assert (lease.path, lease.attempt, lease.worker) == (b"4", 1, "here")
    assert claimed == {
        1: ClaimRefusal.EARLY,
        2: ClaimRefusal.NOT_WAITING,
        3: ClaimRefusal.OUTDATED,
        5: ClaimRefusal.PAUSED,
        77: ClaimRefusal.NOT_WAITING,
    }
    due = {number: library.job(number)["publish_due_at"] for number in (1, 3, 5)}
    assert due[1] == library.job(1)["not_before"]
    assert due[3] is None
    assert due[5] is None
    assert library.job_store.claim({}, "here") == {}


def test_a_retry_of_a_paused_run_that_is_due_has_a_message_due_only_when_it_is_resumed(
    library: Library,
) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.job_store.fail(library.take(), FLAKY, 0.0)
    library.runs.pause(run)
    assert library.job_store.claim({1: None}, "here") == {1: ClaimRefusal.PAUSED}
    assert library.job(1)["publish_due_at"] is None
    library.runs.resume(run)
    assert library.job(1)["publish_due_at"] is not None


class Holding:
    """Another transaction that holds a job's row until it is let go."""

    def __init__(self, library: Library, job: int, change: str = "UPDATE jobs SET stage = stage") -> None:
        """``change``: what it makes of the row."""
        self._change = change
        self._library = library
        self._job = job
        self._locked = threading.Event()
        self._free = threading.Event()
        self._thread = threading.Thread(target=self._hold)
        self._thread.start()
        assert self._locked.wait(60)

    def _hold(self) -> None:
        with self._library.database.write() as connection:
            connection.execute(text(f"{self._change} WHERE id = :job"), {"job": self._job})
            self._locked.set()
            self._free.wait(60)

    def let_go(self) -> None:
        """End the transaction."""
        self._free.set()
        self._thread.join(60)


@pytest.fixture
def shared(emptied_postgres: Any) -> Library:
    return Library(emptied_postgres)


def test_a_message_of_a_job_that_goes_to_another_run_just_then_is_not_done_with(shared: Library) -> None:
    """Its row is there, and yet not where the question found it."""
    run, other = shared.run(), shared.run()
    assert other == 2
    shared.meet(run, b"1")
    holding = Holding(shared, 1, "UPDATE jobs SET run_id = 2")
    claimed: dict[int, Lease | ClaimRefusal] = {}
    thread = threading.Thread(target=lambda: claimed.update(shared.job_store.claim({1: None}, "here")))
    thread.start()
    waits = (
        "SELECT count(*) AS waiting FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    try:
        until(lambda: bool(shared.rows(waits)[0]["waiting"]))
    finally:
        holding.let_go()
        thread.join(60)
    lease = claimed[1]
    assert isinstance(lease, Lease)
    assert lease.run == other


def test_a_row_that_somebody_holds_keeps_no_other_result_waiting(shared: Library) -> None:
    leases = leased(shared, b"1", b"2", b"3")
    holding = Holding(shared, 2)
    outcomes: list[AttemptOutcome | None] = []
    finished = [(lease, result(f"audio {lease.job}")) for lease in leases]
    thread = threading.Thread(target=lambda: outcomes.extend(shared.job_store.finish(finished)))
    thread.start()
    try:
        while states(shared) != ["done", "running", "done"]:
            thread.join(0.05)
            assert thread.is_alive()
    finally:
        holding.let_go()
        thread.join(60)
    assert outcomes == [AttemptOutcome("done")] * 3
    assert states(shared) == ["done"] * 3


def test_a_row_that_somebody_holds_keeps_no_other_message_waiting(shared: Library) -> None:
    shared.meet(shared.run(), b"1", b"2", b"3")
    holding = Holding(shared, 2)
    claimed: dict[int, Lease | ClaimRefusal] = {}
    announced = dict.fromkeys((1, 2, 3))
    thread = threading.Thread(target=lambda: claimed.update(shared.job_store.claim(announced, "here")))
    thread.start()
    try:
        while states(shared) != ["running", "queued", "running"]:
            thread.join(0.05)
            assert thread.is_alive()
    finally:
        holding.let_go()
        thread.join(60)
    assert sorted(claimed) == [1, 2, 3]
    assert {lease.attempt for lease in claimed.values() if isinstance(lease, Lease)} == {1}
    assert states(shared) == ["running"] * 3


def test_of_a_batch_whose_answer_got_lost_the_jobs_that_were_taken_with_it_go_back(library: Library) -> None:
    [lease] = leased(library, b"1")
    library.meet(lease.run, b"2", b"3")
    deaf = Deaf(library.database)
    job_store = SqlJobStore(deaf, VERSIONS, AT_ONCE, 60)
    deaf.deaf = True
    with pytest.raises(StorageUnavailable):
        job_store.finish_and_take([(lease, result("a"))], "here", None, (), 1)
    assert states(library) == ["done", "running", "queued"]
    assert job_store.finish([(lease, result("a"))]) == [AttemptOutcome("done")]
    assert job_store.give_back_except("here", []) == 1
    assert states(library) == ["done", "queued", "queued"]
    assert [one.attempt - one.uncharged_attempts for one in job_store.take("here", None, at_most=2)] == [1, 1]
