"""A scanned file that needs analysis is queued once, at the level that a person or the rules chose."""

import pytest

from tests.unit.library_fixture import VERSIONS, Library, finish_one, found, result
from tonearm.errors import Failure
from tonearm.jobs.intake import Intake, IntakeResult
from tonearm.jobs.run_counts import RunCounts
from tonearm.library.files import FileChange, ScannedFile
from tonearm.settings import Level, Rule

HOPELESS = Failure("not-audio", "it is a picture", "look at it")
TEN = b"10.flac"


def open_jobs(library: Library) -> list[dict[str, object]]:
    return library.rows(
        "SELECT run_id, level, level_by, fresh FROM jobs WHERE state IN ('queued', 'running', 'retrying')"
    )


def reconciles(counts: RunCounts) -> bool:
    parts = (counts.done, counts.partial, counts.skipped, counts.failed, counts.pending)
    return counts.discovered == sum(parts)


def test_a_new_file_is_known_and_queued(library: Library) -> None:
    run = library.run()
    item = found(b"cd/K\xf6ln.FLAC", size=123, mtime_ns=2**62, inode=-5)
    assert library.meet(run, item) == IntakeResult(to_analyse=1, enqueued=1)
    file = library.file(item.path)
    assert (file["size"], file["mtime_ns"], file["inode"], file["state"]) == (123, 2**62, -5, "waiting")
    assert open_jobs(library) == [{"run_id": run, "level": 2, "level_by": "rules", "fresh": 0}]
    assert library.runs.counts(run) == RunCounts(1, 0, 0, 0, 0, 1)


def test_an_unchanged_file_with_results_is_skipped(library: Library) -> None:
    library.finish(library.run(), TEN, result())
    run = library.run()
    assert library.meet(run, TEN) == IntakeResult(up_to_date=1)
    assert open_jobs(library) == []
    assert library.runs.counts(run) == RunCounts(1, 0, 0, 1, 0, 0)


def test_a_settled_file_is_there_unchanged_with_current_results(library: Library) -> None:
    library.finish(library.run(), TEN, result(inode=7))
    [known] = library.files.known(library.root(), b"", None, 10)
    same = found(TEN, inode=7)
    settled = library.intake.is_settled
    assert settled(same, known)
    assert settled(same, known._replace(state="partial"))
    for unsettled in (
        known._replace(size=1),
        known._replace(mtime_ns=1),
        known._replace(inode=1),
        known._replace(missing_since=1.0),
        known._replace(engine="tempo:1"),
        known._replace(state="quarantined"),
        known._replace(state="waiting"),
    ):
        assert not settled(same, unsettled)


def test_a_file_whose_row_stays_needs_only_a_job_unless_it_is_settled_or_failed(library: Library) -> None:
    library.finish(library.run(), TEN, result(inode=7))
    [known] = library.files.known(library.root(), b"", None, 10)
    same = found(TEN, inode=7)
    needs_only_job = library.intake.needs_only_job
    assert needs_only_job(same, known._replace(state="waiting"))
    assert needs_only_job(same, known._replace(engine="tempo:1"))
    for other in (
        known,
        known._replace(state="quarantined", engine=None),
        known._replace(state="waiting", size=1),
        known._replace(state="waiting", mtime_ns=1),
        known._replace(state="waiting", inode=1),
        known._replace(state="waiting", missing_since=1.0),
    ):
        assert not needs_only_job(same, other)


def test_an_unchanged_file_that_needs_only_a_job_keeps_its_open_one_or_gets_one(library: Library) -> None:
    first = library.run()
    library.finish(first, b"b.flac", result())
    library.meet(first, TEN)
    [waits, stale] = sorted(
        library.files.known(library.root(), b"", None, 10), key=lambda known: known.path != TEN
    )
    run = library.run()
    unchanged = [(waits.id, found(TEN)), (stale.id, found(b"b.flac"))]
    outcome = library.intake.record(run, library.root(), [], None, unchanged=unchanged)
    assert outcome == IntakeResult(to_analyse=2, enqueued=1)
    assert [job["run_id"] for job in open_jobs(library)] == [run, run]
    assert library.runs.counts(run) == RunCounts(2, 0, 0, 0, 0, 2)
    assert library.runs.counts(first) == RunCounts(2, 1, 0, 1, 0, 0)


def test_settled_files_are_counted_with_a_batch_once(library: Library) -> None:
    run = library.run()
    library.intake.record(run, library.root(), [ScannedFile(found(TEN), FileChange.NEW)], None, settled=3)
    counts = library.runs.counts(run)
    assert (counts.discovered, counts.skipped, counts.pending) == (4, 3, 1)


def test_a_partial_file_has_its_results_too(library: Library) -> None:
    library.finish(library.run(), TEN, result(complete=False))
    assert library.meet(library.run(), TEN) == IntakeResult(up_to_date=1)


def test_a_newer_analyser_measures_known_files_again(library: Library) -> None:
    library.finish(library.run(), TEN, result())
    library.intake = Intake(library.database, VERSIONS | {"tempo": VERSIONS["tempo"] + 1}, (), 1.0)
    assert library.meet(library.run(), TEN) == IntakeResult(to_analyse=1, enqueued=1)


def test_a_changed_file_is_queued_again_and_noted(library: Library) -> None:
    file = library.finish(library.run(), TEN, result())
    assert library.meet(library.run(), found(TEN, size=1001, mtime_ns=6, inode=8)) == IntakeResult(
        to_analyse=1, enqueued=1
    )
    row = library.file(TEN)
    assert (row["size"], row["mtime_ns"], row["inode"], row["state"]) == (1001, 6, 8, "waiting")
    assert library.history(file) == ["changed"]


def test_a_quarantined_file_stays_so_until_it_changes(library: Library) -> None:
    library.meet(library.run(), TEN)
    library.job_store.fail(library.take(), HOPELESS, 0.0)
    run = library.run()
    assert library.meet(run, TEN) == IntakeResult(quarantined=1)
    assert library.runs.counts(run) == RunCounts(1, 0, 0, 0, 1, 0)
    assert library.meet(library.run(), found(TEN, mtime_ns=6)) == IntakeResult(to_analyse=1, enqueued=1)


def test_measuring_afresh_takes_every_file(library: Library) -> None:
    library.finish(library.run(), TEN, result())
    library.meet(library.run(), b"20.flac")
    library.job_store.fail(library.take(), HOPELESS, 0.0)
    assert library.meet(library.run(), TEN, b"20.flac", fresh=True) == IntakeResult(to_analyse=2, enqueued=2)
    assert {row["fresh"] for row in open_jobs(library)} == {1}


def test_measuring_afresh_is_asked_of_what_is_queued_already(library: Library) -> None:
    library.meet(library.run(), TEN)
    library.meet(library.run(), TEN, fresh=True)
    assert [row["fresh"] for row in open_jobs(library)] == [1]


def test_a_moved_file_keeps_its_results_and_is_not_queued(library: Library) -> None:
    file = library.finish(library.run(), TEN, result())
    [known] = library.files.known(library.root(), b"", None, 10)
    run = library.run()
    moved = ScannedFile(found(b"new/place.mp3"), FileChange.MOVED, known)
    assert library.intake.record(run, library.root(), [moved], None) == IntakeResult(up_to_date=1)
    row = library.file(b"new/place.mp3")
    assert (row["id"], row["state"], row["extension"]) == (file, "done", "mp3")
    assert library.history(file) == ["moved"]
    assert library.runs.counts(run) == RunCounts(1, 0, 0, 1, 0, 0)


def test_a_file_that_moved_to_another_root_belongs_there(library: Library) -> None:
    library.finish(library.run(), TEN, result())
    [known] = library.files.known(library.root(), b"", None, 10)
    other = library.root(b"/other")
    library.intake.record(library.run(), other, [ScannedFile(found(TEN), FileChange.MOVED, known)], None)
    assert library.file(TEN)["root_id"] == other
    assert library.files.known(library.root(), b"", None, 10) == []


def test_a_path_from_which_a_file_moved_can_be_used_again(library: Library) -> None:
    run = library.run()
    old = library.finish(run, TEN, result("same"))
    library.files.mark_missing([old])
    library.finish(run, b"20.flac", result("same", known=True))
    assert library.file(TEN)["moved_to_id"] is not None
    assert library.meet(library.run(), found(TEN, inode=99)) == IntakeResult(to_analyse=1, enqueued=1)
    known = library.files.known(library.root(), b"", None, 10)
    assert [row.path for row in known] == [TEN, b"20.flac"]


def test_a_file_can_move_to_a_path_from_which_another_moved(library: Library) -> None:
    run = library.run()
    old = library.finish(run, TEN, result("same"))
    library.files.mark_missing([old])
    library.finish(run, b"20.flac", result("same", known=True))
    library.finish(run, b"30.flac", result("other"))
    third = library.files.known(library.root(), b"30.flac", None, 10)[0]
    moved = ScannedFile(found(TEN), FileChange.MOVED, third)
    assert library.intake.record(run, library.root(), [moved], None) == IntakeResult(up_to_date=1)


def test_a_file_that_is_back_is_noted_and_not_measured_again(library: Library) -> None:
    file = library.finish(library.run(), TEN, result())
    library.files.mark_missing([file])
    assert library.file(TEN)["missing_since"] is not None
    assert library.meet(library.run(), TEN) == IntakeResult(up_to_date=1)
    assert library.file(TEN)["missing_since"] is None
    assert library.history(file) == ["missing", "back"]


def test_a_file_goes_missing_once(library: Library) -> None:
    file = library.finish(library.run(), TEN, result())
    library.files.mark_missing([file])
    since = library.file(TEN)["missing_since"]
    library.files.mark_missing([file])
    assert library.file(TEN)["missing_since"] == since


def test_a_persons_level_beats_the_rules(library: Library) -> None:
    library.intake = Intake(library.database, library.versions, (Rule(level=Level.BACKGROUND),), 1.0)
    run = library.run()
    library.meet(run, TEN, level=Level.HIGH)
    library.meet(run, b"20.flac")
    assert [(row["level"], row["level_by"]) for row in open_jobs(library)] == [(1, "person"), (4, "rules")]


def test_an_open_job_joins_the_new_run_and_is_not_doubled(library: Library) -> None:
    library.meet(library.run(), TEN)
    run = library.run()
    assert library.meet(run, TEN) == IntakeResult(to_analyse=1)
    assert [row["run_id"] for row in open_jobs(library)] == [run]
    assert library.runs.counts(run) == RunCounts(1, 0, 0, 0, 0, 1)


def test_an_open_job_takes_the_level_a_person_now_chooses(library: Library) -> None:
    library.meet(library.run(), TEN, b"20.flac")
    run = library.run()
    library.meet(run, b"20.flac", level=Level.CRITICAL)
    lease = library.take()
    assert (lease.path, lease.run, lease.level) == (b"20.flac", run, Level.CRITICAL)


def test_an_open_job_keeps_the_level_a_person_chose_before(library: Library) -> None:
    library.meet(library.run(), TEN, level=Level.LOW)
    library.meet(library.run(), TEN)
    assert [(row["level"], row["level_by"]) for row in open_jobs(library)] == [(3, "person")]


def test_a_running_job_of_another_run_is_adopted_in_the_middle_of_its_work(library: Library) -> None:
    library.meet(library.run(), TEN)
    lease = library.take()
    run = library.run()
    library.meet(run, TEN)
    assert finish_one(library.job_store, lease, result()) is not None
    assert library.runs.counts(run).done == 1


@pytest.mark.parametrize("state", ["queued", "done", "quarantined"])
def test_a_file_that_one_run_meets_twice_counts_as_it_was_met(library: Library, state: str) -> None:
    library.meet(library.run(), TEN)
    if state == "done":
        finish_one(library.job_store, library.take(), result())
    if state == "quarantined":
        library.job_store.fail(library.take(), HOPELESS, 0.0)
    run = library.run()
    library.meet(run, TEN)
    library.meet(run, TEN)
    assert reconciles(library.runs.counts(run))


def test_known_files_come_in_the_order_of_their_bytes_page_by_page(library: Library) -> None:
    paths = [b"a b", b"a/1", b"a/\xff", b"a0", b"b", b"b/c/d", b"\xc3\xa9"]
    library.meet(library.run(), *paths)
    root = library.root()
    assert [row.path for row in library.files.known(root, b"", None, 3)] == paths[:3]
    assert [row.path for row in library.files.known(root, b"", paths[2], 100)] == paths[3:]
    assert [row.path for row in library.files.known(root, b"a", None, 100)] == [b"a/1", b"a/\xff"]
    assert library.files.known(root + 1, b"", None, 100) == []


def test_known_files_are_found_by_their_inode_wherever_they_lie(library: Library) -> None:
    library.meet(library.run(), found(TEN, inode=5))
    library.meet(library.run(), found(b"x", inode=-1), root=b"/other")
    met = library.files.by_inode([5, -1, 77])
    assert {inode: [row.path for row in rows] for inode, rows in met.items()} == {5: [TEN], -1: [b"x"]}


def test_whether_a_trace_is_recorded_is_decided_once_and_told_to_whoever_takes_the_job(
    library: Library,
) -> None:
    decisions: dict[str, bool] = {}

    def every_other(trace_id: str, decided: bool | None) -> bool:
        assert decided is None
        return decisions.setdefault(trace_id, len(decisions) % 2 == 0)

    library.intake = Intake(library.database, library.versions, (), 1.0, every_other)
    told = library.meet(library.run(), *(b"%d.mp3" % number for number in range(6)))
    assert [trace.sampled for trace in told.traces] == [True] * 3
    leases = library.job_store.take("w", None, at_most=6)
    assert {lease.correlation_id: lease.sampled for lease in leases} == decisions
    assert {trace.trace_id for trace in told.traces} == {one for one, yes in decisions.items() if yes}


def test_where_no_traces_are_recorded_nothing_is_decided(library: Library) -> None:
    assert library.meet(library.run(), TEN).traces == ()
    assert library.take().sampled is None
