"""The API and the pages answer what the library holds, and change what commands can change."""

import csv
import gzip
import html
import io
import json
import re
import time
import urllib.parse
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from tests import api_reference
from tests.program import until
from tests.unit.library_fixture import Library, opened, result
from tests.unit.web.client import Client
from tests.unit.web.conftest import BAD, SCRIPT, fill, served
from tonearm.analysis.catalog import versions as present_versions
from tonearm.jobs.asked_runs import AskedRuns
from tonearm.jobs.failed_jobs import FailedSelection
from tonearm.library.process_lock import exclusive_lock
from tonearm.settings import Level

API = "/api/v1"
PAGES = (
    "/",
    "/library",
    "/library/coverage",
    "/failures",
    "/failures/files?code=not-audio",
    "/runs",
    "/workers",
    "/tracks/1",
)


def every(service: Client, path: str) -> Iterator[dict[str, object]]:
    """Every row of a list, page by page."""
    sign = "&" if "?" in path else "?"
    cursor = ""
    while True:
        page = service.get(f"{path}{sign}limit=1{cursor}").json
        yield from page["items"]
        if page["next"] is None:
            return
        cursor = f"&cursor={page['next']}"


@pytest.mark.parametrize("sort", ["path", "-path", "bpm", "-title", "state"])
def test_tracks_are_read_page_by_page_in_any_order(service: Client, sort: str) -> None:
    whole = service.get(f"{API}/tracks?sort={sort}").json["items"]
    assert len(whole) == 5
    assert list(every(service, f"{API}/tracks?sort={sort}")) == whole


def test_tracks_are_filtered(service: Client) -> None:
    def titles(query: str) -> list[str]:
        return [track["title"] for track in service.get(f"{API}/tracks?{query}").json["items"]]

    assert titles("artist=one") == ["First"]
    assert titles("range=bpm:121-150&sort=-bpm") == ["Third", "<script>alert(1)</script>"]
    assert titles("range=loudness_lufs:-20--10") == []
    assert titles("state=quarantined") == [None]
    assert service.get(f"{API}/tracks/count?range=bpm:121-150").json == {"total": 2, "more": False}


@pytest.mark.parametrize(
    "query",
    [
        "sort=nothing",
        "state=strange",
        "key=H",
        "neighbours=1",
        "measured=rhythm",
        "range=bpm",
        "range=bpm:9-1",
        "range=title:1-2",
        "cursor=x",
    ],
)
def test_a_wrong_parameter_is_a_problem_that_names_it(service: Client, query: str) -> None:
    answer = service.get(f"{API}/tracks?{query}")
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert query.partition("=")[0] in answer.json["detail"]


def test_a_list_of_tracks_has_the_fields_that_are_named(service: Client) -> None:
    found = service.get(f"{API}/tracks?fields=title,bpm,title&sort=bpm&limit=2").json
    assert found["items"] == [{"title": "First", "bpm": 120.0}, {"title": SCRIPT, "bpm": 128.0}]
    assert found["next"]
    assert service.get(f"{API}/tracks?fields=").json == service.get(f"{API}/tracks").json
    refused = service.get(f"{API}/tracks?fields=title,colour")
    assert (refused.status, refused.json["detail"]) == (400, "fields: there is no field 'colour'")


def test_a_path_of_any_bytes_survives(service: Client) -> None:
    [track] = service.get(f"{API}/tracks?title=third").json["items"]
    assert track["path"].encode("utf-8", "surrogateescape") == b"/music/caf\xe9.flac"
    assert service.get(f"{API}/tracks/{track['id']}").json["path_b64"] == track["path_b64"]


def test_what_is_not_there_is_a_problem(service: Client) -> None:
    for path in ("/tracks/99", "/actions/none", "/nothing", "/tracks?path=/elsewhere"):
        answer = service.get(f"{API}{path}")
        assert (answer.status, answer.json["status"]) == (404, 404)


def test_runs_are_paused_resumed_and_cancelled(own_service: Client, filled: Library) -> None:
    [run] = own_service.get(f"{API}/runs").json["items"]
    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert own_service.post(f"{API}/runs/{run['run']}/{verb}").json["state"] == state
        assert filled.state(run["run"]) == state
    assert own_service.post(f"{API}/runs/99/pause").status == 404


def test_failed_files_are_queued_again_by_an_action_with_progress(
    own_service: Client, filled: Library
) -> None:
    wanted = {"codes": ["not-audio"]}
    assert own_service.post(f"{API}/failures/retry?dry_run=true", wanted).json == {"count": 1}
    assert [file["code"] for file in every(own_service, f"{API}/failures")] == ["not-audio"]
    started = own_service.post(f"{API}/failures/retry", wanted, Idempotency_Key="a")
    assert started.status == 202
    ended = _ended(own_service, started.headers["location"])
    assert (ended["state"], ended["done"], ended["total"]) == ("done", 1, 1)
    assert own_service.post(f"{API}/failures/retry", wanted, Idempotency_Key="a").json["id"] == ended["id"]
    assert filled.file(b"bad.mp3")["state"] == "waiting"


def test_waiting_jobs_get_another_priority(own_service: Client) -> None:
    wanted = {"path": "/music", "level": "critical"}
    started = own_service.post(f"{API}/jobs/prioritize", wanted)
    assert _ended(own_service, started.headers["location"])["done"] == 1
    [job] = own_service.get(f"{API}/jobs").json["items"]
    assert (job["level"], job["queue_position"]) == ("critical", 1)


def _ended(service: Client, path: str) -> dict[str, object]:
    until = time.monotonic() + 60
    while (action := service.get(path).json)["state"] == "running":
        assert time.monotonic() < until, action
    assert isinstance(action, dict)
    return action


def test_every_route_is_described(service: Client) -> None:
    described = service.get("/openapi.json").json
    assert described["openapi"].startswith("3.1")
    assert "bpm" in described["components"]["schemas"]["Track"]["properties"]
    assert all(
        one["summary"] and one["description"] for path in described["paths"].values() for one in path.values()
    )


def test_pages_show_the_library_and_execute_nothing_of_it(service: Client) -> None:
    for path in PAGES:
        answer = service.get(path)
        assert answer.status == 200, path
        assert "alert(1)</script>" not in answer.text, path
    assert "&lt;script&gt;" in service.get("/library").text
    assert "caf\\xe9.flac" in service.get("/library?title=third").text
    assert service.get("/library/count?title=third").text == "1 track"


def test_what_is_measured_is_counted_by_version_and_leads_to_the_tracks(service: Client) -> None:
    found = service.get(f"{API}/tracks/coverage").json
    assert found["files"] == 3
    page = service.get("/library/coverage").text
    for one in found["results"]:
        wanted = f"{one['analyser']}:{'none' if one['found'] is None else one['found']}"
        assert service.get(f"{API}/tracks/count?measured={wanted}").json["total"] == one["files"]
        assert f'href="/library?measured={urllib.parse.quote(wanted)}"' in page


def test_a_page_says_what_is_wrong_with_what_was_asked(service: Client) -> None:
    answer = service.get("/library?key=H")
    assert (answer.status, "no key such as" in answer.text) == (400, True)
    assert service.get("/tracks/99").status == 404
    assert service.get("/library?cursor=x").status == 400


def test_the_table_goes_on_with_rows_alone_for_a_page_that_has_the_head(service: Client) -> None:
    part = service.get("/library?sort=bpm", HX_Request="true").text
    assert "<html" not in part
    assert part.count("<tr>") == 5


def test_pages_change_what_their_buttons_say(own_service: Client, filled: Library) -> None:
    [run] = (each.id for each in filled.run_list.latest())
    assert own_service.post(f"/runs/{run}/pause").status == 303
    assert filled.state(run) == "paused"
    again = own_service.post(f"/runs/{run}/pause", HX_Request="true").text
    assert "is paused, not running" in again
    assert "Resume" in again
    answer = own_service.post("/failures/retry", "code=not-audio")
    assert answer.status == 303
    assert answer.headers["location"].startswith("/failures?started=")


def test_failed_files_are_tried_again_one_by_one_or_all(own_service: Client, filled: Library) -> None:
    run = filled.run()
    for name in (b"worse.mp3", b"worst.mp3"):
        filled.meet(run, name)
        filled.job_store.fail(filled.take(run), BAD, 0.1)
    files = {each.path: each.file for each in filled.failures.page(FailedSelection())[0]}
    assert set(files) == {b"/music/bad.mp3", b"/music/worse.mp3", b"/music/worst.mp3"}
    page = own_service.get("/failures/files?code=not-audio").text
    assert all(f'href="/tracks/{file}"' in page for file in files.values())
    _tried(own_service, f"file={files[b'/music/worse.mp3']}")
    assert {each.path for each in filled.failures.page(FailedSelection())[0]} == set(files) - {
        b"/music/worse.mp3"
    }
    assert own_service.post("/failures/retry", "file=99").status == 404
    assert own_service.post("/failures/retry", "").status == 400
    _tried(own_service, "all=1")
    assert filled.failures.page(FailedSelection())[0] == []


def test_one_file_is_tried_again_wherever_its_folder_is_mounted(tmp_path: Path, empty: bytes) -> None:
    with opened(tmp_path, empty) as library, served(tmp_path, path_map="/elsewhere=/music") as client:
        fill(library)
        [failed] = library.failures.page(FailedSelection())[0]
        _tried(client, f"file={failed.file}")
        assert library.failures.page(FailedSelection())[0] == []


def _tried(service: Client, form: str) -> None:
    """Send the form of the page of failures, and wait until the action has ended."""
    answer = service.post("/failures/retry", form)
    assert answer.status == 303
    action = answer.headers["location"].partition("started=")[2]
    until(lambda: service.get(f"{API}/actions/{action}").json["state"] == "done")


def test_the_table_has_the_chosen_columns_and_is_kept_as_a_file(service: Client) -> None:
    chosen = "/library?column=bpm&column=codec&sort=bpm&bpm_from=121&bpm_to=150"
    page = service.get(chosen).text
    assert re.findall(r'<th class="[^"]*"><a [^>]*>([^<]*)</a>', page) == ["title", "BPM ↑", "codec"]
    [link] = re.findall(r'href="(/library/export\?format=csv[^"]*)"', page)
    answer = service.get(html.unescape(link))
    assert answer.headers["content-disposition"] == 'attachment; filename="tracks.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows == [
        ["title", "bpm", "codec", "path"],
        [SCRIPT, "128.0", "flac", "/music/2.flac"],
        ["Third", "140.0", "flac", "/music/caf\ufffd.flac"],
    ]
    playlist = service.get("/library/export?format=m3u8&sort=-bpm").text.splitlines()
    assert playlist[0] == "#EXTM3U"
    assert [line for line in playlist if line.startswith("/")] == [
        f"/music/{name}" for name in ("2.flac", "1.flac", "bad.mp3", "waiting.flac")
    ]
    assert playlist[-1].startswith("# 1 track is left out: its name is not UTF-8")
    for wrong in ("/library?column=colour", "/library/export?format=exe", "/library/export?key=H"):
        assert service.get(wrong).status == 400


def test_what_is_answered_is_counted(service: Client) -> None:
    service.get(f"{API}/tracks/1")
    service.get("/../../etc/passwd")
    counted = service.get("/metrics").text
    assert 'tonearm_http_requests_total{method="GET",route="/api/v1/tracks/{id}",status="200"}' in counted
    assert 'route="none",status="404"' in counted
    assert service.get("/health").json["status"] == "pass"


def test_events_have_the_state_and_go_on_where_a_client_left(own_service: Client, filled: Library) -> None:
    with_state = _first_event(own_service, {})
    assert with_state["event"] == "activity"
    told = json.loads(with_state["data"])
    assert told["queue"][2]["queued"] == 1
    assert told["runs"][0]["outlook"]["files"] == 1
    [run] = (each.id for each in filled.run_list.latest())
    filled.runs.pause(run)
    later = _first_event(own_service, {"Last-Event-ID": with_state["id"]})
    assert (later["event"], json.loads(later["data"])["runs"][0]["state"]) == ("activity", "paused")
    assert _first_event(own_service, {"Last-Event-ID": "gone-1"})["event"] == "reset"


def _first_event(service: Client, headers: dict[str, str]) -> dict[str, str]:
    connection = service.connection()
    try:
        connection.request("GET", f"{API}/events", headers=headers)
        stream = connection.getresponse()
        while not (found := _event(stream)):  # a comment, while a busy machine has nothing new
            pass
        return found
    finally:
        connection.close()


def _event(stream: HTTPResponse) -> dict[str, str]:
    found: dict[str, str] = {}
    while line := stream.readline().decode().rstrip("\n"):
        name, _, value = line.partition(": ")
        if name:
            found[name] = value
    return found


def test_the_page_of_what_goes_on_is_sent_again_when_it_changes(service: Client) -> None:
    connection = service.connection()
    connection.request("GET", "/now/events")
    stream = connection.getresponse()
    text = b"".join(iter(lambda: stream.readline().strip(), b"")).decode()
    connection.close()
    assert "Files being analysed" in text
    assert "event: " not in text  # htmx shows events without a name alone


def test_files_of_the_page_are_those_that_the_table_names(service: Client) -> None:
    import hashlib

    from tonearm.web.app import STATIC

    named = re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (STATIC / "README.md").read_text(), re.M)
    assert len(named) == 2
    for name, digest in named:
        assert hashlib.sha256(service.get(f"/static/{name}").body).hexdigest() == digest


def test_the_reference_describes_the_api_as_it_is(service: Client) -> None:
    page = api_reference.PAGE.read_text(encoding="utf-8")
    assert page == api_reference.written(page, service.get("/openapi.json").json), (
        "write it anew: python -m tests.api_reference"
    )


def test_each_number_of_a_plot_leads_to_as_many_tracks(library: Library) -> None:
    now = present_versions()
    known = Library(library.database, versions=now)
    run = known.run()
    for number, bpm in enumerate((120.0, 122.0, 125.0, 128.0)):
        values: dict[str, tuple[int, dict[str, object], dict[str, object]]] = {
            "tempo": (now["tempo"], {"bpm": bpm}, {}),
            "key": (now["key"], {"camelot": "8A"}, {}),
        }
        known.finish(run, b"%d.flac" % number, result(f"{number:08}", findings=values))
    with served(Path(library.database.address).parent) as service:
        _follow_every_number(service)


def _follow_every_number(service: Client) -> None:
    page = service.get("/plots").text
    found = re.findall(r'<a href="(/library\?[^"]*)">(\d+)</a>', page)
    assert sorted(int(tracks) for where, tracks in found if "key=8A" in where) == [2, 2]
    for where, tracks in found:
        query = html.unescape(where).partition("?")[2]
        assert service.get(f"/library/count?{query}").text.split()[0] == tracks
    narrowed = service.get("/library?range=bpm:119-121").text
    assert 'name="range" value="bpm:119-121"' in narrowed
    assert narrowed.count("/tracks/") == 1
    assert ">energy<" in service.get("/library?range=energy:0-1").text
    assert service.get("/library?range=bpm").status == 400


def test_a_run_is_asked_for_where_a_process_scans(own_service: Client, filled: Library) -> None:
    wanted = {"paths": ["/music/new"], "level": "high"}
    refused = own_service.post(f"{API}/runs", wanted)
    assert (refused.status, "tonearm serve" in refused.json["detail"]) == (409, True)
    with exclusive_lock(Path(filled.database.address).parent, scans=True):
        started = own_service.post(f"{API}/runs", wanted, Idempotency_Key="once")
        again = own_service.post(f"{API}/runs", wanted, Idempotency_Key="once")
        other = own_service.post(f"{API}/runs", {}, Idempotency_Key="once")
        assert own_service.post(f"{API}/runs", {"paths": ["/elsewhere"]}).status == 404
    assert (started.status, again.json, other.status) == (202, started.json, 422)
    shown = own_service.get(started.headers["location"]).json
    assert (shown["run"], shown["paths"]) == (started.json["run"], ["/music/new"])
    asked = AskedRuns(filled.database)
    taken = asked.take_up()
    assert taken is not None
    assert (taken.run, taken.paths, taken.request.level) == (shown["run"], (b"/music/new",), Level.HIGH)
    assert asked.take_up() is None
    assert own_service.get(f"{API}/runs/99").status == 404


def test_priorities_say_first_how_many_jobs_they_would_change(own_service: Client) -> None:
    wanted = {"path": "/music", "level": "low"}
    assert own_service.post(f"{API}/jobs/prioritize?dry_run=true", wanted).json == {"count": 1}


def test_settings_are_shown_without_passwords_and_servers_by_name(service: Client) -> None:
    settings = {one["setting"]: one for one in service.get(f"{API}/settings").json["items"]}
    assert settings["workers"]["environment"] == "TONEARM_WORKERS"
    assert service.get(f"{API}/services").json == {"items": [], "broker": None}


def test_progress_has_the_open_runs(service: Client) -> None:
    found = service.get(f"{API}/progress").json
    assert [(run["discovered"], run["pending"]) for run in found["runs"]] == [(5, 1)]


def test_similar_tracks_of_one_track_and_why_nothing_mixes(service: Client) -> None:
    [first] = service.get(f"{API}/tracks?title=First").json["items"]
    refused = service.get(f"{API}/tracks/{first['id']}/mixes")
    assert (refused.status, "no key" in refused.json["detail"]) == (400, True)
    assert service.get(f"{API}/tracks/{first['id']}/similar").json == {"items": []}
    assert [service.get(f"{API}/tracks/99/{what}").status for what in ("mixes", "similar")] == [404, 404]


def test_answers_are_compressed_and_not_sent_twice(service: Client) -> None:
    for path in (f"{API}/tracks", "/library", "/static/page.css", "/openapi.json"):
        plain = service.get(path)
        packed = service.get(path, Accept_Encoding="gzip")
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
        same = service.get(path, If_None_Match=plain.headers["etag"])
        assert (same.status, same.body) == (304, b"")
    assert service.get(f"{API}/tracks", If_None_Match='"other"').status == 200
