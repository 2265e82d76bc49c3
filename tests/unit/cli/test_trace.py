"""A trace tells what happened to a file, by its job, its correlation id or its path, in the order of time."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.unit.library_fixture import Library, finish_one, result
from tonearm.cli.app import app
from tonearm.errors import Failure, NotFound

BROKEN = Failure("crashed", "The decoder crashed\n(signal 11).", "Look at it.", max_attempts=3)


def call(library_folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["trace", "--data", str(library_folder), *arguments])


def steps(folder: Path, which: str) -> list[dict[str, Any]]:
    said = call(folder, "--json", which)
    assert said.exit_code == 0, said.output
    found: list[dict[str, Any]] = json.loads(said.stdout)["steps"]
    assert [step["at"] for step in found] == sorted(step["at"] for step in found)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_file_that_was_tried_twice_is_told_from_the_scan_to_its_results(
    library: Library, folder: Path
) -> None:
    run = library.run()
    library.meet(run, b"a.flac")
    library.job_store.fail(library.take(run), BROKEN, 1.5, {"identify": 0.5, "decode": 1.0}, None)
    library.change("UPDATE jobs SET not_before = 0, queued_at = queued_at - 1")
    library.job_store.recover_expired()
    lease = library.take(run, "other")
    assert finish_one(library.job_store, lease, result("h1")) is not None
    found = steps(folder, str(lease.job))
    assert [step["what"] for step in found] == [
        "found",
        "queued",
        *("taken", "ended"),
        *("taken", "ended"),
        "stored",
        "done",
    ]
    first, second = (step for step in found if step["what"] == "ended")
    assert (first["outcome"], first["code"], first["run_s"]) == ("failed", "crashed", 1.5)
    assert (first["stages"], second["stages"]) == ({"identify": 0.5, "decode": 1.0}, {"decode": 0.2})
    assert (second["outcome"], second["attempt"], second["worker"]) == ("done", 2, "other")
    assert set(found[-2]["analysers"]) == set(library.versions)
    assert steps(folder, lease.correlation_id) == found
    assert json.loads(call(folder, "--json", "/music/a.flac").stdout)["steps"] == found


def test_the_text_tells_the_same_without_control_characters(library: Library, folder: Path) -> None:
    run = library.run()
    library.meet(run, b"b\n\x1b[31m.flac")
    lease = library.take(run)
    library.job_store.fail(lease, Failure("crashed", BROKEN.reason, "Look at it.", 1), 1.5)
    text = call(folder, str(lease.job)).stdout
    assert text.splitlines()[0] == "/music/b\\n\\x1b[31m.flac: quarantined"
    assert f"queued as job {lease.job} of run {run}, priority normal (by the rules)" in text
    assert f"correlation id {lease.correlation_id}" in text
    assert "attempt 1 failed [crashed]: 1.5 s in a child" in text
    assert "quarantined: The decoder crashed\\n(signal 11). [crashed]" in text
    assert "Look at it." in text
    assert "RabbitMQ" not in text
    assert "graph" not in text


def test_what_a_file_waits_for_is_told(library: Library, folder: Path) -> None:
    run = library.run()
    library.meet(run, b"c.flac")
    assert steps(folder, "/music/c.flac")[-1]["what"] == "waiting"
    lease = library.take(run)
    last = steps(folder, "/music/c.flac")[-1]
    assert (last["what"], last["attempt"], last["worker"]) == ("running", 1, lease.worker)
    library.job_store.fail(lease, BROKEN, 0.1)
    assert steps(folder, "/music/c.flac")[-1]["what"] == "due"
    assert "another attempt is due: The decoder crashed" in call(folder, "/music/c.flac").stdout


def test_a_path_has_all_jobs_and_the_history_of_the_file_an_id_has_one_job(
    library: Library, folder: Path
) -> None:
    run = library.run()
    library.finish(run, b"d.flac", result("h2"))
    library.meet(run, b"d.flac", fresh=True)
    again = library.take(run)
    assert finish_one(library.job_store, again, result("h2")) is not None
    of_path = [step["job"] for step in steps(folder, "/music/d.flac") if step["what"] == "done"]
    assert of_path == [again.job - 1, again.job]
    assert [step["job"] for step in steps(folder, str(again.job)) if step["what"] == "done"] == [again.job]


@pytest.mark.parametrize(
    ("which", "said"),
    [("99", "there is no job 99"), ("f" * 32, "no job has the correlation id"), ("/music", "not a file")],
)
def test_what_is_not_known_is_refused_with_what_to_do(
    library: Library, folder: Path, which: str, said: str
) -> None:
    library.meet(library.run(), b"e.flac")
    refused = call(folder, which)
    assert isinstance(refused.exception, NotFound)
    assert said in str(refused.exception)


def test_the_correlation_id_of_a_run_leads_to_its_jobs(library: Library, folder: Path) -> None:
    run = library.runs.open([b"/music"], "ab" * 16)
    refused = call(folder, "ab" * 16)
    assert f"of run {run}; `tonearm jobs --run {run} --all` lists its jobs" in str(refused.exception)
