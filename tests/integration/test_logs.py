"""The log of real processes: every line is JSON and says what it belongs to, whatever happens to the log itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests import material
from tests.fleet import Fleet
from tests.program import Outcome, Program

Line = dict[str, Any]
NASTY = b"a\nb\x1b[31m\xff\xe2\x80\xae.mp3"


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A file with a nasty name, and a damaged one."""
    folder = tmp_path / "music"
    folder.mkdir()
    with open(bytes(folder) + b"/" + NASTY, "wb") as file:
        file.write(material.good("mp3"))
    damaged = material.bits_flipped(material.good("flac", seconds=8.0), 300, seed=1, start=9000)
    (folder / "damaged.flac").write_bytes(damaged)
    return folder


def parsed(text: str) -> list[Line]:
    """The lines of a log, each of which must be JSON with a correlation id and without control characters."""
    assert text.replace("\n", "").isprintable()
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert len(line["correlation_id"]) == 32, line
    return lines


def log_of(outcome: Outcome) -> list[Line]:
    return parsed(outcome.errors)


def named(lines: list[Line], event: str) -> list[Line]:
    return [line for line in lines if line["event"] == event]


def test_a_run_is_told_in_json_and_its_lines_agree_with_its_events(program: Program, music: Path) -> None:
    program.environment["TONEARM_LOG_LEVEL"] = "debug"
    outcome = program.run("analyze", music, check=True)
    lines = log_of(outcome)
    [run] = named(lines, "run_started")
    assert run["correlation_id"] == outcome.of("run_started")[0]["correlation_id"]
    assert {line["correlation_id"] for line in lines if line["run"] and not line["job"]} == {
        run["correlation_id"]
    }
    ended = {event["job"]: event for event in outcome.of("job_finished")}
    told = {line["job"]: line for line in named(lines, "job_finished")}
    assert len(told) == 2
    for job, line in told.items():
        for field in ("correlation_id", "attempt", "worker", "state", "code", "size"):
            assert line.get(field) == ended[job].get(field), field
        assert line["duration_ms"] == pytest.approx(ended[job]["run_s"] * 1000, abs=0.1)
        assert set(line["stages_ms"]) == set(ended[job]["timings"])
    assert any(line["path"].endswith("/a\\nb\\x1b[31m\\xff\\u202e.mp3") for line in told.values())
    [damaged] = [line for line in told.values() if line["extension"] == "flac"]
    said = [line for line in named(lines, "child_message") if line["job"] == damaged["job"]]
    assert any("flac" in line["text"] for line in said)
    reached = [line["stage"] for line in named(lines, "stage_reached") if line["job"] == damaged["job"]]
    assert reached[:2] == ["identify", "decode"]
    trace = program.run("trace", str(damaged["job"]), check=True).events[0]
    assert (trace["steps"][-1]["what"], trace["steps"][-1]["code"]) == ("partial", damaged["code"])


def test_a_full_log_disk_is_reported_once_and_costs_no_work(program: Program, music: Path) -> None:
    program.environment["TONEARM_LOG_FILE"] = "/dev/full"
    outcome = program.run("analyze", music, check=True)
    [line] = log_of(outcome)
    assert "/dev/full can't be written: No space left on device" in line["event"]
    [warned] = outcome.of("warned")
    assert (warned["code"], warned["severity"]) == ("log-unwritable", "error")
    assert outcome.summary["done"] + outcome.summary["partial"] == 2


def test_what_ends_a_command_is_a_line_of_its_log(program: Program) -> None:
    process = program.start("worker")
    [line] = log_of(program.wait(process))
    assert process.returncode == 2
    assert (line["level"], line["service"]) == ("error", "tonearm-worker")
    assert "set TONEARM_DATABASE_URL" in line["event"]


def test_a_person_has_a_running_worker_log_more_and_every_line_of_a_fleet_is_json(
    tmp_path: Path, servers: dict[str, str], postgres_url: str, namespace: str, music: Path
) -> None:
    urls = servers | {"TONEARM_DATABASE_URL": postgres_url}
    with Fleet(tmp_path / "fleet", urls, namespace) as fleet:
        fleet.folder.mkdir()
        fleet.program.run("migrate", check=True)
        fleet.worker("north")
        fleet.until_event("north", "worker_state_changed")
        changed = ("workers", "log", "north", "debug", "--module", "tonearm.worker", "--for", "10m")
        assert fleet.program.run(*changed, check=True).events[0]["for_s"] == 600.0
        fleet.until_event("north", "log_levels_changed")
        [worker] = fleet.program.run("workers", check=True).events
        assert worker["log_levels"] == {"tonearm.worker": "debug"}
        detached = fleet.program.run("analyze", music, "--detach", check=True)
        fleet.finished(detached.summary["run"])
        fleet.until_event("north", "job_finished", more_than=1)
        assert fleet.stop("north") == 0
        lines = parsed(fleet.said("north"))
        assert {line["logger"] for line in lines if line["level"] == "debug"} == {
            "tonearm.worker",
            "tonearm.worker.child",
        }
        assert not [line for line in lines if line["logger"].startswith("pika")], "queues were missing"
        parsed(detached.errors)
        finished = named(lines, "job_finished")
        assert len(finished) == 2
        line = finished[0]
        [trace] = fleet.program.run("trace", line["correlation_id"], check=True).events
        steps = {step["what"]: step for step in trace["steps"]}
        assert (steps["taken"]["worker"], steps["taken"]["job"]) == ("north", line["job"])
        assert "published" in steps
