"""The job store in any order of calls: no job is lost, done twice, or changed by a late write."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.sizes import size
from tests.unit.library_fixture import (
    VERSIONS,
    WORKER,
    Library,
    Row,
    finish_one,
    found,
    opened,
    result,
    take_one,
)
from tonearm.errors import Failure, NotFound
from tonearm.events.states import RunState
from tonearm.jobs.failures import GONE
from tonearm.jobs.job import OPEN, JobState
from tonearm.jobs.lease import Lease
from tonearm.jobs.port import AttemptOutcome
from tonearm.jobs.run_counts import RunCounts
from tonearm.library.roots import Place
from tonearm.settings import Level

PATHS = [b"a/1.flac", b"a/2.mp3", b"b/3.flac", b"4.flac"]
AUDIO = ["one", "two", "three"]  # fewer than files: some are copies of each other
FAILURES = [Failure("hopeless", "r", "a"), Failure("flaky", "r", "a", 3), Failure("often", "r", "a", 20)]
LEVELS = st.sampled_from([None, *Level])
DICE = st.integers(0, 100)
PHASES = (Phase.reuse, Phase.generate, Phase.shrink)
ENDED = {"done", "partial", "quarantined", "cancelled"}


class PendingWrites(RuleBasedStateMachine):
    """A few files that runs meet, workers take, and people order about."""

    empty: ClassVar[bytes]

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.library: Library = self.stack.enter_context(opened(folder, self.empty))
        self.held: list[Lease] = []
        self.stale: list[Lease] = []
        self.outcomes: dict[tuple[int, int], AttemptOutcome | None] = {}
        self.failed: dict[tuple[int, int], Failure] = {}
        self.attempts: Counter[int] = Counter()
        self.done: dict[int, Row] = {}
        self.closed: dict[int, RunCounts] = {}

    def teardown(self) -> None:
        self.stack.close()

    # What runs do.

    @initialize()
    def begin(self) -> None:
        self.open_run()

    def open_run(self) -> None:
        self.library.runs.close_abandoned()
        for run in self.library.run_list.latest(100):
            self.closed.setdefault(run.id, run.counts)
        self.run = self.library.run()
        self.met: set[bytes] = set()

    @rule(adopt=st.booleans())
    def start_a_run(self, adopt: bool) -> None:
        self.open_run()
        if adopt:
            before = len(self.jobs(*OPEN))
            assert self.library.runs.adopt_open(self.run) == before
            self.met = set(PATHS)

    @rule(level=LEVELS, fresh=st.booleans(), changed=st.booleans(), dice=DICE)
    def meet_a_file(self, level: Level | None, fresh: bool, changed: bool, dice: int) -> None:
        left = [path for path in PATHS if path not in self.met]
        if left and self.library.state(self.run) != RunState.CANCELLED:
            path = left[dice % len(left)]
            self.met.add(path)
            self.library.meet(
                self.run, found(path, mtime_ns=dice if changed else 5), level=level, fresh=fresh
            )

    @rule(order=st.sampled_from(["pause", "resume", "cancel"]))
    def order_a_run_about(self, order: str) -> None:
        runs = self.library.runs
        state = self.library.state(self.run)
        try:
            if order == "cancel":
                runs.cancel(self.run)
            else:
                getattr(runs, order)(self.run)
        except NotFound:
            allowed = {("pause", RunState.RUNNING), ("resume", RunState.PAUSED)}
            allowed |= {("cancel", RunState.RUNNING), ("cancel", RunState.PAUSED)}
            assert (order, state) not in allowed
        if order == "cancel" and state != RunState.CANCELLED:
            assert [row for row in self.jobs("queued", "retrying") if row["run_id"] == self.run] == []

    # What workers do.

    @rule(worker=st.sampled_from([WORKER, "there:/data"]), any_run=st.booleans())
    def take(self, worker: str, any_run: bool) -> None:
        waiting = [
            row
            for row in self.jobs("queued", "retrying")
            if (any_run or row["run_id"] == self.run)
            and self.library.state(row["run_id"]) not in {RunState.PAUSED, RunState.CANCELLED}
        ]
        lease = take_one(self.library.job_store, worker, None if any_run else self.run)
        if lease is None:
            assert waiting == []
            return
        at_once = [
            row for row in waiting if row["state"] == "queued"
        ]  # a retry waits until nothing else does
        first = min(at_once or waiting, key=lambda row: (row["rank"], row["id"]))
        assert lease.job == first["id"]
        assert lease.attempt == first["attempts"] + 1
        self.held.append(lease)

    @precondition(lambda self: self.held)
    @rule(dice=DICE, audio=st.sampled_from(AUDIO), complete=st.booleans())
    def finish(self, dice: int, audio: str, complete: bool) -> None:
        lease = self.drop(dice)
        ending = finish_one(self.library.job_store, lease, result(audio, complete=complete))
        assert ending is not None
        assert ending.state == ("done" if complete else "partial")
        self.outcomes[lease.job, lease.attempt] = ending

    @precondition(lambda self: self.held)
    @rule(dice=DICE, failure=st.sampled_from(FAILURES))
    def fail(self, dice: int, failure: Failure) -> None:
        lease = self.drop(dice)
        before = self.library.job(lease.job)
        ending = self.library.job_store.fail(lease, failure, 0.1)
        assert ending is not None
        if self.library.state(before["run_id"]) != RunState.CANCELLED:
            charged = lease.attempt - before["uncharged_attempts"]
            assert ending.state == ("retrying" if charged < failure.max_attempts else "quarantined")
            assert self.library.job(lease.job)["code"] == failure.code
        assert self.library.job(lease.job)["state"] == ending.state
        self.failed[lease.job, lease.attempt] = failure
        if ending.state == "quarantined":
            self.outcomes[lease.job, lease.attempt] = ending

    @precondition(lambda self: self.held)
    @rule(dice=DICE)
    def give_back(self, dice: int) -> None:
        self.library.job_store.give_back([self.drop(dice)])

    @precondition(lambda self: self.held)
    @rule(dice=DICE)
    def find_it_gone(self, dice: int) -> None:
        lease = self.drop(dice)
        self.library.job_store.cancel(lease, GONE)
        assert self.library.job(lease.job)["state"] == "cancelled"

    @precondition(lambda self: self.held)
    @rule(dice=DICE)
    def sleep_past_a_lease(self, dice: int) -> None:
        lease = self.drop(dice)
        assert self.library.outlive(lease.job) == 1

    @rule(worker=st.sampled_from([WORKER, "nobody"]))
    def find_a_worker_gone(self, worker: str) -> None:
        lost = [lease for lease in self.held if lease.worker == worker]
        assert len(self.library.job_store.recover_worker(worker)) == len(lost)
        self.held = [lease for lease in self.held if lease not in lost]
        self.stale += lost

    @precondition(lambda self: self.stale)
    @rule(dice=DICE, how=st.sampled_from(["finish", "fail", "cancel", "give back"]))
    def write_too_late(self, dice: int, how: str) -> None:
        taken_again = {lease.job for lease in self.held}
        late = [lease for lease in self.stale if lease.job in taken_again] or self.stale
        lease = late[dice % len(late)]
        before = self.rows()
        row = self.library.job(lease.job)
        over = row["state"] in {"done", "partial", "quarantined"} and row["attempts"] == lease.attempt
        ended = (
            self.outcomes[lease.job, lease.attempt] if over else None
        )  # told again, when it was its own end
        if how == "finish":
            assert told(finish_one(self.library.job_store, lease, result("late"))) == told(ended)
        elif how == "fail" and not over and self.failed.get((lease.job, lease.attempt)) == FAILURES[0]:
            now = JobState.CANCELLED if row["state"] == "cancelled" else JobState.RETRYING  # by a person
            assert told(self.library.job_store.fail(lease, FAILURES[0], 1.0)) == (now, FAILURES[0].code)
        elif how == "fail":
            assert told(self.library.job_store.fail(lease, FAILURES[0], 1.0)) == told(ended)
        elif how == "cancel":
            self.library.job_store.cancel(lease, GONE)
        else:
            self.library.job_store.give_back([lease])
        assert self.rows() == before

    # What people do.

    @rule(level=st.sampled_from(list(Level)), scope=st.sampled_from([b"", b"a", b"4.flac"]))
    def prioritize(self, level: Level, scope: bytes) -> None:
        changed = self.library.queue_admin.prioritize(Place(self.library.root(), b"/music", scope), level)
        now = [row for row in self.jobs(*OPEN) if row["level"] == level and row["level_by"] == "person"]
        assert changed <= len(now)

    @rule(partial=st.booleans())
    def retry(self, partial: bool) -> None:
        last = {row["file_id"]: row for row in self.jobs()}  # the newest of each file
        wanted = {"quarantined", "retrying"} | ({"partial"} if partial else set())
        again = {file for file, row in last.items() if row["state"] in wanted and row["code"] is not None}
        assert self.library.retry(None, partial) == len(again)
        newest = {row["file_id"]: row for row in self.jobs()}  # a new job where the run was cancelled
        for file in again:
            row = newest[file]
            assert (row["state"], row["code"]) == ("queued", None)
            assert row["attempts"] == row["uncharged_attempts"]

    # What always holds.

    @invariant()
    def a_file_has_one_open_job_at_the_most(self) -> None:
        assert max(Counter(row["file_id"] for row in self.jobs(*OPEN)).values(), default=1) == 1

    @invariant()
    def attempts_only_grow(self) -> None:
        for row in self.jobs():
            assert row["attempts"] >= self.attempts[row["id"]]
            assert row["uncharged_attempts"] <= row["attempts"]
            self.attempts[row["id"]] = row["attempts"]

    @invariant()
    def what_is_done_never_changes(self) -> None:
        for row in self.jobs("done"):
            assert self.done.setdefault(row["id"], row) == row
        assert {row["id"] for row in self.jobs("done")} == set(self.done)

    @invariant()
    def what_runs_is_what_workers_hold(self) -> None:
        running = {row["id"]: (row["worker"], row["attempts"]) for row in self.jobs("running")}
        assert running == {lease.job: (lease.worker, lease.attempt) for lease in self.held}

    @invariant()
    def only_what_runs_has_a_lease(self) -> None:
        for row in self.jobs():
            assert (row["lease_until"] is not None) == (row["state"] == "running")
            assert (row["finished_at"] is not None) == (row["state"] in ENDED)
            assert (row["not_before"] is not None) == (row["state"] == "retrying") or row["state"] in ENDED

    @invariant()
    def what_failed_says_why(self) -> None:
        for row in self.jobs("retrying", "quarantined", "cancelled", "partial"):
            assert row["code"]
            assert row["reason"]
            assert row["advice"]

    @invariant()
    def the_counts_of_every_run_add_up(self) -> None:
        for run in self.library.run_list.latest(100):
            counts = run.counts
            parts = (counts.done, counts.partial, counts.skipped, counts.failed, counts.pending)
            assert counts.discovered == sum(parts), run
            then = self.closed.get(run.id, counts)
            taken_over = then.pending - counts.pending
            assert 0 <= taken_over <= sum(run.handed_over.values())
            assert counts == replace(then, pending=counts.pending, skipped=then.skipped + taken_over)

    @invariant()
    def results_are_stored_once(self) -> None:
        rows = self.library.rows("SELECT audio_id, analyser, version FROM analyses")
        assert len({tuple(row.values()) for row in rows}) == len(rows)
        audio = self.library.rows("SELECT count(*) AS n FROM audio WHERE hash != 'late'")[0]["n"]
        assert len(rows) == audio * len(VERSIONS)
        assert self.library.rows("SELECT * FROM audio WHERE hash = 'late'") == []

    @invariant()
    def every_file_is_accounted_for(self) -> None:
        last = {row["file_id"]: row for row in self.jobs()}
        for file in self.library.rows("SELECT id, state FROM files"):
            job = last[file["id"]]
            if job["state"] in {"done", "partial", "quarantined"}:
                assert file["state"] == job["state"]
            if file["state"] in {"done", "partial"}:
                assert self.library.rows("SELECT audio_id FROM files WHERE id = :i", i=file["id"])[0][
                    "audio_id"
                ]

    def drop(self, dice: int) -> Lease:
        lease = self.held.pop(dice % len(self.held))
        self.stale.append(lease)
        return lease

    def jobs(self, *states: str) -> list[Row]:
        rows = self.library.rows("SELECT * FROM jobs ORDER BY id")
        return [row for row in rows if not states or row["state"] in states]

    def rows(self) -> Sequence[list[Row]]:
        return [
            self.library.rows(f"SELECT * FROM {table}")  # noqa: S608  our own names
            for table in ("jobs", "files", "audio", "tags", "analyses")
        ]


def told(ending: AttemptOutcome | None) -> tuple[str, str | None] | None:
    """What is kept of an ending."""
    if ending is None:
        return None
    return ending.state, ending.failure.code if ending.failure else None


@pytest.mark.slow
def test_whatever_happens_nothing_is_lost_doubled_or_written_too_late(empty: bytes) -> None:
    PendingWrites.empty = empty
    run_state_machine_as_test(
        PendingWrites,
        settings=settings(
            max_examples=size(12, 60), stateful_step_count=30, report_multiple_bugs=False, phases=PHASES
        ),
    )
