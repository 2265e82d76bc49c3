"""The pages of a run and of a job: what could not be read, the jobs, and where the time of an attempt went."""

from pathlib import Path

from tests.unit.library_fixture import Library
from tests.unit.web.client import Client
from tests.unit.web.conftest import served
from tonearm.jobs.unread_paths import UnreadPath
from tonearm.settings import Level
from tonearm.web.attempt_drawing import bars


def test_a_run_shows_its_jobs_and_what_could_not_be_read(filled: Library) -> None:
    filled.runs.note_unread(1, [UnreadPath(b"/music/<b>", "Permission denied")])
    with served(Path(filled.database.address).parent) as service:
        shown = service.get("/runs/1").text
        assert "1 path could not be read" in shown
        assert '<td class="path">/music/&lt;b&gt;</td><td>Permission denied</td>' in shown
        assert shown.count("/jobs/") == 5
        for place in ("/", "/runs"):
            assert (
                '<a class="bad" href="/runs/1#unread">1 path could not be read</a>' in service.get(place).text
            )
        assert service.get("/runs/1?state=quarantined").text.count("/jobs/") == 1
        assert service.get("/runs/1?state=strange").status == 400
        assert service.get("/runs/99").status == service.get("/jobs/99").status == 404


def test_what_waits_in_a_run_gets_another_priority_and_is_counted_while_the_run_is_paused(
    filled: Library,
) -> None:
    with served(Path(filled.database.address).parent) as service:
        assert "Priority of what waits" in service.get("/runs/1").text
        assert service.post("/runs/1/prioritize", "level=urgent").status == 400
        answer = service.post("/runs/1/prioritize", "level=critical")
        assert (answer.status, answer.headers["location"]) == (303, "/runs/1")
        [waiting] = filled.rows("SELECT level FROM jobs WHERE finished_at IS NULL")
        assert waiting["level"] == Level.CRITICAL
        assert '<th class="number">paused</th>' not in service.get("/").text
        filled.runs.pause(1)
        shown = service.get("/").text
        assert '<td>critical</td><td class="number">0</td><td class="number">1</td>' in shown


def test_a_job_draws_where_the_time_of_its_attempts_went_and_tells_it_in_numbers(service: Client) -> None:
    shown = service.get("/jobs/4").text
    assert 'Attempt 1: <span class="bad">failed</span>' in shown
    assert 'aria-label="Where the time went: in the queue ' in shown
    assert '<td>in a child</td><td class="number">0.100</td>' in shown
    assert 'href="/tracks/4"' in shown
    assert service.get("/tracks/4").text.count('class="strip"') == 1


def test_bars_are_to_scale_and_each_is_seen() -> None:
    found = bars([("a", 0.0, ""), ("b", 3.0, ""), ("c", 1.0, "")])
    assert [round(each.width) for each in found] == [2, 748, 250]
    assert [round(each.x) for each in found] == [0, 2, 750]
    assert [each.width for each in bars([("a", 0.0, ""), ("b", 0.0, "")])] == [500.0, 500.0]
