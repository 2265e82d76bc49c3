"""GraphQL answers what the API does, with a fixed number of database queries, and refuses what asks for too much."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query, parse
from sqlalchemy import Engine, event

from tests import graphql_reference
from tests.unit.library_fixture import VERSIONS, Library, result
from tests.unit.web.client import Answer, Client
from tests.unit.web.conftest import served
from tonearm.analysis.catalog import versions
from tonearm.library.access_tokens import AccessTokens
from tonearm.web.graphql_limits import MOST_COST, TooMuch, check_extent

EVERYTHING = (
    "{ tracks(limit: 100) { items { id title artist bpm beats tags history "
    "analysers { name version } } next } }"
)


def ask(service: Client, query: str, **variables: Any) -> Answer:
    return service.post("/graphql", {"query": query, "variables": variables})


def data(service: Client, query: str, **variables: Any) -> Any:
    answer = ask(service, query, **variables)
    assert (answer.status, answer.json.get("errors")) == (200, None)
    return answer.json["data"]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that any engine executes, but for those of the probes beside the service."""
    statements: list[str] = []

    def executed(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not threading.current_thread().name.startswith("probe "):
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", executed)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", executed)


def test_it_answers_what_the_api_answers(service: Client) -> None:
    listed = service.get("/api/v1/tracks?sort=-bpm").json["items"]
    names = ("id", "path", "title", "bpm", "camelot", "state", "codec", "stale", "duration_s")
    found = data(service, f'{{ tracks(sort: "-bpm") {{ items {{ {" ".join(names)} }} }} }}')
    assert found["tracks"]["items"] == [{name: track[name] for name in names} for track in listed]
    whole = service.get("/api/v1/tracks/1").json
    one = data(
        service, "query($id: Int64!) { track(id: $id) { title history tags analysers { name } } }", id=1
    )
    assert one["track"]["history"] == whole["history"]
    assert one["track"]["analysers"] == [{"name": each["name"]} for each in whole["analysers"]]
    assert data(service, "{ track(id: 99) { title } }") == {"track": None}
    queue = data(
        service,
        '{ runs { items { run state } } jobs(state: ["queued"]) { items { id path } } '
        "failures { items { code path } } workers { items { worker } } }",
    )
    assert [failed["code"] for failed in queue["failures"]["items"]] == ["not-audio"]
    assert [job["path"] for job in queue["jobs"]["items"]] == ["/music/waiting.flac"]
    assert len(queue["runs"]["items"]) == 1


def test_what_goes_with_a_track_is_that_of_the_api(library: Library) -> None:
    present = Library(library.database, versions={name: versions()[name] for name in VERSIONS})
    run = present.run()
    for number, bpm in enumerate((120.0, 121.0, 60.4, 150.0)):
        values: dict[str, dict[str, Any]] = {
            "tempo": {"bpm": bpm},
            "key": {"key": "A minor", "camelot": "8A"},
        }
        findings: Any = {name: (present.versions[name], values[name], {}) for name in values}
        present.finish(run, b"%d.flac" % number, result(f"{number:08}", findings=findings))
    with served(Path(library.database.address).parent) as service:
        mixes = service.get("/api/v1/tracks/1/mixes?limit=2").json["items"]
        similar = service.get("/api/v1/tracks/1/similar?limit=2").json["items"]
        names = ("id", "path", "bpm", "camelot", "relation", "score")
        found = data(
            service,
            f"{{ mixes(id: 1, limit: 2) {{ {' '.join(names)} }} similar(id: 1, limit: 2) {{ id distance bpm }} }}",
        )
        none = ask(service, "{ mixes(id: 99) { id } similar(id: 1, limit: 0) { id } runs { next } }").json
    assert [mix["id"] for mix in mixes] == [2, 3]
    assert found["mixes"] == [{name: mix[name] for name in names} for mix in mixes]
    assert found["similar"] == [{name: each[name] for name in ("id", "distance", "bpm")} for each in similar]
    assert none["data"] == {"mixes": None, "similar": None, "runs": {"next": None}}
    assert [error["message"] for error in none["errors"]] == [
        "track 99: not in the library",
        "limit: 0 is not from 1 to 200",
    ]


def test_tracks_are_read_page_by_page(service: Client) -> None:
    titles, cursor = [], None
    query = 'query($after: String) { tracks(range: ["bpm:1-200"], limit: 1, cursor: $after) { items { title } next } }'
    while True:
        page = data(service, query, after=cursor)["tracks"]
        titles += [track["title"] for track in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert titles == ["First", "<script>alert(1)</script>", "Third"]


def test_a_page_of_any_length_makes_the_same_number_of_database_queries(library: Library) -> None:
    run = library.run()
    for number in range(100):
        library.finish(run, b"%d.flac" % number, result(f"{number:08}", tags={"artist": f"Artist {number}"}))
    with served(Path(library.database.address).parent) as service:
        data(service, EVERYTHING)
        with counted() as many:
            tracks = data(service, EVERYTHING)["tracks"]["items"]
        with counted() as few:
            data(service, EVERYTHING.replace("limit: 100", "limit: 2"))
    assert len(tracks) == 100
    assert all(track["artist"] and len(track["analysers"]) == 2 for track in tracks)
    assert len(many) == len(few) < 15


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{ nothing }", "Cannot query field 'nothing'"),
        ("{ tracks { items { title }", "Syntax Error"),
        ("mutation { forget }", "mutation"),
        ("query A { runs { next } } query B { jobs { next } }", "several operations"),
        ("fragment A on Query { ...B } fragment B on Query { ...A } { ...A }", "leads to itself"),
        ("{" + "a " * 3_000 + "}", "tokens"),
        ("{ " + " ".join(f"a{n}: runs {{ next }}" for n in range(31)) + " }", "aliases"),
        ("{" + "... { " * 40 + "runs { next }" + "}" * 41, "deep"),
        ("{ tracks(limit: 200) { items { " + "beats tags history waveform_low " * 4 + "} } }", "costly"),
        ("{ a: runs { next } ...F } fragment F on Query { tracks(limit: 9999999999) { next } }", "32-bit"),
    ],
)
def test_a_query_that_can_not_be_executed_is_refused(service: Client, query: str, said: str) -> None:
    answer = ask(service, query)
    assert answer.status == 400
    assert said in json.dumps(answer.json["errors"])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('{ tracks(sort: "nothing") { next } }', "there is no column 'nothing'"),
        ('{ tracks(cursor: "x") { next } }', "the cursor is not one of this list"),
        ("{ tracks(limit: 1000) { next } }", "1000 is not from 1 to 200"),
        ('{ tracks(artist: "%s") { next } }' % ("x" * 201), "more than 200 characters"),
        ('{ jobs(state: ["odd"]) { next } }', "'odd' is none of"),
        ("{ track(id: 9223372036854775808) { title } }", "an id is a whole number"),
        ("{ track(id: %s) { title } }" % ("9" * 5000), "more than 20 digits"),
        ("{ tracks(limit: %s) { next } }" % ("9" * 5000), "more than 20 digits"),
        *[
            (f"{{ track(id: {each}) {{ title }} }}", "is a whole number")
            for each in ("1e999", "[1]", "{a: 1}", "true")
        ],
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(service: Client, query: str, said: str) -> None:
    assert said in ask(service, query).json["errors"][0]["message"]


def test_a_body_that_is_no_question_is_a_problem(service: Client) -> None:
    assert service.post("/graphql", {"query": "{ runs { next } }", "more": 1}).status == 422
    assert service.post("/graphql", {"query": "{" + " " * 10_001 + "}"}).status == 422
    assert service.get("/graphql").status == 405
    named = {"query": "query A { runs { next } } query B { jobs { next } }", "operationName": "B"}
    assert list(service.post("/graphql", named).json["data"]) == ["jobs"]
    assert service.post("/graphql", {**named, "operationName": "C"}).status == 400
    assert service.send("POST", "/graphql", b"{}", {"Origin": "http://elsewhere"}).status == 403


def test_fragments_count_wherever_they_are_spread() -> None:
    doubled = "".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }} " for n in range(10))
    document = parse(doubled + "fragment F10 on Query { a: runs(limit: 1) { next } } { ...F0 }")
    with pytest.raises(TooMuch):
        check_extent(document, {})


def test_a_page_counts_as_many_rows_as_it_may_have() -> None:
    def cost(query: str, **variables: Any) -> int:
        return check_extent(parse(query), variables).cost

    assert cost("{ runs(limit: 2) { items { run state } } }") == 1 + 2 * 3
    assert cost("{ runs { items { run } } }") == 1 + 50 * 2
    assert cost("{ mixes(id: 1) { title } similar(id: 1) { title } }") == 2 * (1 + 20)
    assert cost("query($n: Int) { runs(limit: $n) { next } }", n=7) == 8
    assert cost("query($n: Int) { runs(limit: $n) { next } }") == 201
    assert cost("query($n: Int) { runs(limit: $n) { next } }", n=[9]) == 201
    assert MOST_COST > 200


def test_programs_may_ask_for_the_schema(service: Client) -> None:
    types = data(service, get_introspection_query())["__schema"]["types"]
    assert "Track" in {each["name"] for each in types}


def test_a_token_that_may_only_read_is_enough(own_service: Client, filled: Library) -> None:
    token = AccessTokens(filled.database).make("reader", may_act=False)
    answer = own_service.post(
        "/graphql", {"query": "{ runs { items { run } } }"}, Authorization=f"Bearer {token}"
    )
    assert answer.status == 200


def test_the_reference_is_that_of_the_schema() -> None:
    page = graphql_reference.PAGE.read_text(encoding="utf-8")
    assert page == graphql_reference.written(page), "run python -m tests.graphql_reference"


def test_a_list_that_fails_does_not_take_the_others_with_it(service: Client) -> None:
    answer = ask(service, '{ tracks(sort: "nothing") { next } runs { items { run } } }').json
    assert answer["data"]["tracks"] is None
    assert len(answer["data"]["runs"]["items"]) == len(answer["errors"]) == 1
