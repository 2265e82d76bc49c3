"""Where the time went adds up, per stage, codec and worker, and is read without reading all attempts."""

import pytest

from tests.contracts.test_history import plans
from tests.unit.library_fixture import Library, finish_one, found, result
from tonearm.errors import Failure, NotFound
from tonearm.views.slow import FAILED, OTHER, QUEUE_WAIT, STORE, UNFINISHED, SlowWork, Span

BAD = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
EVER = Span()


@pytest.fixture
def worked(library: Library) -> Library:
    """Two files that were analysed, one that failed, one that was given back; by two workers."""
    run = library.run()
    library.meet(run, found(b"1.flac"), found(b"2.mp3"), found(b"3.mp3"), found(b"4.mp3"))
    mp3 = {"sound": {"codec": "mp3"}}
    lease = library.take(run, "w1")
    finish_one(library.job_store, lease, result("1", work_s=3.0, timings={"decode": 2.0, "tempo": 0.5}))
    lease = library.take(run, "w2")
    finish_one(library.job_store, lease, result("2", work_s=1.0, timings={"decode": 1.0}, **mp3))
    library.job_store.fail(library.take(run, "w2"), BAD, 5.0, {"identify": 5.0})
    lease = library.take(run, "w2")
    library.job_store.give_back([lease], work_s={lease.job: 4.0})
    library.change("UPDATE attempts SET queue_wait_s = 10, store_s = 0.25 WHERE outcome <> 'returned'")
    return library


def test_the_stages_of_all_attempts_add_up(worked: Library) -> None:
    usage = SlowWork(worked.database).usage(EVER)
    assert (usage.attempts, usage.complete) == (4, True)
    spent = {name: round(stage.total_s, 6) for name, stage in usage.stages.items()}
    wait_s = spent.pop(QUEUE_WAIT)
    assert wait_s >= 30.0
    assert spent == {"decode": 3.0, "tempo": 0.5, OTHER: 0.5, STORE: 0.75, FAILED: 5.0, UNFINISHED: 4.0}
    assert sum(spent.values()) == pytest.approx(usage.work.total_s) == pytest.approx(13.75)
    shares = [usage.share(stage) for name, stage in usage.stages.items() if name != QUEUE_WAIT]
    assert sum(share for share in shares if share is not None) == pytest.approx(1.0)
    assert usage.share(usage.stages[QUEUE_WAIT]) is None
    assert usage.stages["decode"].times_real_time == pytest.approx(20.0 / 3.0)
    assert usage.stages[FAILED].times_real_time is None


def test_codecs_and_workers_have_their_shares(worked: Library) -> None:
    usage = SlowWork(worked.database).usage(EVER)
    assert {name: spent.attempts for name, spent in usage.codecs.items()} == {"flac": 1, "mp3": 3}
    assert {name: spent.attempts for name, spent in usage.workers.items()} == {"w1": 1, "w2": 3}
    assert usage.workers["w1"].total_s == pytest.approx(3.25)
    assert usage.workers["w1"].longest_stage == "decode"
    assert usage.workers["w2"].longest_stage == FAILED


def test_only_the_newest_attempts_are_read(worked: Library) -> None:
    worked.change("UPDATE attempts SET ended_at = job_id")
    usage = SlowWork(worked.database).usage(EVER, 2)
    assert (usage.attempts, usage.complete) == (2, False)
    assert (usage.first_at, usage.last_at) == (3.0, 4.0)


def test_a_time_or_a_run_limits_what_is_read(worked: Library) -> None:
    worked.change("UPDATE attempts SET ended_at = job_id")
    work = SlowWork(worked.database)
    assert work.usage(Span(since=3.5)).attempts == 1
    assert [slow.path for slow in work.slowest(Span(since=2.0))] == [
        b"/music/3.mp3",
        b"/music/4.mp3",
        b"/music/2.mp3",
    ]
    other = worked.run()
    assert work.usage(Span(run=other)).attempts == 0
    run = worked.rows("SELECT min(id) AS id FROM runs")[0]["id"]
    assert work.usage(Span(run=run)).attempts == 2  # those of jobs that have ended
    assert [slow.path for slow in work.slowest(Span(run=run))] == [b"/music/1.flac", b"/music/2.mp3"]
    with pytest.raises(NotFound, match="there is no run 99"):
        work.usage(Span(run=99))


def test_the_slowest_attempts_come_first(worked: Library) -> None:
    slowest = SlowWork(worked.database).slowest(EVER, 3)
    assert [(slow.path, slow.run_s, slow.outcome, slow.code) for slow in slowest] == [
        (b"/music/3.mp3", 5.0, "failed", "read-error"),
        (b"/music/4.mp3", 4.0, "returned", None),
        (b"/music/1.flac", 3.0, "done", None),
    ]
    assert slowest[2].times_real_time == pytest.approx(10.0 / 3.0)
    assert slowest[0].times_real_time is None


def test_attempts_are_read_through_an_index(worked: Library) -> None:
    worked.change(
        "INSERT INTO jobs (file_id, run_id, state, level, level_by, rank, fresh, attempts, uncharged_attempts,"
        " interruptions, queued_at, finished_at, worker, work_s, decoded_s)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        " SELECT 1, 1, 'done', 2, 'rules', i, :fresh, 1, 0, 0, i, i, 'w', 1.0, 1.0 FROM n",
        fresh=False,
    )
    worked.change(
        "INSERT INTO attempts SELECT id, 1, 'w', id, id, 'done', NULL, :charged, 1, 1, 1, '{}' FROM jobs"
        " WHERE id > 10",
        charged=True,
    )
    if worked.database.shared:
        worked.change("ANALYZE")
    work = SlowWork(worked.database)
    for act in (
        lambda: work.usage(EVER, 20),
        lambda: work.usage(Span(since=2990.0), 20),
        lambda: work.slowest(Span(since=2990.0), 5),
    ):
        found = "\n".join(plans(worked, act))
        assert "ix_attempts_ended_at_run_s" in found, found
        assert "Seq Scan on attempts" not in found, found
        assert "SCAN jobs" not in found, found
    found = "\n".join(plans(worked, lambda: work.usage(Span(run=1), 20)))
    assert "ix_jobs_run_id_finished_at" in found, found
