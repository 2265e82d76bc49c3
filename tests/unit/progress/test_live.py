"""The live view shows exactly the events that have happened so far."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.facts import job_ref
from tonearm.events.event import Event
from tonearm.events.facts import (
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    Remote,
    RunStarted,
    RunStateChanged,
    ScanFinished,
    ScanProgress,
    ScanStarted,
    StageReached,
    WorkersChanged,
    WorkerStateChanged,
    WorkloadKnown,
)
from tonearm.events.job_ref import JobRef
from tonearm.events.rests import WorkerResting, WorkerResumed, WorkTimesKnown
from tonearm.events.services import BrokerStateChanged, StorageStateChanged
from tonearm.events.states import (
    BrokerState,
    Decoded,
    Obstacle,
    RestCode,
    RunState,
    Shift,
    StorageState,
    WorkerState,
    Workload,
)
from tonearm.progress.live import LiveView

MB = 10**6
RUN, OTHER_RUN = 3, 2


def seen(*events: Event) -> LiveView:
    view = LiveView()
    for event in events:
        view(event)
    return view


def scanned(found: int, to_analyse: int) -> list[Event]:
    finished = ScanFinished(b"/m", found, to_analyse, 0, 0, found - to_analyse, 0, 0, 0.1)
    return [ScanStarted(b"/m"), ScanProgress(found, to_analyse), finished]


LEARNED: dict[str, tuple[Decoded, ...]] = {"flac": (Decoded(0, 100, 100 * MB, 1000.0, 100.0),)}
"""A second of work for a megabyte."""


def begun(files: int = 4, workers: int = 2) -> WorkloadKnown:
    return WorkloadKnown(1, workers, {"flac": (Workload(files, files * MB),)}, LEARNED)


def eta_s(view: LiveView) -> float | None:
    return view.outlook().eta_s


def about(seconds: float) -> object:
    return pytest.approx(seconds, rel=0.2)


def file(job: int) -> JobRef:
    return job_ref(job, b"/m/%d.flac" % job, size=MB)


def started(job: int) -> JobStarted:
    return JobStarted(file(job))


def ended(job: int, state: str = "done", elapsed_s: float = 1.0) -> JobFinished:
    return JobFinished(file(job), state, elapsed_s, decoded_s=60.0)


def test_at_first_it_scans() -> None:
    view = seen(ScanProgress(7, 3))
    assert (view.state, view.discovered, view.to_analyse) == ("scanning", 7, 3)
    assert eta_s(view) is None
    assert view.throughput() == (0.0, 0.0)


def test_several_folders_are_added_up() -> None:
    view = seen(*scanned(10, 4), *scanned(5, 5))
    assert (view.discovered, view.to_analyse) == (15, 9)


def test_files_of_other_runs_are_not_counted_in_the_run_that_is_shown() -> None:
    other = {job: replace(file(job), run=OTHER_RUN) for job in (5, 6, 7)}
    before = JobFinished(other[5], "quarantined", 0.0, decoded_s=60.0)
    view = seen(before, RunStarted(RUN, 2, f"{RUN:032x}"), *scanned(4, 4), started(1), ended(1))
    view(JobStarted(other[6]))
    for event in (
        JobFinished(other[6], "done", 9.0, decoded_s=60.0),
        JobRetrying(other[7], "killed", "x", 1.0),
    ):
        view(event)
    assert (view.ended, view.failed, view.retrying, view.decoded_s) == (1, 0, 0, 60.0)
    assert [path for _, path, _ in view.slowest] == [file(1).path]
    view(replace(begun(3), run=RUN, ended=view.ended))
    expected_s = eta_s(view)
    view(JobStarted(other[7]))
    assert set(view.running) == {7}, "what this worker's children have is shown, of whichever run"
    assert eta_s(view) == pytest.approx(expected_s, rel=0.01)
    view(JobFinished(other[7], "done", 9.0, decoded_s=60.0))
    for job in (2, 3, 4):
        view(ended(job))
    assert (view.ended, view.total) == (4, 4)


def test_ended_files_are_counted_by_their_state() -> None:
    events = [ended(1), ended(2), ended(3, "partial"), ended(4, "quarantined")]
    view = seen(begun(), *(started(job) for job in range(1, 5)), *events)
    assert (view.total, view.done, view.partial, view.failed, view.ended) == (4, 2, 1, 1, 4)
    assert view.decoded_s == 240.0
    assert view.running == {}
    assert eta_s(view) == 0.0


def test_a_running_file_shows_its_stage_and_how_far_it_is() -> None:
    view = seen(begun(), started(1), StageReached(file(1), "decode", 0.25))
    [running] = view.running.values()
    assert (running.job.path, running.stage, running.fraction, running.job.attempt) == (
        b"/m/1.flac",
        "decode",
        0.25,
        1,
    )
    view(StageReached(file(1), "measure"))
    assert (running.stage, running.fraction) == ("measure", None)


def test_a_stage_of_a_file_that_is_not_running_is_nothing() -> None:
    assert seen(begun(), StageReached(file(9), "decode", 0.5)).running == {}


def test_a_file_that_is_tried_again_is_not_running_meanwhile() -> None:
    view = seen(begun(), started(1), JobRetrying(file(1), "x", "y", 2.0))
    assert view.running == {}
    assert (view.retrying, view.ended) == (1, 0)


def test_a_file_that_was_given_back_is_still_to_be_done() -> None:
    view = seen(begun(2), started(1), JobReturned(file(1), "stopping"))
    assert view.running == {}
    assert view.ended == 0
    assert eta_s(view) == about(1.0)


def test_a_file_that_is_no_longer_wanted_is_not_waited_for() -> None:
    view = seen(begun(1), started(1), JobReturned(file(1), "gone", "cancelled"))
    assert eta_s(view) == 0.0


@pytest.mark.parametrize(
    ("state", "held_up", "goes_on"),
    [
        ("paused", RunStateChanged(1, RunState.PAUSED, "why"), RunStateChanged(1, RunState.RUNNING)),
        (
            "waiting",
            StorageStateChanged(StorageState.WAITING, "why"),
            StorageStateChanged(StorageState.AVAILABLE),
        ),
    ],
)
def test_while_nothing_moves_no_time_is_promised(state: str, held_up: Event, goes_on: Event) -> None:
    view = seen(begun(), held_up)
    assert (view.state, view.reason, eta_s(view)) == (state, "why", None)
    view(goes_on)
    assert (view.state, view.reason) == ("running", None)
    assert eta_s(view) is not None


def test_a_broker_that_does_not_answer_holds_up_what_waits_and_not_what_runs() -> None:
    view = seen(begun(), started(1), BrokerStateChanged(BrokerState.UNAVAILABLE, "why"))
    assert (view.state, view.reason) == ("running", None)
    assert eta_s(view) is not None
    view(JobReturned(file(1), "stopping"))
    outlook = view.outlook()
    assert (outlook.eta_s, outlook.held_up_by, outlook.reason) == (None, Obstacle.SERVER, "why")
    assert outlook.files == 4
    view(BrokerStateChanged(BrokerState.REPUBLISHING))
    assert eta_s(view) is not None


def test_a_run_that_was_paused_while_storage_failed_is_still_paused_afterwards() -> None:
    view = seen(
        begun(),
        StorageStateChanged(StorageState.WAITING, "the disk is full"),
        RunStateChanged(1, RunState.PAUSED),
        StorageStateChanged(StorageState.AVAILABLE),
    )
    assert (view.state, eta_s(view)) == ("paused", None)


def test_storage_that_is_available_again_during_a_scan_does_not_end_the_scan() -> None:
    view = seen(
        ScanProgress(7, 3),
        StorageStateChanged(StorageState.WAITING, "it does not answer"),
        StorageStateChanged(StorageState.AVAILABLE),
    )
    assert view.state == "scanning"


def test_a_worker_that_stops_is_shown_as_stopping() -> None:
    view = seen(begun(), WorkerStateChanged("here", WorkerState.STOPPING, "finishing"))
    assert (view.state, view.reason) == ("stopping", "finishing")


def test_workers_that_come_and_go_change_the_time_to_go() -> None:
    view = seen(begun(8), WorkersChanged(8))
    assert eta_s(view) == about(1.0)
    view(WorkersChanged(1))
    assert eta_s(view) == about(8.0)
    view(WorkersChanged(0))
    assert eta_s(view) is None


HOURS = WorkTimesKnown("here", ((5000, 5004), (91_400, 91_404)))
"""Four seconds of work a day, the first of them in 1000 seconds."""


def test_a_rest_is_shown_with_its_reason_and_counted_in_the_time_to_go() -> None:
    view = LiveView(wall_clock=lambda: 4000.0)
    for event in (begun(4), HOURS, WorkerResting("here", RestCode.HOURS, "outside the hours", 5000)):
        view(event)
    assert (view.state, view.reason) == ("resting", "outside the hours")
    outlook = view.outlook()
    assert (outlook.held_up_by, outlook.reason) == (Obstacle.RESTING, "outside the hours")
    assert outlook.eta_s == pytest.approx(1000 + 2, abs=1)
    view(WorkerResumed("here", RestCode.HOURS, 1000.0))
    assert view.state == "running"


def test_nobody_knows_how_long_a_rest_for_load_lasts() -> None:
    view = seen(begun(4), WorkerResting("here", RestCode.LOAD, "other programs wait for the CPU"))
    assert (view.state, eta_s(view), view.outlook().files) == ("resting", None, 4)
    view(WorkerResumed("here", RestCode.LOAD, 60.0))
    assert eta_s(view) == about(2.0)


def test_a_run_rests_only_if_every_worker_does() -> None:
    view = LiveView(wall_clock=lambda: 4000.0)
    resting = Shift(1, stopped=True)
    for event in (
        RunStarted(RUN, 2, "0" * 32),
        WorkloadKnown(RUN, 2, begun(8).workload, LEARNED),
        WorkerResting("here", RestCode.BATTERY, "on battery"),
        WorkersChanged(2, (resting, Shift(1))),
    ):
        view(event)
    assert (view.state, eta_s(view)) == ("running", about(8.0))
    view(WorkersChanged(2, (resting, resting)))
    assert (view.state, eta_s(view)) == ("resting", None)


def test_a_run_that_is_left_to_workers_elsewhere_promises_nothing_before_they_come() -> None:
    view = seen(begun(workers=0))
    assert eta_s(view) is None
    view(WorkersChanged(4))
    assert eta_s(view) == about(1.0)


def test_a_file_that_is_well_under_way_elsewhere_is_shown_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    elsewhere = Remote(JobStarted(job_ref(1, size=MB, worker="b"), elapsed_s=0.5))
    view = seen(begun(3), elsewhere)
    [running] = view.running.values()
    assert running.remote
    assert (running.job.worker, running.job.run, running.since) == ("b", 3, 999.5)
    assert eta_s(view) == about(1.5)


def test_throughput_is_what_ended_since_work_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    view = seen(begun(), ended(1), ended(2))
    now = 1030.0
    assert view.throughput() == pytest.approx((4.0, 4.0))


def test_the_time_of_a_running_file_counts_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    view = seen(begun(3), started(1))
    assert eta_s(view) == about(2.0)  # three files on two slots
    now = 1000.5
    assert eta_s(view) == about(1.5)


def test_the_five_slowest_files_are_kept_slowest_first() -> None:
    view = seen(begun(9), *(ended(job, elapsed_s=float(job * 7 % 9)) for job in range(9)))
    assert [elapsed for elapsed, _, _ in view.slowest] == [8.0, 7.0, 6.0, 5.0, 4.0]


STATES = st.sampled_from(["done", "partial", "quarantined"])


@given(st.lists(st.tuples(st.sampled_from(["start", "end", "retry", "return"]), st.integers(1, 5), STATES)))
def test_whatever_happens_the_counts_are_those_of_the_events(steps: list[tuple[str, int, str]]) -> None:
    view = seen(begun(5))
    running: set[int] = set()
    counts = dict.fromkeys(("done", "partial", "quarantined"), 0)
    for step, job, state in steps:
        if step == "start":
            view(started(job))
            running.add(job)
            continue
        running.discard(job)
        if step == "end":
            view(ended(job, state))
            counts[state] += 1
        elif step == "retry":
            view(JobRetrying(file(job), "x", "y", 0.0))
        else:
            view(JobReturned(file(job), "z"))
        left = eta_s(view)
        assert left is not None
        assert left >= 0
    assert set(view.running) == running
    assert (view.done, view.partial, view.failed) == tuple(counts.values())
    assert view.ended == sum(counts.values())


def test_the_outlook_names_the_part_of_the_work_that_takes_most_of_the_time() -> None:
    view = seen(begun())
    assert view.outlook().held_up_by is None
    timings = {"identify": 0.5, "tags": 0.1, "decode": 2.0, "front": 0.9, "tempo": 0.5}
    view(replace(ended(1), timings=timings, store_s=0.01))
    outlook = view.outlook()
    assert outlook.held_up_by is Obstacle.DECODING
    assert outlook.share == pytest.approx(2.0 / 4.01, abs=0.01)
    for job in (2, 3):
        view(replace(ended(job), timings=timings, store_s=9.0))
    assert view.outlook().held_up_by is Obstacle.STORING


def test_a_file_that_waits_for_the_database_is_held_up_by_it_and_not_by_reading() -> None:
    view = seen(begun())
    view(replace(ended(1), timings={"identify": 0.5, "lookup": 3.0, "decode": 2.0}, store_s=0.01))
    assert view.outlook().held_up_by is Obstacle.STORING


def test_a_file_that_is_read_for_long_tells_that_reading_holds_the_run_up() -> None:
    now = 1000.0
    view = LiveView(clock=lambda: now)
    view(begun())
    view(replace(ended(1), timings={"identify": 0.1, "decode": 2.0}))
    view(started(2))
    view(StageReached(file(2), "identify"))
    assert view.outlook().held_up_by is Obstacle.DECODING
    now += 30
    assert view.outlook().held_up_by is Obstacle.READING


def test_a_run_of_which_only_failed_files_are_left_waits_to_repeat_them() -> None:
    view = seen(begun(1), started(1), JobRetrying(file(1), "x", "y", 2.0))
    assert view.outlook().held_up_by is Obstacle.RETRIES
    view(started(1))
    assert view.outlook().held_up_by is None


def test_files_that_are_left_are_counted_and_their_audio_is_estimated() -> None:
    view = seen(begun(8), started(1), ended(1))
    outlook = view.outlook()
    assert outlook.files == 7
    assert outlook.audio_s is not None
    assert outlook.audio_s > 7 * 10
    assert outlook.eta_s is not None
    assert outlook.eta_low_s is not None
    assert outlook.eta_high_s is not None
    assert outlook.eta_low_s < outlook.eta_s < outlook.eta_high_s


def test_without_a_worker_the_work_that_is_left_is_told_without_a_time() -> None:
    outlook = seen(begun(8), WorkersChanged(0)).outlook()
    assert (outlook.files, outlook.eta_s, outlook.held_up_by) == (8, None, Obstacle.NO_WORKER)
