"""A person relies on: what the live view shows is what has happened so far, no more and no less."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.events.facts import (
    Event,
    JobFinished,
    JobRetrying,
    JobReturned,
    JobStarted,
    RunStarted,
    ScanFinished,
    ScanProgress,
    ScanStarted,
    StageReached,
    StateChanged,
    WorkersChanged,
    Workload,
)
from tonearm.progress.live import LiveView

MB = 10**6


def seen(*events: Event) -> LiveView:
    view = LiveView()
    for event in events:
        view(event)
    return view


def scanned(found: int, to_analyse: int) -> list[Event]:
    finished = ScanFinished(b"/m", found, to_analyse, 0, 0, found - to_analyse, 0, 0, 0.1)
    return [ScanStarted(b"/m"), ScanProgress(found, to_analyse), finished]


def begun(files: int = 4) -> RunStarted:
    return RunStarted(1, 2, {"flac": Workload(files, files * MB)}, {"flac": 1.0 / MB})


def started(job: int) -> JobStarted:
    return JobStarted(job, b"/m/%d.flac" % job, MB, "flac", 1, "normal")


def ended(job: int, state: str = "done", elapsed_s: float = 1.0) -> JobFinished:
    return JobFinished(job, b"/m/%d.flac" % job, state, elapsed_s, 60.0, MB, "flac")


def test_at_first_it_scans() -> None:
    view = seen(ScanProgress(7, 3))
    assert (view.state, view.discovered, view.to_analyse) == ("scanning", 7, 3)
    assert view.eta_s() is None
    assert view.throughput() == (0.0, 0.0)


def test_several_folders_are_added_up() -> None:
    view = seen(*scanned(10, 4), *scanned(5, 5))
    assert (view.discovered, view.to_analyse) == (15, 9)


def test_ended_files_are_counted_by_their_state() -> None:
    events = [ended(1), ended(2), ended(3, "partial"), ended(4, "quarantined")]
    view = seen(begun(), *(started(job) for job in range(1, 5)), *events)
    assert (view.total, view.done, view.partial, view.failed, view.ended) == (4, 2, 1, 1, 4)
    assert view.decoded_s == 240.0
    assert view.running == {}
    assert view.eta_s() == 0.0


def test_a_running_file_shows_its_stage_and_how_far_it_is() -> None:
    view = seen(begun(), started(1), StageReached(1, "decode", 0.25))
    [running] = view.running.values()
    assert (running.path, running.stage, running.fraction, running.attempt) == (
        b"/m/1.flac",
        "decode",
        0.25,
        1,
    )
    view(StageReached(1, "measure"))
    assert (running.stage, running.fraction) == ("measure", None)


def test_a_stage_of_a_file_that_is_not_running_is_nothing() -> None:
    assert seen(begun(), StageReached(9, "decode", 0.5)).running == {}


def test_a_file_that_is_tried_again_is_not_running_meanwhile() -> None:
    view = seen(begun(), started(1), JobRetrying(1, b"/m/1.flac", "x", "y", 1, 2.0))
    assert view.running == {}
    assert (view.retrying, view.ended) == (1, 0)


def test_a_file_that_was_given_back_is_still_to_be_done() -> None:
    view = seen(begun(2), started(1), JobReturned(1, b"/m/1.flac", "stopping"))
    assert view.running == {}
    assert view.ended == 0
    assert view.eta_s() == pytest.approx(1.0)


def test_a_file_that_is_no_longer_wanted_is_not_waited_for() -> None:
    view = seen(begun(1), started(1), JobReturned(1, b"/m/1.flac", "gone", "cancelled"))
    assert view.eta_s() == 0.0


@pytest.mark.parametrize("state", ["paused", "waiting"])
def test_while_nothing_moves_no_time_is_promised(state: str) -> None:
    view = seen(begun(), StateChanged(1, state, "the disk is full"))
    assert (view.state, view.reason, view.eta_s()) == (state, "the disk is full", None)
    view(StateChanged(1, "running"))
    assert (view.state, view.reason) == ("running", None)
    assert view.eta_s() is not None


def test_workers_that_come_and_go_change_the_time_to_go() -> None:
    view = seen(begun(8), WorkersChanged(8))
    assert view.eta_s() == pytest.approx(1.0)
    view(WorkersChanged(1))
    assert view.eta_s() == pytest.approx(8.0)
    view(WorkersChanged(0))
    assert view.eta_s() is None


def test_a_run_that_is_left_to_workers_elsewhere_promises_nothing_before_they_come() -> None:
    view = seen(RunStarted(1, 0, {"flac": Workload(4, 4 * MB)}, {"flac": 1.0 / MB}))
    assert view.eta_s() is None
    view(WorkersChanged(4))
    assert view.eta_s() == pytest.approx(1.0)


def test_a_file_that_is_well_under_way_elsewhere_is_shown_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    elsewhere = JobStarted(1, b"/m/1.flac", MB, "flac", 1, "normal", run=3, worker="b", elapsed_s=0.5)
    view = seen(begun(2), elsewhere)
    [running] = view.running.values()
    assert (running.worker, running.run, running.since) == ("b", 3, 999.5)
    assert view.eta_s() == pytest.approx(0.75)


def test_throughput_is_what_ended_since_work_began(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    view = seen(begun(), ended(1), ended(2))
    now = 1030.0
    assert view.throughput() == pytest.approx((4.0, 4.0))


def test_time_in_hand_counts_from_when_a_file_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    view = seen(begun(2), started(1))
    assert view.eta_s() == pytest.approx(1.0)
    now = 1000.5
    assert view.eta_s() == pytest.approx(0.75)


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
            view(JobRetrying(job, b"", "x", "y", 1, 0.0))
        else:
            view(JobReturned(job, b"", "z"))
        left = view.eta_s()
        assert left is not None
        assert left >= 0
    assert set(view.running) == running
    assert (view.done, view.partial, view.failed) == tuple(counts.values())
    assert view.ended == sum(counts.values())
