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
from tonearm.events.services import BrokerStateChanged, StorageStateChanged
from tonearm.events.states import BrokerState, RunState, StorageState, WorkerState, Workload
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


def begun(files: int = 4) -> WorkloadKnown:
    return WorkloadKnown(1, 2, {"flac": Workload(files, files * MB)}, {"flac": 1.0 / MB})


def file(job: int) -> JobRef:
    return job_ref(job, b"/m/%d.flac" % job, size=MB)


def started(job: int) -> JobStarted:
    return JobStarted(file(job))


def ended(job: int, state: str = "done", elapsed_s: float = 1.0) -> JobFinished:
    return JobFinished(file(job), state, elapsed_s, decoded_s=60.0)


def test_at_first_it_scans() -> None:
    view = seen(ScanProgress(7, 3))
    assert (view.state, view.discovered, view.to_analyse) == ("scanning", 7, 3)
    assert view.eta_s() is None
    assert view.throughput() == (0.0, 0.0)


def test_several_folders_are_added_up() -> None:
    view = seen(*scanned(10, 4), *scanned(5, 5))
    assert (view.discovered, view.to_analyse) == (15, 9)


def test_files_of_other_runs_are_not_counted_in_the_run_that_is_shown() -> None:
    other = {job: replace(file(job), run=OTHER_RUN) for job in (5, 6, 7)}
    before = JobFinished(other[5], "quarantined", 0.0, decoded_s=60.0)
    view = seen(before, RunStarted(RUN, 2), *scanned(4, 4), started(1), ended(1))
    view(JobStarted(other[6]))
    for event in (
        JobFinished(other[6], "done", 9.0, decoded_s=60.0),
        JobRetrying(other[7], "killed", "x", 1.0),
    ):
        view(event)
    assert (view.ended, view.failed, view.retrying, view.decoded_s) == (1, 0, 0, 60.0)
    assert [path for _, path, _ in view.slowest] == [file(1).path]
    view(replace(begun(3), run=RUN, ended=view.ended))
    eta_s = view.eta_s()
    view(JobStarted(other[7]))
    assert set(view.running) == {7}, "what this worker's children have is shown, of whichever run"
    assert view.eta_s() == eta_s
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
    assert view.eta_s() == 0.0


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
    assert view.eta_s() == pytest.approx(1.0)


def test_a_file_that_is_no_longer_wanted_is_not_waited_for() -> None:
    view = seen(begun(1), started(1), JobReturned(file(1), "gone", "cancelled"))
    assert view.eta_s() == 0.0


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
    assert (view.state, view.reason, view.eta_s()) == (state, "why", None)
    view(goes_on)
    assert (view.state, view.reason) == ("running", None)
    assert view.eta_s() is not None


@pytest.mark.parametrize("state", list(BrokerState))
def test_what_the_broker_does_hides_no_time_to_go(state: BrokerState) -> None:
    view = seen(begun(), BrokerStateChanged(state, "why"))
    assert (view.state, view.reason) == ("running", None)
    assert view.eta_s() is not None


def test_a_run_that_was_paused_while_storage_failed_is_still_paused_afterwards() -> None:
    view = seen(
        begun(),
        StorageStateChanged(StorageState.WAITING, "the disk is full"),
        RunStateChanged(1, RunState.PAUSED),
        StorageStateChanged(StorageState.AVAILABLE),
    )
    assert (view.state, view.eta_s()) == ("paused", None)


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
    assert view.eta_s() == pytest.approx(1.0)
    view(WorkersChanged(1))
    assert view.eta_s() == pytest.approx(8.0)
    view(WorkersChanged(0))
    assert view.eta_s() is None


def test_a_run_that_is_left_to_workers_elsewhere_promises_nothing_before_they_come() -> None:
    view = seen(WorkloadKnown(1, 0, {"flac": Workload(4, 4 * MB)}, {"flac": 1.0 / MB}))
    assert view.eta_s() is None
    view(WorkersChanged(4))
    assert view.eta_s() == pytest.approx(1.0)


def test_a_file_that_is_well_under_way_elsewhere_is_shown_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    elsewhere = Remote(JobStarted(job_ref(1, size=MB, worker="b"), elapsed_s=0.5))
    view = seen(begun(3), elsewhere)
    [running] = view.running.values()
    assert running.remote
    assert (running.job.worker, running.job.run, running.since) == ("b", 3, 999.5)
    assert view.eta_s() == pytest.approx(1.25)


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
    assert view.eta_s() == pytest.approx(1.5)
    now = 1000.5
    assert view.eta_s() == pytest.approx(1.25)


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
        left = view.eta_s()
        assert left is not None
        assert left >= 0
    assert set(view.running) == running
    assert (view.done, view.partial, view.failed) == tuple(counts.values())
    assert view.ended == sum(counts.values())
