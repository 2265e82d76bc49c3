"""Proposed names over HTTP: lists, decisions, renaming and its undo, on real files."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.library_fixture import Library
from tests.unit.naming.collection import Collection
from tests.unit.web.client import Answer, Client
from tests.unit.web.conftest import served

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def collection(library: Library, tmp_path: Path) -> Collection:
    """Four files with proposed names; two of them would get the same one."""
    folder = tmp_path / "music"
    folder.mkdir()
    made = Collection(library, folder)
    made.put("1.flac", title="First", artist="One")
    made.put(f"{HOSTILE}.flac", title="Second", artist="Two")
    made.put("3.flac", title="Same", artist="Three")
    made.put("4.flac", title="Same", artist="Three")
    made.plan("{artist} - {title}")
    return made


@pytest.fixture
def client(collection: Collection) -> Iterator[Client]:
    """A service over their library."""
    with served(Path(collection.library.database.address).parent) as service:
        yield service


def ended(client: Client, answer: Answer) -> Any:
    """The action that an answer has started, once it has ended."""
    assert answer.status == 202, answer.text
    until = time.monotonic() + 60
    while (action := client.get(answer.headers["location"]).json)["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.02)
    return action


def names(collection: Collection) -> set[str]:
    """The files on the disk."""
    return {path.name for path in collection.folder.iterdir()}


def test_proposals_are_listed_page_by_page_and_shown_one_by_one(client: Client) -> None:
    first = client.get("/api/v1/proposals?limit=3").json
    rest = client.get(f"/api/v1/proposals?limit=3&cursor={first['next']}").json
    found = first["items"] + rest["items"]
    assert [each["id"] for each in found] == [1, 2, 3, 4]
    assert rest["next"] is None
    assert found[0]["proposed_path"].endswith("/One - First.flac")
    assert client.get("/api/v1/proposals/1").json == found[0]
    assert client.get("/api/v1/proposals/99").status == 404
    assert [each["id"] for each in client.get("/api/v1/proposals?conflicts=true").json["items"]] == [2, 3]


def test_what_is_approved_is_renamed_and_gets_its_old_name_again(
    client: Client, collection: Collection
) -> None:
    before = names(collection)
    assert client.post("/api/v1/proposals/approve?dry_run=true", {"batch": 1}).json == {"count": 2}
    assert names(collection) == before
    assert ended(client, client.post("/api/v1/proposals/approve", {"batch": 1}))["done"] == 2
    assert client.post("/api/v1/proposals/apply?dry_run=true", {"batch": 1}).json == {"count": 2}
    applied = ended(client, client.post("/api/v1/proposals/apply", {"batch": 1}))
    assert (applied["state"], applied["done"], applied["failed"]) == ("done", 2, 0)
    assert names(collection) == {"One - First.flac", "Two - Second.flac", "3.flac", "4.flac"}
    undone = ended(client, client.post("/api/v1/proposals/undo", {"batch": 1}))
    assert (undone["state"], undone["done"]) == ("done", 2)
    assert names(collection) == before


def test_a_name_that_is_taken_meanwhile_is_refused_and_counted(
    client: Client, collection: Collection
) -> None:
    ended(client, client.post("/api/v1/proposals/approve", {"ids": [1]}))
    collection.write("One - First.flac", b"another file")
    action = ended(client, client.post("/api/v1/proposals/apply", {"batch": 1}))
    assert (action["state"], action["done"], action["failed"]) == ("done", 0, 1)
    assert (collection.folder / "One - First.flac").read_bytes() == b"another file"
    assert client.get("/api/v1/proposals/1").json["refusal"] is not None


def test_a_decision_names_what_it_is_about(client: Client) -> None:
    assert client.post("/api/v1/proposals/approve", {}).status == 400
    assert client.post("/api/v1/proposals/approve", {"surely": 1}).status == 422
    assert client.post("/api/v1/proposals/apply", {"batch": 9}).status == 404
    assert ended(client, client.post("/api/v1/proposals/reject", {"all": True}))["done"] == 4
    assert {each["status"] for each in client.get("/api/v1/proposals").json["items"]} == {"rejected"}
    assert "Approve all that match: 2" in client.get("/names").text


def test_the_page_marks_what_differs_and_its_buttons_do_what_they_say(
    client: Client, collection: Collection
) -> None:
    page = client.get("/names").text
    assert "<ins>One - First</ins>.flac" in page
    assert HOSTILE not in page
    assert "duplicate" in page
    assert "Approve all that match: 2" in page
    answer = client.post("/names/approve", "id=1&batch=1")
    assert (answer.status, answer.headers["location"]) == (303, "/names?batch=1#1")
    assert "Rename the 1 approved file of batch 1" in client.get("/names").text
    answer = client.post("/names/apply", "batch=1")
    location = answer.headers["location"]
    until = time.monotonic() + 60
    while "running" in (page := client.get(location).text):
        assert time.monotonic() < until
    assert "done: 1 of 1" in page
    assert "One - First.flac" in names(collection)
    assert client.get("/names?status=applied").text.count("<tbody id=") == 1


def test_a_filter_that_makes_no_sense_is_told(client: Client) -> None:
    for query, said in (
        ("batch=x", "an id is a whole number"),
        ("sure=2", "confidence is from 0 to 1"),
        ("status=new", "confidence is from 0 to 1"),
    ):
        answer = client.get(f"/names?{query}")
        assert (answer.status, said in answer.text) == (400, True)
    assert client.post("/names/apply", "batch=77").status == 404
    assert client.post("/names/destroy", "batch=1").status == 404
