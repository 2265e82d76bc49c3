"""The line for monitoring systems: the worst problem decides, every problem is named, the figures follow."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tonearm.names import to_document
from tonearm.settings import Level
from tonearm.telemetry.health_check import (
    CheckStatus,
    Problem,
    Situation,
    library_perfdata,
    library_problems,
    line_of,
    server_perfdata,
    server_problems,
    summary_of,
)
from tonearm.telemetry.probes import Check, Finding, Status
from tonearm.views.queue_figures import JOB_STATES, Figures
from tonearm.views.workers import WorkerView

NO_JOBS = {(level.label, state): 0 for level in Level for state in JOB_STATES}
NO_WAIT = {level.label: 0.0 for level in Level}
PERFDATA = re.compile(r"'?[a-z_:-]+'?=\d+(\.\d+)?(s|ms|B)?(;\d+)?")


def figures(waiting: int, oldest_s: Mapping[str, float]) -> Figures:
    values: dict[str, Any] = {field.name: 0 for field in dataclasses.fields(Figures)}
    jobs = NO_JOBS | {("high", "queued"): waiting}
    return Figures(**values | {"jobs": jobs, "oldest_s": NO_WAIT | dict(oldest_s), "workers": {}})


def worker(
    name: str = "w1",
    state: str = "idle",
    breakers: Mapping[str, str] | None = None,
    unmounted: tuple[str, ...] = (),
) -> WorkerView:
    shown: dict[str, Any] = {field.name: 0 for field in dataclasses.fields(WorkerView)}
    shown |= {"name": name, "host": "nas", "state": state, "running": ()}
    return WorkerView(**shown | {"breakers": breakers or {}, "unmounted": unmounted})


def situation(
    waiting: int = 0,
    oldest_s: dict[str, float] | None = None,
    takers: int = 1,
    shared: bool = True,
    workers: tuple[WorkerView, ...] = (),
) -> Situation:
    return Situation(shared, figures(waiting, oldest_s or {}), 3, takers, workers)


def found(what: Situation) -> list[tuple[str, str]]:
    return [(problem.status.name, problem.text) for problem in library_problems(what)]


def test_a_library_without_problems_is_ok_with_its_figures() -> None:
    calm = situation(waiting=4, workers=(worker(),))
    assert found(calm) == []
    status, line = line_of([], summary_of(calm), library_perfdata(calm))
    assert status is CheckStatus.OK
    text, _, perfdata = line.partition(" | ")
    assert text == "OK - 4 jobs waiting, 0 running, 3 files failed"
    assert all(PERFDATA.fullmatch(datum) for datum in perfdata.split()), perfdata
    for datum in (
        "waiting=4",
        "failed=3",
        "oldest=0s",
        "oldest_critical=0s;60",
        "outbox=0",
        "workers=1",
        "lost=0",
    ):
        assert datum in perfdata.split()


def test_the_exit_status_is_that_of_the_plugins_of_nagios() -> None:
    assert [(each.name, int(each)) for each in CheckStatus] == [
        ("OK", 0),
        ("WARNING", 1),
        ("CRITICAL", 2),
        ("UNKNOWN", 3),
    ]


def test_the_worst_problem_comes_first_and_decides() -> None:
    problems = [
        Problem(CheckStatus.WARNING, "a"),
        Problem(CheckStatus.CRITICAL, "b"),
        Problem(CheckStatus.WARNING, "c"),
    ]
    assert line_of(problems, "calm", ["x=1"]) == (CheckStatus.CRITICAL, "CRITICAL - b; a; c | x=1")


def test_a_line_is_one_line_and_has_one_bar() -> None:
    _, line = line_of([Problem(CheckStatus.WARNING, "a\nb | c \u202e")], "", ["x=1"])
    assert line == "WARNING - a\\nb / c \\u202e | x=1"


def test_jobs_that_nobody_takes_are_critical_where_workers_are_expected_to_run() -> None:
    assert found(situation(waiting=812, takers=0)) == [
        ("CRITICAL", "812 jobs wait and no worker takes jobs; start `tonearm worker`")
    ]
    assert found(situation(waiting=1, takers=0, shared=False)) == [
        ("WARNING", "1 job waits and no process is analysing; `tonearm analyze` continues")
    ]
    assert found(situation(waiting=0, takers=0)) == []


@pytest.mark.parametrize(
    ("level", "limit_s"), [("critical", 60.0), ("high", 900.0), ("normal", 21_600.0), ("low", None)]
)
def test_a_job_that_waits_longer_than_its_level_allows_is_a_warning(
    level: str, limit_s: float | None
) -> None:
    if limit_s is None:
        assert found(situation(oldest_s={level: 1e6})) == []
        return
    assert found(situation(oldest_s={level: limit_s})) == []
    [(status, text)] = found(situation(oldest_s={level: limit_s + 1}))
    assert status == "WARNING"
    assert text.startswith(f"a job of level {level} has been waiting for ")


def test_files_that_children_died_with_are_a_warning() -> None:
    calm = situation()
    suspicious = dataclasses.replace(calm, figures=dataclasses.replace(calm.figures, suspects=2))
    [(status, text)] = found(suspicious)
    assert (status, text.startswith("2 files were being analysed more than once")) == ("WARNING", True)
    assert "suspects=2" in library_perfdata(suspicious)


def test_workers_that_are_lost_or_hindered_are_warnings() -> None:
    workers = (
        worker("w1", "lost", breakers={"Redis": "open"}),
        worker("w2", unmounted=(to_document(b"/m\xff"),), breakers={"Redis": "closed", "Neo4j": "open"}),
    )
    assert found(situation(workers=workers)) == [
        ("WARNING", "no heartbeat from w1; other workers take its jobs"),
        ("WARNING", "not mounted or not answering on nas: /m\\xff"),
        ("WARNING", "w2 can't use Neo4j"),
    ]


def test_where_all_workers_are_lost_none_is_said_to_take_their_jobs() -> None:
    lost = (worker("w1", "lost"), worker("w2", "lost"))
    assert found(situation(workers=lost)) == [("WARNING", "no heartbeat from w1, w2")]


def test_a_required_server_is_critical_and_another_one_a_warning() -> None:
    fails = Finding(Status.FAIL, 2.0, "ms", "it does not answer", "start it")
    slow = Finding(Status.WARN, 1500.25, "ms", "it answers, but needed 1.5 s", "look")
    checks = {
        "postgresql": Check(fails, 0, 0, True),
        "redis": Check(fails, 0, 0, False),
        "neo4j": Check(slow, 0, 0, False),
        "disk:data": Check(Finding(Status.PASS, 58_500_038_656, "B"), 0, 0, True),
    }
    assert [(problem.status.name, problem.text) for problem in server_problems(checks)] == [
        ("CRITICAL", "postgresql: it does not answer"),
        ("WARNING", "redis: it does not answer"),
        ("WARNING", "neo4j: it answers, but needed 1.5 s"),
    ]
    assert server_perfdata(checks) == ["'neo4j'=1500.25ms", "'disk:data'=58500038656B"]
