"""What is left of a run, and what holds it up, is read from the database alone."""

import dataclasses

import pytest

from tests.unit.library_fixture import Library, finish_one, found, result
from tonearm.errors import Failure
from tonearm.events.states import Obstacle, Outlook
from tonearm.jobs.sql_job_store import SqlJobStore
from tonearm.resilience.backoff import Backoff
from tonearm.views import outlook as outlooks
from tonearm.views.liveness import Liveness

BAD = Failure("crashed", "Its process was ended.", "Retry it.", max_attempts=3)
MB = 1_000_000
WORKING, NOBODY = Liveness(False, None, 1), Liveness(True, frozenset(), 0)
FILE_S = 200.0
"""Seconds that a file takes here: far more than a busy machine needs to store its result."""


def outlook(library: Library, run: int, alive: Liveness = WORKING) -> Outlook:
    with library.database.read() as connection:
        state = library.state(run)
        return outlooks.read_outlooks(connection, alive, [(run, state)])[run]


def met(library: Library, files: int = 10) -> int:
    run = library.run()
    library.meet(run, *(found(b"%d.flac" % number, size=MB + number) for number in range(files)))
    return run


def test_a_run_of_a_new_library_has_files_and_no_time(library: Library) -> None:
    assert outlook(library, met(library)) == Outlook(10)


def test_decoded_files_tell_how_long_the_others_take(library: Library) -> None:
    run = met(library)
    done = result("1", work_s=FILE_S, timings={"identify": 10.0, "decode": 150.0, "front": 40.0}, size=MB)
    finish_one(library.job_store, library.take(run), done)
    library.take(run)
    now = outlook(library, run)
    assert now.files == 9
    assert now.eta_s == pytest.approx(9 * FILE_S, rel=0.3)
    assert now.audio_s == pytest.approx(9 * 10.0, rel=0.3)
    assert now.eta_s is not None
    assert now.eta_low_s is not None
    assert now.eta_high_s is not None
    assert now.eta_low_s < now.eta_s < now.eta_high_s
    assert now.held_up_by is Obstacle.DECODING
    shared = outlook(library, run, Liveness(True, frozenset({"a", "b"}), 4))
    assert shared.eta_s == pytest.approx(now.eta_s / 3.5, rel=0.3)


def test_a_large_run_is_estimated_from_some_of_its_files(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = met(library, 30)
    finish_one(library.job_store, library.take(run), result("1", work_s=FILE_S, size=MB))
    exact = outlook(library, run)
    monkeypatch.setattr(outlooks, "SAMPLE", 5)
    some = outlook(library, run)
    assert some.files == exact.files == 29
    assert some.eta_s == pytest.approx(exact.eta_s, rel=0.25)


def test_while_a_run_is_paused_or_nobody_works_no_time_is_told(library: Library) -> None:
    run = met(library)
    finish_one(library.job_store, library.take(run), result("1", work_s=FILE_S, size=MB))
    gone = outlook(library, run, NOBODY)
    assert (gone.files, gone.eta_s, gone.held_up_by) == (9, None, Obstacle.NO_WORKER)
    cut_off = outlook(library, run, Liveness(True, frozenset({"a"}), 4, refused=frozenset({"RabbitMQ"})))
    assert (cut_off.files, cut_off.eta_s, cut_off.held_up_by) == (9, None, Obstacle.SERVER)
    library.runs.pause(run)
    paused = outlook(library, run)
    assert (paused.files, paused.eta_s, paused.held_up_by) == (9, None, Obstacle.PAUSED)
    assert paused.audio_s is not None


def test_a_run_of_which_only_failed_files_are_left_waits_to_repeat_them(library: Library) -> None:
    run = met(library, 1)
    store = SqlJobStore(library.database, library.versions, Backoff(600.0, 600.0), 60)
    store.fail(library.take(run), BAD, 1.0)
    assert outlook(library, run).held_up_by is Obstacle.RETRIES


def test_only_open_runs_have_an_outlook(library: Library) -> None:
    first = met(library, 1)
    finish_one(library.job_store, library.take(first), result("1", size=MB))
    library.runs.close_ended()
    library.runs.mark_scanned(first)
    library.runs.close_ended()
    second = library.run()
    listed = outlooks.with_outlooks(library.database, WORKING, library.run_list.latest())
    assert [(run.id, run.outlook is not None) for run in listed] == [(second, True), (first, False)]
    told = listed[0].to_json()["outlook"]
    assert set(told) == {field.name for field in dataclasses.fields(Outlook)}
