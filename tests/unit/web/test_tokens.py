"""Who may use a service that others can reach, and what is noted about what they do."""

import asyncio
import contextlib
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.types import Message

from tests.unit.library_fixture import Library
from tests.unit.web.client import Client
from tests.unit.web.conftest import served, settings_of
from tonearm.errors import ConfigurationError
from tonearm.library.access_tokens import AccessTokens
from tonearm.settings import Settings
from tonearm.settings.readers import public_address
from tonearm.views.playable import Playable
from tonearm.web import activity_feed, guard
from tonearm.web.access import STILL
from tonearm.web.api_activity import STILL_THERE
from tonearm.web.audio_decoding import AudioDecoding
from tonearm.web.audio_response import AudioResponse
from tonearm.web.open_service import open_service
from tonearm.web.wav import HEAD_BYTES, Wav

EVERYWHERE = "0.0.0.0:0"
RETRY = "/api/v1/failures/retry"


@pytest.fixture
def tokens(filled: Library) -> AccessTokens:
    """The tokens of a library."""
    return AccessTokens(filled.database)


@pytest.fixture
def folder(filled: Library) -> Path:
    """The folder of that library."""
    return Path(filled.database.address).parent


@contextmanager
def reached_by_others(folder: Path, **more: str) -> Iterator[Client]:
    """A service that listens on every address."""
    with open_service(settings_of(folder, **more), EVERYWHERE) as url:
        yield Client(f"http://127.0.0.1:{url.rpartition(':')[2]}")


def test_a_service_that_others_can_reach_does_not_start_without_a_token(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="tonearm token make"), reached_by_others(folder):
        pass


def test_without_a_token_nothing_is_answered_but_the_probe_and_the_question(
    folder: Path, tokens: AccessTokens
) -> None:
    tokens.make("reader", may_act=False)
    with reached_by_others(folder) as client:
        for path in ("/", "/library", "/api/v1/tracks", "/metrics", "/ready", "/openapi.json", "/now/events"):
            answer = client.get(path)
            assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer"), path
            assert client.get(path, Authorization="Bearer tonearm_wrong").status == 401
        assert client.post(RETRY, {}).status == 401
        assert client.get("/health").status == 200
        asked = client.get("/library", Accept="text/html")
        assert (asked.status, asked.headers["location"]) == (303, "/login?next=%2Flibrary")
        question = client.get("/login?next=//elsewhere").text
        assert 'name="next" value="/"' in question
        assert str(folder) not in question


def test_a_token_reads_and_one_with_the_right_acts(folder: Path, tokens: AccessTokens) -> None:
    reader, actor = tokens.make("reader", may_act=False), tokens.make("actor", may_act=True)
    with reached_by_others(folder) as client:
        assert client.get("/api/v1/tracks", Authorization=f"Bearer {reader}").status == 200
        assert (
            client.get("/api/v1/tracks", Authorization=f"bearer {actor}", Host="music.example").status == 200
        )
        refused = client.post(RETRY, {}, Authorization=f"Bearer {reader}")
        assert (refused.status, refused.json["detail"]) == (403, "the token reader may only read")
        assert client.post(RETRY, {}, Authorization=f"Bearer {actor}").status == 202
        elsewhere = {"Authorization": f"Bearer {actor}", "Origin": "http://elsewhere.example"}
        assert client.post(RETRY, {}, **elsewhere).status == 403
    assert {token.name: token.used_at is not None for token in tokens.each()} == {
        "actor": True,
        "reader": True,
    }


def test_a_browser_keeps_its_token_and_takes_it_back(folder: Path, tokens: AccessTokens) -> None:
    secret = tokens.make("browser", may_act=True)
    with reached_by_others(folder) as client:
        assert client.post("/login", "token=tonearm_wrong").status == 401
        answer = client.post("/login", f"token={secret}&next=/runs")
        cookie = answer.headers["set-cookie"]
        assert (answer.status, answer.headers["location"]) == (303, "/runs")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        shown = {"Cookie": cookie.partition(";")[0]}
        assert 'action="/logout"' in client.get("/runs", **shown).text
        assert client.post("/runs/1/pause", "", **shown).status == 303
        assert "Max-Age=0" in client.post("/logout", "", **shown).headers["set-cookie"]


def test_a_revoked_token_is_refused(
    folder: Path, tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "REMEMBERED_S", 0.0)
    secret = tokens.make("guest", may_act=False)
    with reached_by_others(folder) as client:
        assert client.get("/api/v1/tracks", Authorization=f"Bearer {secret}").status == 200
        tokens.revoke("guest")
        assert client.get("/api/v1/tracks", Authorization=f"Bearer {secret}").status == 401


@pytest.mark.parametrize("path", ["/api/v1/events", "/now/events"])
def test_a_stream_ends_when_its_token_is_revoked(
    folder: Path, tokens: AccessTokens, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(guard, "REMEMBERED_S", 0.0)
    monkeypatch.setattr(activity_feed, "HEARTBEAT_S", 0.05)
    secret = tokens.make("guest", may_act=False)
    with reached_by_others(folder) as client, contextlib.closing(client.connection()) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"})
        stream = connection.getresponse()
        while stream.readline() != STILL_THERE[:-1]:
            pass
        tokens.revoke("guest")
        assert not all(stream.readline() for _ in range(100))


@pytest.mark.parametrize("first", [0, HEAD_BYTES])
def test_a_sound_ends_when_its_token_is_revoked(first: int) -> None:
    sent: list[Message] = []

    async def still() -> bool:
        return False

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    sound = Playable(b"/music", b"1.flac", 1, 1, 44_100, 1000, "1")
    wav = Wav(44_100, 1000)
    answer = AudioResponse(AudioDecoding(Settings()), sound, wav, (first, wav.size), None, 200, {})
    asyncio.run(answer({"type": "http", STILL: still}, receive, send))
    assert sum(len(each.get("body", b"")) for each in sent) == HEAD_BYTES - first


def test_the_cookie_of_another_service_of_this_host_counts_as_none(folder: Path) -> None:
    stale = {"Cookie": "tonearm_token=tonearm_other"}
    with served(folder) as client:
        assert client.get("/library", **stale).status == 200
        assert client.post("/runs/1/pause", "", **stale).status == 303
        assert client.get("/api/v1/audit").json["items"][0]["who"] == "this host"
        assert client.get("/library", Authorization="Bearer tonearm_other").status == 401
        assert "Max-Age=0" in client.post("/logout", "", **stale).headers["set-cookie"]


def test_a_browser_can_forget_a_revoked_token(folder: Path, tokens: AccessTokens) -> None:
    tokens.make("reader", may_act=False)
    stale = {"Cookie": "tonearm_token=tonearm_other"}
    with reached_by_others(folder) as client:
        assert client.get("/library", **stale).status == 401
        assert "Max-Age=0" in client.post("/logout", "", **stale).headers["set-cookie"]


def test_a_browser_returns_to_what_it_has_asked_for_with_its_query(
    folder: Path, tokens: AccessTokens
) -> None:
    secret = tokens.make("browser", may_act=False)
    asked = "/library?artist=A%26B&range=bpm%3A1-2&sort=bpm"
    with reached_by_others(folder) as client:
        question = client.get(asked, Accept="text/html").headers["location"]
        [following] = urllib.parse.parse_qs(urllib.parse.urlsplit(question).query)["next"]
        form = urllib.parse.urlencode({"token": secret, "next": following})
        assert client.post("/login", form).headers["location"] == asked
        long = client.get("/library?artist=" + "a" * 5000, Accept="text/html").headers["location"]
        assert client.get(long).status == 200


def test_behind_a_proxy_with_tls_the_cookie_is_sent_over_tls_alone(
    folder: Path, tokens: AccessTokens
) -> None:
    secret = tokens.make("browser", may_act=True)
    proxied = {"Host": "music.example.org", "Origin": "https://music.example.org"}
    with reached_by_others(folder, public_url="https://Music.example.org:443/") as client:
        answer = client.post("/login", f"token={secret}", **proxied)
        assert (answer.status, "Secure" in answer.headers["set-cookie"]) == (303, True)
        direct = client.post("/login", f"token={secret}", Origin=client.url)
        assert (direct.status, "Secure" in direct.headers["set-cookie"]) == (303, False)
        elsewhere = {**proxied, "Origin": "https://elsewhere.example.org"}
        assert client.post("/login", f"token={secret}", **elsewhere).status == 403


def test_behind_a_proxy_the_service_answers_to_the_public_name_too(folder: Path) -> None:
    settings = settings_of(folder, public_url="https://music.example.org")
    with open_service(settings, "127.0.0.1:0") as url:
        client = Client(url)
        assert client.get("/runs", Host="music.example.org").status == 200
        assert client.get("/runs", Host="elsewhere.example.org").status == 421
        origin = {"Origin": "https://music.example.org"}
        assert client.post("/runs/1/pause", "", Host="music.example.org", **origin).status == 303
        assert client.post("/runs/1/resume", "", **origin).status == 303
        assert client.post("/runs/1/pause", "", Origin="http://music.example.org").status == 403


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("https://Music.Example.org/", "https://music.example.org"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://a:8443", "https://a:8443"),
    ],
)
def test_a_public_url_is_read_as_an_origin(written: str, found: str) -> None:
    assert public_address(written) == found


@pytest.mark.parametrize(
    "written",
    ["music.example.org", "https://a/b", "ftp://a", "https://u:p@a", "https://", "http://a:99999", 1],
)
def test_a_public_url_that_is_no_origin_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="without a path"):
        public_address(written)


def test_a_secret_is_stored_nowhere(folder: Path, tokens: AccessTokens) -> None:
    secret = tokens.make("guest", may_act=False)
    stored = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert secret.encode() not in stored


def test_what_is_done_through_the_service_is_noted_with_who_did_it(
    folder: Path, tokens: AccessTokens
) -> None:
    secret = tokens.make("anna", may_act=True)
    with served(folder) as client:
        client.post("/api/v1/runs/1/pause", None, Authorization=f"Bearer {secret}")
        client.post("/runs/1/resume", "")
        found = client.get("/api/v1/audit").json["items"]
    assert [(entry["who"], entry["from"], entry["action"], entry["about"]) for entry in found] == [
        ("this host", "127.0.0.1, page", "resume a run", {"run": 1}),
        ("anna", "127.0.0.1, API", "pause a run", {"run": 1}),
    ]
