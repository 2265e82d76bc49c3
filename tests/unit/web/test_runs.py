"""The pages of a run and of a job: what could not be read, the jobs, and where the time of an attempt went."""

from pathlib import Path

from tests.unit.library_fixture import Library
from tests.unit.web.client import Client
from tests.unit.web.conftest import served
from tonearm.jobs.unread_paths import UnreadPath
from tonearm.web.attempts import bars


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
