"""Any process may be killed at any moment; no file is lost, and none is stored twice."""

import random
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from tests.program import (
    MANY,
    Event,
    Outcome,
    Program,
    alive,
    children_of,
    events_of,
    kill,
    reconciles,
    until,
    wait_for,
)
from tests.sizes import size


@pytest.fixture
def program(paced_program: Program) -> Program:
    return paced_program


def none_alive(pids: list[int]) -> bool:
    """Whether all of these processes have ended."""
    return not any(alive(pid) for pid in pids)


def finish(program: Program, folder: Path) -> Outcome:
    """Call analyze until nothing is left, as fast as it can; two calls must do."""
    program.environment.pop("TONEARM_READ_MB_S", None)
    outcome = program.run("analyze", folder)
    assert reconciles(outcome.summary)
    assert outcome.status == 0, (outcome.errors, outcome.of("job_finished")[-3:])
    return outcome


def test_killing_children_costs_one_attempt_each_and_nothing_else(program: Program, many_files: Path) -> None:
    process = program.start("analyze", many_files, "--json")
    dice = random.Random(1)
    killed: list[int] = []
    heard: list[Event] = []
    for event in events_of(process):
        heard.append(event)
        if len(killed) == size(8, 16):
            break
        if (
            event["event"] == "job_started" and killed.count(event["job"]) < 2
        ):  # a third time would quarantine it
            time.sleep(dice.uniform(0, 0.4))
            kill(event["pid"])
            killed.append(event["job"])
    outcome = program.wait(process)
    heard += outcome.events
    assert outcome.status == 0, outcome.errors
    assert outcome.summary["done"] == MANY
    assert reconciles(outcome.summary)
    program.assert_nothing_lost(MANY)
    retries = sum(event["event"] == "job_retrying" for event in heard)
    returned = sum(
        event["event"] == "job_returned" for event in heard
    )  # taken for a child that was killed before it had the file
    assert program.query("SELECT sum(attempts) FROM jobs") == [(MANY + retries + returned,)]
    assert program.query("SELECT sum(attempts - uncharged_attempts) FROM jobs") == [(MANY + retries,)]
    assert retries <= len(killed)


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_call_finishes(
    program: Program, many_files: Path
) -> None:
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_finished")
    children = children_of(process.pid)
    assert children
    kill(process.pid)
    until(lambda: not any(alive(child) for child in children))
    program.wait(process)
    before = program.query("SELECT count(*) FROM jobs WHERE state = 'done'")[0][0]
    outcome = finish(program, many_files)
    assert outcome.summary["skipped"] == before
    assert outcome.summary["done"] == MANY - before
    program.assert_nothing_lost(MANY)


def test_after_a_kill_the_status_does_not_contradict_itself_and_the_run_keeps_its_story(
    program: Program, many_files: Path
) -> None:
    process = program.start("analyze", many_files, "--json")
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
    assert (first["pending"], first["handed_over"]) == (0, [{"run": later["run"], "files": pending}])
    assert (later["state"], later["pending"], later["failed"]) == ("finished", 0, 0)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_random_kills_of_children_and_supervisors(program: Program, many_files: Path) -> None:
    dice = random.Random(7)
    for target in ("both", "child", "supervisor") * size(1, 10):
        process = program.start("analyze", many_files, "--json")
        wait_for(process, dice.choice(("scan_started", "job_started")))
        time.sleep(dice.uniform(0, 1))
        children = children_of(process.pid)
        if target != "supervisor" and children:
            kill(dice.choice(children))
        if target == "child":
            time.sleep(dice.uniform(0, 0.5))
            process.send_signal(signal.SIGTERM)
        else:
            kill(process.pid)
        program.wait(process)
        until(partial(none_alive, children))
    program.run("retry", "--all", "--yes", check=True)  # a file may have been met by three kills
    finish(program, many_files)
    program.assert_nothing_lost(MANY)
    for (counts,) in program.query("SELECT counts FROM runs"):
        assert counts is not None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_finishes_or_gives_back_what_runs(
    program: Program, many_files: Path, number: signal.Signals
) -> None:
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_finished")
    children = children_of(process.pid)
    began = time.monotonic()
    process.send_signal(number)
    outcome = program.wait(process)
    assert time.monotonic() - began < 60
    assert outcome.status == 130
    assert outcome.summary["pending"] > 0
    assert reconciles(outcome.summary)
    assert not any(alive(child) for child in children)
    assert program.query("SELECT count(*) FROM jobs WHERE state = 'running'") == [(0,)]
    finish(program, many_files)
    program.assert_nothing_lost(MANY)
    assert program.query("SELECT max(attempts - uncharged_attempts) FROM jobs") == [(1,)]


def test_a_second_signal_stops_at_once(program: Program, many_files: Path) -> None:
    program.environment["TONEARM_GRACE_S"] = "1000"
    process = program.start("analyze", many_files, "--json")
    wait_for(process, "job_started")
    for child in children_of(process.pid):
        kill(child, signal.SIGSTOP)
    time.sleep(1)  # what a child sent before it was stopped is stored, and it is given the next file
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "it waits for what runs"
    process.send_signal(signal.SIGINT)
    outcome = program.wait(process, timeout=60)
    assert outcome.status == 130
    finish(program, many_files)
    program.assert_nothing_lost(MANY)


def test_a_stopped_child_is_killed_at_its_deadline_and_the_file_tried_again(
    program: Program, many_files: Path
) -> None:
    program.environment |= {"TONEARM_DEADLINE_BASE_S": "5", "TONEARM_DEADLINE_SPEED": "1000"}
    process = program.start("analyze", many_files / "a" / "b", "--json")
    wait_for(process, "job_started")
    frozen = children_of(process.pid)[0]
    kill(frozen, signal.SIGSTOP)
    outcome = program.wait(process)
    assert outcome.status == 0
    assert not alive(frozen)
    assert outcome.summary["done"] == MANY // 3
    assert {event["code"] for event in outcome.of("job_retrying")} <= {"deadline"}


def test_a_file_whose_child_always_dies_is_quarantined_with_its_reason(
    program: Program, many_files: Path
) -> None:
    path = many_files / "a" / "01.flac"
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
