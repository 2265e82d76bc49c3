"""The real command rests outside its hours, says so everywhere, and can be told to work at once."""

import signal
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import material
from tests.fleet import Fleet
from tests.program import Program, until, wait_for


def elsewhen() -> str:
    """Hours that begin in two hours, by the clock of this host."""
    begin, end = (time.localtime(time.time() + hours * 3600) for hours in (2, 3))
    return f"{begin.tm_hour:02}:{begin.tm_min:02}-{end.tm_hour:02}:{end.tm_min:02}"


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.flac").write_bytes(material.good("flac", 4.0, seed=number))
    return folder


def status_of(program: Program) -> Mapping[str, Any]:
    [found] = program.run("status", check=True).events
    return found


def test_a_run_outside_its_hours_rests_can_be_stopped_and_works_when_it_is_told_to(
    program: Program, music: Path
) -> None:
    process = program.start("analyze", music, "--work-hours", elsewhen(), "--json")
    resting = wait_for(process, "worker_resting")
    assert (resting["code"], resting["reason"]) == ("hours", "outside the hours of work_hours")
    assert 6000 < resting["until"] - time.time() <= 7200
    wait_for(process, "scan_finished")

    def seen() -> bool:
        return status_of(program)["rest"] is not None

    until(seen)
    found = status_of(program)
    assert (found["rest"]["code"], found["rest"]["until"]) == ("hours", resting["until"])
    [run] = found["runs"]
    assert (run["state"], run["outlook"]["held_up_by"]) == ("resting", "resting")
    process.send_signal(signal.SIGINT)
    assert program.wait(process).status == 130
    assert status_of(program)["rest"] is None
    outcome = program.run("analyze", "--now", "--work-hours", elsewhen(), check=True)
    assert outcome.summary["done"] == 3


def test_the_remaining_time_of_a_resting_run_counts_the_rest(program: Program, music: Path) -> None:
    program.run("analyze", music, check=True)  # from this it learns what files cost
    (music / "3.flac").write_bytes(material.good("flac", 4.0, seed=3))
    process = program.start("analyze", music, "--work-hours", elsewhen(), "--json")
    wait_for(process, "workload_known")
    estimated = wait_for(process, "progress_estimated")
    while estimated["outlook"]["eta_s"] is None:
        estimated = wait_for(process, "progress_estimated")
    assert 6000 < estimated["outlook"]["eta_s"] < 7300
    until(lambda: (status_of(program)["runs"][0]["outlook"]["eta_s"] or 0) > 6000)
    process.send_signal(signal.SIGINT)
    program.wait(process)


def test_a_resting_worker_keeps_no_message_is_shown_and_can_be_drained(
    servers: dict[str, str],
    rabbitmq_url: str,  # noqa: ARG001  skips without RabbitMQ
    rabbitmq_management_url: str,  # noqa: ARG001  skips without it
    postgres_url: str,
    namespace: str,
    music: Path,
    tmp_path: Path,
) -> None:
    urls = servers | {"TONEARM_DATABASE_URL": postgres_url}
    with Fleet(tmp_path, urls, namespace) as fleet:
        program = fleet.program
        fleet.enqueue(music)
        settings = {"TONEARM_WORK_HOURS": elsewhen(), "TONEARM_LISTEN": "127.0.0.1:0"}
        fleet.worker("nas", environment=settings)

        def worker() -> Mapping[str, Any]:
            found = program.run("workers", check=True).events
            return found[0] if found else {}

        until(lambda: worker().get("state") == "resting")
        shown = worker()
        assert (shown["rest"]["code"], shown["running"]) == ("hours", [])
        found = status_of(program)
        assert found["rest"]["until"] == shown["rest"]["until"]
        assert all(queue["unacknowledged"] == 0 for queue in found["broker"])
        with urllib.request.urlopen(f"{shown['url']}/ready", timeout=60) as answer:  # noqa: S310  ours
            assert "it rests until" in answer.read().decode()
        program.run("workers", "drain", "nas", check=True)
        until(lambda: worker() == {})
