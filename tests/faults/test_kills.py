"""Any process may be killed at any moment; no file is lost, and none is stored twice."""

import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.program import Outcome, Program, alive, children_of, kill, reconciles, until, wait_for
from tests.sizes import size

FILES = 40


def none_alive(pids: list[int]) -> bool:
    """Whether all of these processes have ended."""
    return not any(alive(pid) for pid in pids)


def finish(program: Program, folder: Path) -> Outcome:
    """Call analyze until nothing is left; two calls must do."""
    outcome = program.run("analyze", folder)
    assert reconciles(outcome.summary)
    assert outcome.status == 0, (outcome.errors, outcome.of("job_finished")[-3:])
    return outcome


def test_killing_children_costs_one_attempt_each_and_nothing_else(program: Program, long_files: Path) -> None:
    process = program.start("analyze", long_files, "--json")
    wait_for(process, "job_started")
    dice = random.Random(1)
    killed = 0
    while killed < size(8, 40) and process.poll() is None:
        for child in dice.sample(children := children_of(process.pid), min(1, len(children))):
            kill(child)
            killed += 1
        time.sleep(dice.uniform(0.05, 0.5))
    outcome = program.wait(process)
    assert outcome.status == 0, outcome.errors
    assert outcome.summary["done"] == FILES
    assert reconciles(outcome.summary)
    program.assert_nothing_lost(FILES)
    retries = len(outcome.of("job_retrying"))
    returned = len(outcome.of("job_returned"))  # taken for a child that was killed before it had the file
    assert program.query("SELECT sum(attempts) FROM jobs") == [(FILES + retries + returned,)]
    assert program.query("SELECT sum(attempts - uncharged_attempts) FROM jobs") == [(FILES + retries,)]
    assert retries <= killed


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_call_finishes(
    program: Program, long_files: Path
) -> None:
    process = program.start("analyze", long_files, "--json")
    wait_for(process, "job_finished")
    children = children_of(process.pid)
    assert children
    kill(process.pid)
    until(lambda: not any(alive(child) for child in children))
    program.wait(process)
    before = program.query("SELECT count(*) FROM jobs WHERE state = 'done'")[0][0]
    outcome = finish(program, long_files)
    assert outcome.summary["skipped"] == before
    assert outcome.summary["done"] == FILES - before
    program.assert_nothing_lost(FILES)


def test_after_a_kill_the_status_does_not_contradict_itself_and_the_run_keeps_its_story(
    program: Program, long_files: Path
) -> None:
    process = program.start("analyze", long_files, "--json")
    wait_for(process, "job_finished")
    kill(process.pid)
    program.wait(process)
    [status] = program.run("status").events
    assert (status["process"], status["running"]) == (None, [])
    assert status["interrupted"] > 0
    assert [run["state"] for run in status["runs"]] == ["interrupted"]
    listed = program.run("jobs", "--state", "running").events
    assert {job["state"] for job in listed} == {"interrupted"}
    text = program.start("status").communicate()[0].decode()
    assert "No process is analysing now" in text
    assert "being analysed by a process that has ended" in text
    pending = program.query("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running', 'retrying')")[0][
        0
    ]
    assert program.run("analyze").status == 0
    later, first = program.run("runs").events
    assert first["state"] == "interrupted"
    assert first["pending"] == pending
    assert first["handed_over"] == [{"run": later["run"], "files": pending}]
    assert (later["state"], later["pending"], later["failed"]) == ("finished", 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_kills_of_children_and_supervisors(program: Program, long_files: Path) -> None:
    dice = random.Random(7)
    kills = 0
    while kills < size(6, 40):
        process = program.start("analyze", long_files, "--json")
        time.sleep(dice.uniform(0.5, 3.0))
        target = dice.choice(("child", "supervisor", "both"))
        children = children_of(process.pid)
        if target in {"child", "both"} and children:
            kill(dice.choice(children))
            kills += 1
        if target in {"supervisor", "both"}:
            kill(process.pid)
            kills += 1
        else:
            time.sleep(dice.uniform(0, 1))
            process.send_signal(signal.SIGTERM)
        program.wait(process)
        until(partial(none_alive, children))
    finish(program, long_files)
    program.assert_nothing_lost(FILES)
    for (counts,) in program.query("SELECT counts FROM runs"):
        assert counts is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_finishes_or_gives_back_what_runs(
    program: Program, long_files: Path, number: signal.Signals
) -> None:
    process = program.start("analyze", long_files, "--json")
    wait_for(process, "job_finished")
    children = children_of(process.pid)
    began = time.monotonic()
    process.send_signal(number)
    outcome = program.wait(process)
    assert time.monotonic() - began < 15
    assert outcome.status == 130
    assert outcome.summary["pending"] > 0
    assert reconciles(outcome.summary)
    assert not any(alive(child) for child in children)
    assert program.query("SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    finish(program, long_files)
    program.assert_nothing_lost(FILES)
    assert program.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)]


def test_a_second_signal_stops_at_once(program: Program, long_files: Path) -> None:
    program.environment["TONEARM_GRACE_S"] = "1000"
    process = program.start("analyze", long_files, "--json")
    wait_for(process, "job_started")
    for child in children_of(process.pid):
        kill(child, signal.SIGSTOP)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "it waits for what runs"
    process.send_signal(signal.SIGINT)
    outcome = program.wait(process, timeout=10)
    assert outcome.status == 130
    finish(program, long_files)
    program.assert_nothing_lost(FILES)


def test_a_stopped_child_is_killed_at_its_deadline_and_the_file_tried_again(
    program: Program, long_files: Path
) -> None:
    program.environment |= {"TONEARM_DEADLINE_BASE_S": "2", "TONEARM_DEADLINE_SPEED": "1000"}
    process = program.start("analyze", long_files / "a" / "b", "--json")
    wait_for(process, "job_started")
    frozen = children_of(process.pid)[0]
    kill(frozen, signal.SIGSTOP)
    outcome = program.wait(process)
    assert outcome.status == 0
    assert not alive(frozen)
    assert outcome.summary["done"] == 13
    assert [event["code"] for event in outcome.of("job_retrying")] in (["deadline"], [])


def test_a_file_whose_child_always_dies_is_quarantined_with_its_reason(
    program: Program, long_files: Path
) -> None:
    path = long_files / "a" / "01.flac"
    process = program.start("analyze", path, "--json")
    while process.poll() is None:
        for child in children_of(process.pid):
            if program.data.joinpath("tonearm.db").exists():
                kill(child, signal.SIGSEGV)
        time.sleep(0.02)
    outcome = program.wait(process)
    assert outcome.status in {1, 2}
    if outcome.status == 1:
        (failure,) = program.run("failures", "--files").events
        assert failure["code"] == "crashed"
        assert failure["attempts"] == 3
        assert "SIGSEGV" in failure["reason"]
    program.query("SELECT 1")
    assert program.run("retry", str(path)).events == [{"queued": 1 if outcome.status == 1 else 0}]
    finish(program, path)
    program.assert_nothing_lost(1)
