"""The counts of a run add up, and pause, resume and cancel work as documented."""

import pytest

from tests.unit.library_fixture import Library, finish_one, found, result, take_one
from tonearm.errors import Failure, NotFound
from tonearm.events.states import RunState, Workload
from tonearm.jobs.run_counts import RunCounts
from tonearm.jobs.unread_paths import NAMED, Unread, UnreadPath
from tonearm.settings import Level

FLAKY = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
HOPELESS = Failure("not-audio", "it is a picture", "look at it")


def test_a_new_run_has_done_nothing_yet(library: Library) -> None:
    run = library.runs.open([b"/music", b"/K\xf6ln"])
    [view] = library.run_list.latest(10)
    assert (view.id, view.paths, view.state, view.finished_at) == (
        run,
        (b"/music", b"/K\xf6ln"),
        "running",
        None,
    )
    assert view.counts == RunCounts(0, 0, 0, 0, 0, 0)
    assert library.state(run) == RunState.RUNNING


def test_the_counts_of_a_run_say_what_became_of_its_files(library: Library) -> None:
    library.finish(library.run(), b"0", result("0"))
    run = library.run()
    library.meet(run, b"0", b"1", b"2", b"3", b"4", b"5", b"6")
    library.runs.count_skipped(run, 2)
    finish_one(library.job_store, library.take(run), result("1"))
    finish_one(library.job_store, library.take(run), result("2", complete=False))
    library.job_store.fail(library.take(run), HOPELESS, 0.0)
    library.job_store.cancel(library.take(run), HOPELESS)
    library.job_store.fail(library.take(run), FLAKY, 0.0)
    assert library.runs.counts(run) == RunCounts(
        discovered=9, done=1, partial=1, skipped=4, failed=1, pending=2
    )


def test_a_run_names_what_could_not_be_read_each_path_once(library: Library) -> None:
    run = library.run()
    closed, gone = UnreadPath(b"/music/caf\xe9", "Permission denied"), UnreadPath(b"/music/gone", "it hangs")
    library.runs.note_unread(run, [closed])
    library.runs.note_unread(run, [closed, gone])
    [shown] = library.run_list.latest()
    assert shown.unread == Unread(2, (closed, gone))
    library.runs.note_unread(run, [UnreadPath(b"%d" % number, "") for number in range(NAMED)])
    [shown] = library.run_list.latest()
    assert (shown.unread.count, len(shown.unread.named)) == (NAMED + 2, NAMED)
    assert shown.to_json()["unread_paths"][1] == {"path": "/music/gone", "reason": "it hangs"}


def test_the_counts_of_a_closed_run_stay_when_its_jobs_go_on(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2")
    finish_one(library.job_store, library.take(run), result())
    library.runs.close(run, RunState.INTERRUPTED)
    again = library.run()
    assert library.runs.adopt_open(again) == 1
    finish_one(library.job_store, library.take(again), result())
    latest, first = library.run_list.latest(10)
    assert (first.state, first.counts) == ("interrupted", RunCounts(2, 1, 0, 1, 0, 0))
    assert first.finished_at is not None
    assert (latest.id, latest.counts) == (again, RunCounts(1, 1, 0, 0, 0, 0))


def test_all_that_is_open_is_adopted_and_nothing_that_ended(library: Library) -> None:
    first, second = library.run(), library.run()
    library.meet(first, b"1", b"2")
    library.meet(second, b"3")
    finish_one(library.job_store, library.take(first), result())
    library.job_store.fail(library.take(first), FLAKY, 0.0)
    library.take(second)
    run = library.run()
    assert library.runs.adopt_open(run) == 2
    assert library.runs.counts(run) == RunCounts(2, 0, 0, 0, 0, 2)
    assert library.rows("SELECT run_id FROM jobs WHERE state = 'done'") == [{"run_id": first}]


def test_runs_of_a_process_that_is_gone_are_closed_as_interrupted(library: Library) -> None:
    ended, cancelled, left = library.run(), library.run(), library.run()
    library.runs.close(ended, RunState.FINISHED)
    library.runs.cancel(cancelled)
    library.runs.close_abandoned()
    states = {run.id: (run.state, run.finished_at is not None) for run in library.run_list.latest(10)}
    assert states == {
        ended: ("finished", True),
        cancelled: ("cancelled", True),
        left: ("interrupted", True),
    }


def test_nothing_of_a_paused_run_is_taken_until_it_is_resumed(library: Library) -> None:
    run, other = library.run(), library.run()
    library.meet(run, b"1", b"2")
    library.meet(other, b"3")
    lease = library.take(run)
    library.runs.pause(run)
    assert library.state(run) == RunState.PAUSED
    assert take_one(library.job_store, "worker", run) is None
    assert library.take().path == b"3"
    assert finish_one(library.job_store, lease, result()) is not None  # what runs is finished
    library.runs.resume(run)
    assert library.take(run).path == b"2"


def test_a_retry_that_falls_due_in_a_paused_run_waits_too(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.job_store.fail(library.take(run), FLAKY, 0.0)
    library.runs.pause(run)
    assert take_one(library.job_store, "worker", None) is None


def test_cancelling_a_run_ends_what_waits_and_keeps_what_is_stored(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1", b"2", b"3", b"4")
    finish_one(library.job_store, library.take(run), result())
    library.job_store.fail(library.take(run), FLAKY, 0.0)
    library.change("UPDATE jobs SET not_before = not_before + 1000 WHERE not_before IS NOT NULL")
    lease = library.take(run)
    assert library.runs.cancel(run) == 2
    assert library.state(run) == RunState.CANCELLED
    assert take_one(library.job_store, "worker", None) is None
    assert library.runs.counts(run) == RunCounts(4, 1, 0, 2, 0, 1)
    [job] = library.rows("SELECT code, reason FROM jobs WHERE file_id = 4")
    assert job == {"code": "cancelled", "reason": "Its run was cancelled."}
    assert finish_one(library.job_store, lease, result("2")) is not None
    library.runs.close(run, RunState.FINISHED)
    assert library.state(run) == RunState.CANCELLED


def test_cancelled_files_can_be_analysed_by_another_run(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.runs.cancel(run)
    again = library.run()
    assert library.meet(again, b"1").to_analyse == 1
    assert library.take(again).path == b"1"


def test_a_run_that_has_ended_cannot_be_cancelled(library: Library) -> None:
    finished, cancelled = library.run(), library.run()
    library.runs.close(finished, RunState.FINISHED)
    library.runs.cancel(cancelled)
    for run, state in ((finished, RunState.FINISHED), (cancelled, RunState.CANCELLED)):
        with pytest.raises(NotFound, match=f"run {run} is {state} already"):
            library.runs.cancel(run)
        assert library.state(run) == state


def test_a_run_that_is_cancelled_while_it_still_scans_queues_nothing_more(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.runs.cancel(run)
    library.meet(run, b"2")
    assert library.job_store.depth(run).open == 0
    counts = library.runs.counts(run)
    assert counts.discovered == counts.skipped


def test_orders_that_make_no_sense_are_refused(library: Library) -> None:
    run = library.run()
    with pytest.raises(NotFound, match=f"run {run} is running, not paused"):
        library.runs.resume(run)
    library.runs.pause(run)
    with pytest.raises(NotFound, match=f"run {run} is paused, not running"):
        library.runs.pause(run)
    for order in (library.runs.pause, library.runs.resume, library.runs.cancel):
        with pytest.raises(NotFound, match="there is no run 99"):
            order(99)


def test_the_work_of_a_run_is_known_by_format(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1.mp3", b"2.flac", b"3.flac")
    finish_one(library.job_store, library.take(run), result())
    assert library.runs.workload(run) == {"flac": (Workload(2, 2000, copies=1),)}


def test_the_work_of_a_run_is_told_by_level_and_size(library: Library) -> None:
    run = library.run()
    library.meet(run, found(b"1.flac", size=1000), found(b"2.flac", size=1000))
    library.meet(run, found(b"3.flac", size=100_000))
    library.meet(run, found(b"4.flac", size=130_000))
    library.meet(run, found(b"5.flac", size=140_000))
    library.meet(run, found(b"6.flac", size=300_000_000), level=Level.LOW)
    assert library.runs.workload(run) == {
        "flac": (
            Workload(2, 2000, copies=1),
            Workload(2, 230_000),
            Workload(1, 140_000),
            Workload(1, 300_000_000, "low"),
        )
    }


def test_what_was_decoded_lately_is_told_by_format_run_and_size(library: Library) -> None:
    run = library.run()
    assert library.runs.decoded_lately() == {}
    library.finish(run, b"1.mp3", result("1", work_s=3.0, size=1000))
    library.finish(run, b"2.mp3", result("2", work_s=1.0, size=3000))
    library.finish(run, b"3.flac", result("3", work_s=9.0, size=1000))
    library.finish(run, b"4.flac", result("3", work_s=0.0, size=1000, known=True))
    later = library.run()
    library.finish(later, b"5.mp3", result("5", work_s=5.0, size=50_000))
    known = library.runs.decoded_lately()
    assert {name: [(one.run, one.files, one.size, one.work_s) for one in known[name]] for name in known} == {
        "flac": [(run, 1, 1000, 9.0)],
        "mp3": [(run, 2, 4000, 4.0), (later, 1, 50_000, 5.0)],
    }
    assert all(one.decoded_s > 0 for several in known.values() for one in several)


def test_the_newest_runs_are_listed_first(library: Library) -> None:
    runs = [library.run() for _ in range(5)]
    assert [run.id for run in library.run_list.latest(3)] == runs[:1:-1]


def test_a_scan_that_ended_early_is_continued_until_its_paths_are_scanned(library: Library) -> None:
    early = library.runs.open([b"/music/jazz", b"/other"])
    library.runs.close(early, RunState.INTERRUPTED)
    cancelled = library.runs.open([b"/unwanted"])
    library.runs.cancel(cancelled)
    library.runs.close(cancelled, RunState.INTERRUPTED)
    going_on = library.runs.open([b"/live"])
    assert library.runs.unscanned_paths() == [b"/music/jazz", b"/other"]
    later = library.runs.open([b"/music"])
    library.runs.mark_scanned(later)
    library.runs.close(later, RunState.FINISHED)
    assert library.runs.unscanned_paths() == [b"/other"]
    assert library.state(going_on) == RunState.RUNNING


def test_a_run_that_ends_with_files_pending_is_interrupted(library: Library) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.runs.close(run, RunState.FINISHED)
    assert library.state(run) == RunState.INTERRUPTED


def test_what_a_cancelled_run_left_out_can_be_named_to_analyze(library: Library) -> None:
    named = library.runs.open([b"/music/a", b"/music/b"])
    library.meet(named, b"1")
    library.runs.cancel(named)
    assert library.runs.paths_to_analyse_again(named) == [b"/music/a", b"/music/b"]
    left = library.run()
    library.meet(left, b"2")
    taken_over = library.runs.open([])
    library.runs.adopt_open(taken_over)
    library.runs.cancel(taken_over)
    assert library.runs.paths_to_analyse_again(taken_over) == [b"/music"]


def test_a_job_that_is_retried_twice_at_once_after_its_run_was_cancelled_is_queued_once(
    library: Library,
) -> None:
    run = library.run()
    library.meet(run, b"1")
    library.job_store.fail(library.take(run), HOPELESS, 0.0)
    library.runs.cancel(run)
    assert [library.retry(None, partial=False) for _ in range(2)] == [1, 0]
    states = [row["state"] for row in library.rows("SELECT state FROM jobs ORDER BY id")]
    assert states == ["quarantined", "queued"]
