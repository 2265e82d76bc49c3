"""Failures are counted by reason, listed page by page and retried batch by batch, on either database."""

import threading
import time

import pytest
from sqlalchemy import text

from tests.contracts.test_history import plans
from tests.unit.library_fixture import Library, finish_one, result
from tonearm.errors import Failure, StorageBusy
from tonearm.events.states import RunState
from tonearm.jobs import queue_again
from tonearm.jobs.failed_jobs import START, FailedPosition, FailedSelection
from tonearm.jobs.failures import KILLED, crashed
from tonearm.jobs.run_counts import RunCounts
from tonearm.library.database import Database
from tonearm.library.roots import Place

PICTURE = Failure("not-audio", "it is a picture", "look at it")
CABLE = Failure("read-error", "the cable is loose", "plug it in", max_attempts=3)
EVERYTHING = FailedSelection()


def fail(library: Library, run: int, *failures: Failure, folder: bytes = b"a") -> None:
    """Let one file for each of the failures fail once."""
    paths = [b"%s/%03d" % (folder, number) for number in range(len(failures))]
    library.meet(run, *paths)
    for failure in failures:
        library.job_store.fail(library.take(run), failure, 1.0, {"identify": 0.5, "decode": 0.5})


def died(library: Library, run: int, times: int, failure: Failure = KILLED) -> None:
    """Let the child of the next job die several times."""
    for _ in range(times):
        library.job_store.fail(library.take(run), failure, 1.0, {"identify": 0.5, "decode": 0.5})


def test_failures_are_grouped_by_code_and_reason(library: Library) -> None:
    run = library.run()
    began = library.rows("SELECT started_at FROM runs")[0]["started_at"]
    fail(library, run, PICTURE, CABLE, PICTURE, PICTURE)
    library.finish(run, b"b/1", result("1", complete=False))
    groups, files = library.failures.groups(EVERYTHING)
    assert files == 5
    assert [
        (group.code, group.reason, group.files, group.quarantined, group.partial, group.retrying)
        for group in groups
    ] == [
        ("not-audio", "it is a picture", 3, 3, 0, 0),
        ("incomplete", "Only 10.0 s of audio could be decoded where the file declares 20.0 s.", 1, 0, 1, 0),
        ("read-error", "the cable is loose", 1, 0, 0, 1),
    ]
    assert [group.to_json()["cause"] for group in groups] == ["file", "file", "system"]
    ends = [
        row["finished_at"] for row in library.rows("SELECT finished_at FROM jobs WHERE code = 'not-audio'")
    ]
    assert (groups[0].first_at, groups[0].last_at) == (min(ends), max(ends))
    assert began <= groups[2].first_at == groups[2].last_at <= groups[0].last_at
    assert groups[0].example == b"/music/a/000"


def test_reasons_that_differ_in_numbers_make_one_group(library: Library) -> None:
    run = library.run()
    reasons = (
        "8.2 s of 20.0 s in mp3 was found",
        "9 s of 1,024 s in mp3 was found",
        "1 s of 2 s in ac3 was found",
    )
    fail(library, run, *(Failure("incomplete", reason, "") for reason in reasons))
    groups, _ = library.failures.groups(EVERYTHING)
    assert {(group.reason, group.files) for group in groups} == {
        ("… s of … s in mp3 was found", 2),
        ("1 s of 2 s in ac3 was found", 1),
    }


def test_the_largest_groups_are_shown_and_all_files_are_counted(library: Library) -> None:
    run = library.run()
    fail(library, run, *(Failure("a", f"reason {'x' * number}", "") for number in (1, 1, 2, 3)))
    groups, files = library.failures.groups(EVERYTHING, 1)
    assert ([group.files for group in groups], files) == ([2], 4)
    assert library.failures.groups(FailedSelection(codes=["b"])) == ([], 0)


def test_a_place_limits_groups_and_lists(library: Library) -> None:
    run = library.run()
    fail(library, run, PICTURE, folder=b"a")
    fail(library, run, PICTURE, CABLE, folder=b"b")
    there = FailedSelection(Place(library.root(), b"/music", b"b"))
    assert library.failures.groups(there)[1] == 2
    assert [file.path for file in library.failures.each(there)] == [b"/music/b/000", b"/music/b/001"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_hold_every_failed_file_once(library: Library, limit: int) -> None:
    run = library.run()
    fail(library, run, PICTURE, CABLE, PICTURE, CABLE, PICTURE, KILLED, PICTURE)
    for chosen, files in ((EVERYTHING, 7), (FailedSelection(codes=["not-audio"]), 4)):
        pages, after = [], START
        while True:
            page, following = library.failures.page(chosen, limit, after)
            pages.append(page)
            if following is None:
                break
            assert len(page) == limit
            after = following
        listed = [file.position for page in pages for file in page]
        assert len(set(listed)) == len(listed) == files
        assert [position.id for position in listed if position.code == "not-audio"] == sorted(
            position.id for position in listed if position.code == "not-audio"
        )


def test_a_page_begins_behind_a_file_that_is_mended_meanwhile(library: Library) -> None:
    run = library.run()
    fail(library, run, PICTURE, PICTURE, PICTURE)
    chosen = FailedSelection(codes=["not-audio"])
    [first], after = library.failures.page(chosen, 1)
    library.retry(Place(library.root(), b"/music", b"a/000"))
    assert after == FailedPosition("not-audio", first.job)
    [second], _ = library.failures.page(chosen, 1, after)
    assert second.path == b"/music/a/001"


def test_the_latest_failures_come_first(library: Library) -> None:
    run = library.run()
    fail(library, run, PICTURE, CABLE, PICTURE)
    assert [file.path for file in library.failures.latest(5)] == [b"/music/a/002", b"/music/a/000"]


# Retrying.


def test_what_matches_a_code_is_retried_in_short_transactions(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_again, "BATCH", 2)
    run = library.run()
    fail(library, run, PICTURE, CABLE, PICTURE, PICTURE, PICTURE, PICTURE)
    work = library.queue_admin.retry(FailedSelection(codes=["not-audio"]))
    steps = []
    while not work.ended:
        steps.append(work.step())
    assert steps == [2, 2, 1]
    assert library.runs.counts(run) == RunCounts(6, 0, 0, 0, 0, 6)
    assert {row["state"] for row in library.rows("SELECT state FROM files")} == {"waiting"}
    assert [library.history(library.file(b"a/%03d" % number)["id"]) for number in range(3)] == [
        ["retried"],
        [],
        ["retried"],
    ]


def test_a_file_that_waits_for_another_attempt_is_tried_at_once(library: Library) -> None:
    run = library.run()
    fail(library, run, CABLE)
    library.change("UPDATE jobs SET not_before = not_before + 3600, queued_at = queued_at + 3600")
    assert library.retry(codes=["read-error"]) == 1
    [job] = library.rows("SELECT * FROM jobs")
    assert (job["state"], job["not_before"], job["code"]) == ("queued", None, None)
    assert job["publish_due_at"] == job["queued_at"] <= time.time() + 1
    lease = library.take(run)
    assert (lease.charged_attempts, lease.attempt) == (1, 2)


def test_a_job_that_was_given_back_has_not_failed(library: Library) -> None:
    run = library.run()
    library.meet(run, b"a")
    library.job_store.give_back([library.take(run)], after_s=60.0)
    assert library.failed() == []
    assert library.retry(partial=True) == 0


def test_files_of_a_cancelled_run_get_one_new_run(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_again, "BATCH", 2)
    run = library.run()
    fail(library, run, PICTURE, PICTURE, PICTURE)
    library.runs.cancel(run)
    library.runs.close(run, RunState.FINISHED)
    before = library.runs.counts(run)
    assert library.retry() == 3
    [new] = library.rows("SELECT id FROM runs WHERE id <> :run", run=run)
    assert library.runs.counts(new["id"]) == RunCounts(3, 0, 0, 0, 0, 3)
    assert library.runs.counts(run) == before
    assert library.retry() == 0


def test_a_new_run_that_has_ended_meanwhile_is_not_used_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_again, "BATCH", 1)
    run = library.run()
    fail(library, run, PICTURE, PICTURE)
    library.runs.cancel(run)
    work = library.queue_admin.retry(EVERYTHING)
    assert work.step() == 1
    [first] = library.rows("SELECT id FROM runs WHERE id <> :run", run=run)
    library.job_store.fail(library.take(first["id"]), PICTURE, 0.0)
    assert first["id"] in library.runs.close_ended()
    assert work.step() == 1
    assert library.runs.counts(first["id"]) == RunCounts(1, 0, 0, 0, 1, 0)
    assert [run["id"] for run in library.rows("SELECT id FROM runs ORDER BY id")][-1] > first["id"]


@pytest.mark.parametrize("emptied_database", ["postgresql"], indirect=True)
def test_a_scan_that_queues_the_same_file_at_the_same_moment_wins(library: Library) -> None:
    run = library.run()
    fail(library, run, PICTURE)
    work = library.queue_admin.retry(EVERYTHING)
    refused: list[StorageBusy] = []

    def step() -> None:
        try:
            work.step()
        except StorageBusy as error:
            refused.append(error)

    copy = (
        "INSERT INTO jobs (file_id, run_id, state, level, level_by, rank, fresh, attempts, uncharged_attempts,"
        " interruptions, queued_at, work_s, decoded_s) SELECT file_id, run_id, 'queued', level, level_by, rank,"
        " fresh, 0, 0, 0, queued_at, 0, 0 FROM jobs"
    )
    thread = threading.Thread(target=step)
    with library.database.write() as connection:
        connection.execute(text(copy))
        thread.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        until = time.monotonic() + 60
        while not library.rows(waits)[0]["count"] and time.monotonic() < until:
            time.sleep(0.01)
    thread.join(60)
    assert len(refused) == 1
    assert work.step() == 0
    assert work.ended


# Suspects.


def test_a_file_in_hand_when_children_died_twice_is_a_suspect(library: Library) -> None:
    run = library.run()
    library.meet(run, b"bad")
    died(library, run, 1)
    assert library.failures.count_suspects() == 0
    died(library, run, 1, crashed(11))
    assert library.failures.count_suspects() == 1
    [suspect] = library.failures.suspects()
    assert (suspect.path, suspect.state, suspect.child_deaths) == (b"/music/bad", "retrying", 2)
    assert [(death.attempt, death.code, death.stage) for death in suspect.deaths] == [
        (1, "killed", "decode"),
        (2, "crashed", "decode"),
    ]
    assert library.failures.suspects(after=suspect.job) == []


@pytest.mark.parametrize("way", ["analysed", "retried", "missing", "changed"])
def test_a_suspect_is_cleared(library: Library, way: str) -> None:
    run = library.run()
    library.meet(run, b"bad")
    died(library, run, 2)
    if way == "analysed":
        finish_one(library.job_store, library.take(run), result())
    elif way == "retried":
        assert library.retry() == 1
    elif way == "missing":
        library.files.mark_missing([library.file(b"bad")["id"]])
    else:
        library.change("UPDATE jobs SET state = 'quarantined', finished_at = 1")
        library.meet(library.run(), b"bad", fresh=True)
    assert library.failures.count_suspects() == 0


def test_other_failures_make_no_suspect(library: Library) -> None:
    run = library.run()
    library.meet(run, b"bad")
    died(library, run, 2, CABLE)
    assert library.failures.count_suspects() == 0


def test_failures_are_read_through_their_indexes(new_database: Database) -> None:
    library = Library(new_database)
    run = library.run()
    paths = [b"%05d" % number for number in range(1000)]
    library.meet(run, *paths)
    library.change(
        "UPDATE jobs SET state = 'done', finished_at = id, publish_due_at = NULL WHERE id % 20 <> 0"
    )
    library.change(
        "UPDATE jobs SET state = 'quarantined', finished_at = id, publish_due_at = NULL, code = 'not-audio',"
        " reason = 'x', child_deaths = 2 WHERE id % 20 = 0"
    )
    if library.database.shared:
        library.change("ANALYZE")
    page = FailedPosition("not-audio", 400)
    acts = {
        lambda: library.failures.page(FailedSelection(codes=["not-audio"]), 5, page): "ix_jobs_failed",
        lambda: library.failures.page(EVERYTHING, 5, page): "ix_jobs_failed",
        lambda: library.failures.groups(EVERYTHING): "ix_jobs_failed",
        lambda: library.queue_admin.retry(FailedSelection(codes=["not-audio"])).step(): "ix_jobs_failed",
        lambda: library.failures.latest(5): "ix_jobs_failed",
        library.failures.count_suspects: "ix_jobs_suspect",
    }
    for act, index in acts.items():
        found = plans(library, act)
        assert index in "\n".join(found), found
        for plan in found:
            assert "Seq Scan on jobs " not in plan, plan
            assert not any(
                line.startswith("SCAN jobs") and "INDEX" not in line for line in plan.splitlines()
            ), plan
