"""What failed is shown by group, file by file, and as suspects; what matches is retried after a question."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.library_fixture import Library, result
from tonearm.cli.app import app
from tonearm.errors import Failure
from tonearm.jobs.failures import KILLED

PICTURE = Failure("not-audio", "it is a picture", "look at it")
CABLE = Failure("read-error", "the cable is loose", "plug it in", max_attempts=2)


@pytest.fixture
def call(tmp_path: Path) -> Callable[..., Result]:
    """Calls a command on the library."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--data", str(tmp_path / "data")])

    return call


@pytest.fixture
def sick(library: Library) -> Library:
    """A library with four failed files: two pictures, one that waits for another attempt, one that is partial."""
    run = library.run()
    library.meet(run, b"a/1", b"a/2", b"b/3")
    for failure in (PICTURE, PICTURE, CABLE):
        library.job_store.fail(library.take(run), failure, 0.0)
    library.finish(run, b"b/4", result(complete=False))
    return library


def objects(said: Result) -> list[dict[str, object]]:
    assert said.exit_code == 0, said.output
    return [json.loads(line) for line in said.stdout.splitlines()]


@pytest.mark.usefixtures("sick")
def test_groups_are_shown_with_cause_and_reason(call: Callable[..., Result]) -> None:
    lines = [line.split("\t") for line in call("failures").stdout.splitlines()]
    assert lines[0][:5] == ["files", "partial", "retrying", "code", "cause"]
    assert [(line[0], line[1], line[2], line[3], line[4], line[7]) for line in lines[1:]] == [
        ("2", "", "", "not-audio", "file", "it is a picture"),
        (
            "1",
            "1",
            "",
            "incomplete",
            "file",
            "Only 10.0 s of audio could be decoded where the file declares 20.0 s.",
        ),
        ("1", "", "1", "read-error", "system", "the cable is loose"),
    ]


@pytest.mark.usefixtures("sick")
def test_groups_and_files_agree_in_json(call: Callable[..., Result]) -> None:
    groups, files = objects(call("failures", "--json")), objects(call("failures", "--files", "--json"))
    assert {group["code"]: group["files"] for group in groups} == {
        "not-audio": 2,
        "incomplete": 1,
        "read-error": 1,
    }
    assert sorted(str(file["path"]) for file in files) == [
        "/music/a/1",
        "/music/a/2",
        "/music/b/3",
        "/music/b/4",
    ]
    assert {file["code"]: file["cause"] for file in files}["read-error"] == "system"


@pytest.mark.usefixtures("sick")
def test_a_group_can_be_read_page_by_page(call: Callable[..., Result]) -> None:
    list_group = ("failures", "--group", "not-audio", "--limit", "1", "--json")
    [first] = objects(call(*list_group))
    [second] = objects(call(*list_group, "--after", str(first["job"])))
    assert (first["path"], second["path"]) == ("/music/a/1", "/music/a/2")
    assert objects(call(*list_group, "--after", str(second["job"]))) == []


@pytest.mark.usefixtures("sick")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--group", "crashed", "--files"), "only one of"),
        (("--after", "3"), "--after needs"),
        (("--suspects", "/music"), "--suspects takes no PATH"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    call: Callable[..., Result], given: tuple[str, ...], said: str
) -> None:
    answer = call("failures", *given)
    assert (answer.exit_code, said in answer.stderr) == (2, True)


def test_suspects_are_named_with_what_was_seen_of_them(library: Library, call: Callable[..., Result]) -> None:
    run = library.run()
    library.meet(run, b"bad\n")
    for _ in range(2):
        library.job_store.fail(library.take(run), KILLED, 1.0, {"identify": 0.1, "decode": 0.9})
    head, line = (line.split("\t") for line in call("failures", "--suspects").stdout.splitlines())
    named = dict(zip(head, line, strict=True))
    assert (named["died"], named["code"], named["stage"]) == ("2 times", "killed", "decode")
    assert named["file"] == "/music/bad\\n"
    [suspect] = objects(call("failures", "--suspects", "--json"))
    assert isinstance(suspect["deaths"], list)
    assert suspect["child_deaths"] == len(suspect["deaths"]) == 2


def test_nothing_failed(call: Callable[..., Result], library: Library) -> None:
    library.finish(library.run(), b"1", result())
    assert call("failures").stderr == "Nothing failed.\n"
    assert objects(call("retry", "--all", "--json")) == [{"queued": 0}]


def test_who_retries_many_is_shown_which_and_asked(
    sick: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tonearm.cli.retry._is_asked_at_a_terminal", lambda: True)
    retry = ["retry", "--code", "not-audio", "--data", str(tmp_path / "data")]
    refused = CliRunner().invoke(app, retry, input="n\n")
    assert refused.exit_code == 1
    assert refused.stdout.splitlines() == [
        "files\tcode\treason",
        "2\tnot-audio\tit is a picture",
        "Queue 2 files again? [y/N]: n",
        "Nothing was queued.",
    ]
    assert len(sick.failed()) == 4
    assert CliRunner().invoke(app, retry, input="y\n").exit_code == 0
    assert {file.code for file in sick.failed()} == {"incomplete", "read-error"}


def test_without_a_person_to_ask_yes_is_needed(sick: Library, call: Callable[..., Result]) -> None:
    refused = call("retry", "--code", "not-audio")
    assert refused.exit_code == 2
    assert "2 files would be queued again; add --yes to queue them" in refused.stderr
    assert objects(call("retry", "--code", "not-audio", "--dry-run", "--json")) == [{"would_be_queued": 2}]
    assert len(sick.failed()) == 4


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (("--all", "--yes"), {"incomplete"}),
        (("--all", "--partial", "--yes"), set()),
        (("--code", "incomplete", "--yes"), {"not-audio", "read-error"}),
        (("--code", "incomplete", "--code", "read-error", "--yes"), {"not-audio"}),
        (("--below", "/music/b", "--yes"), {"not-audio", "incomplete"}),
        (("--below", "/music/a", "--code", "read-error", "--yes"), {"not-audio", "incomplete", "read-error"}),
        (("/music/a",), {"incomplete", "read-error"}),
        (("/music/a", "/music/b", "--partial"), set()),
        (("/music/a/1", "/music/a", "/music/a/2"), {"incomplete", "read-error"}),
    ],
)
def test_what_matches_is_queued(
    sick: Library, call: Callable[..., Result], given: tuple[str, ...], left: set[str]
) -> None:
    before = len(sick.failed())
    [promised] = objects(call("retry", *given, "--dry-run", "--json"))
    [said] = objects(call("retry", *given, "--json"))
    assert {file.code for file in sick.failed()} == left
    assert said == {"queued": before - len(sick.failed())} == {"queued": promised["would_be_queued"]}


@pytest.mark.usefixtures("sick")
@pytest.mark.parametrize(
    "given", [("retry", "--code", "not-audo", "--yes"), ("failures", "--group", "not-audo")]
)
def test_a_code_that_does_not_exist_is_refused(call: Callable[..., Result], given: tuple[str, ...]) -> None:
    refused = call(*given)
    assert refused.exit_code == 2
    assert "did you mean not-audio?" in refused.stderr


@pytest.mark.usefixtures("sick")
@pytest.mark.parametrize("given", [(), ("--all", "/music/a"), ("--all", "--code", "crashed"), ("--partial",)])
def test_a_retry_must_say_of_what(call: Callable[..., Result], given: tuple[str, ...]) -> None:
    assert call("retry", *given).exit_code == 2
