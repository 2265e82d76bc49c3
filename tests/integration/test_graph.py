"""``tonearm mix``, ``path``, ``connection`` and ``graph``, as a person calls them, with and without Neo4j."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests import material
from tests.program import Event, Program, until
from tests.servers import named, own_namespace
from tests.tagging import mutagen
from tonearm.graph.harmony import mixes, related

MakeProgram = Callable[..., Program]
NOWHERE = "bolt://127.0.0.1:1"
TAGS = [
    ("First", "Ann", "Start", "House"),
    ("Second", "Ann; Bob", "Start", "House"),
    ("Third", "Bob", "Middle", "Techno"),
    ("Fourth", "Cleo", "End", "Techno"),
    ("Fifth", "Dan", "End", "Ambient"),
    ("Sixth", "Eve", "Alone", "Folk"),
]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tracks that go round the wheel, each a little faster; one is there twice, one has no pitch and no beat."""
    folder = tmp_path_factory.mktemp("graph") / "music"
    folder.mkdir()
    for number, (title, artist, album, genre) in enumerate(TAGS):
        path = folder / f"{number}.flac"
        samples = material.music(14.0, bpm=120.0 + 3 * number, seed=7 * number + 12)
        path.write_bytes(material.encode(samples, "flac"))
        opened = mutagen.File(path)
        opened["title"], opened["album"], opened["genre"] = title, album, genre
        opened["artist"] = artist.split("; ")
        if album == "End":
            opened["albumartist"] = "Various Artists"
        opened.save()
    shutil.copy(folder / "1.flac", folder / "twin of 1.flac")
    silence = 0.0 * material.music(14.0)
    (folder / "silence.flac").write_bytes(material.encode(silence, "flac"))
    return folder


@pytest.fixture(scope="module")
def analysed(
    tmp_path_factory: pytest.TempPathFactory, music: Path, servers: Mapping[str, str]
) -> Iterator[Program]:
    """The music, analysed and stored in Neo4j; tests read it and change nothing."""
    url = named(servers, "TONEARM_NEO4J_URL")
    data = tmp_path_factory.mktemp("analysed")
    with (
        own_namespace(servers) as name,
        Program(data, TONEARM_NEO4J_URL=url, TONEARM_NAMESPACE=name) as program,
    ):
        program.run("analyze", music, check=True)
        # a Neo4j that has just started is slow; what is left is told by the next call
        while status(program)["pending"]:
            program.run("analyze", music, check=True)
        yield program


def without(program: Program, **environment: str) -> Program:
    """The same library with no Neo4j, or another one."""
    other = Program(program.data)
    other.environment |= environment
    return other


def status(program: Program) -> Event:
    return program.run("graph", "status", check=True).events[0]


def point(track: Event) -> tuple[str, int]:
    return track["camelot"], round(track["bpm"] * 10)


def test_after_a_run_the_graph_holds_what_the_database_holds(analysed: Program) -> None:
    found = status(analysed)
    assert found["unavailable"] is None
    assert found["neo4j"] == found["database"]
    assert found["database"]["tracks"] == 8
    assert [found["database"][name] for name in ("artists", "albums", "genres")] == [5, 4, 4]
    keys = {track["camelot"] for track in analysed.tracks().values() if track["camelot"]}
    assert found["database"]["keys"] == len(keys)
    assert analysed.run("graph", "rebuild", check=True).events == [found["neo4j"]]
    assert status(analysed) == found


def test_mixes_are_those_of_the_definition_and_the_same_from_either_database(
    analysed: Program, music: Path
) -> None:
    sql = without(analysed)
    tracks = analysed.tracks()
    for number in range(0, len(TAGS), 2):
        path = str(music / f"{number}.flac")
        answer = analysed.run("mix", path, "--tempo", "8", check=True)
        assert answer.errors == ""
        assert answer.events == sql.run("mix", path, "--tempo", "8", check=True).events
        here = point(tracks[path])
        fitting = {
            name
            for name, track in tracks.items()
            if track["camelot"] and track["bpm"] and track["audio_hash"] != tracks[path]["audio_hash"]
            and name != str(music / "twin of 1.flac") and mixes(here, point(track), 8)
        }  # fmt: skip
        assert {mix["path"] for mix in answer.events} == fitting
        for mix in answer.events:
            assert mix["relation"] == related(here[0])[mix["camelot"]]
            assert abs(mix["tempo_change_percent"]) <= 8.001
        scores = [mix["score"] for mix in answer.events]
        assert scores == sorted(scores, reverse=True)
    limited = analysed.run("mix", music / "1.flac", "--tempo", "8", "--limit", "1", check=True)
    assert len(limited.events) == 1


def test_a_path_leads_from_one_track_to_another_and_is_the_same_from_either_database(
    analysed: Program, music: Path
) -> None:
    call = ("path", music / "0.flac", music / "5.flac", "--tempo", "8")
    way = analysed.run(*call, check=True).events
    assert way == without(analysed).run(*call, check=True).events
    assert [step["step"] for step in way] == list(range(len(way)))
    assert (way[0]["path"], way[-1]["path"]) == (str(music / "0.flac"), str(music / "5.flac"))
    assert len(way) > 2
    for one, other in itertools.pairwise(way):
        assert mixes(point(one), point(other), 8)


def test_artists_are_connected_and_the_same_from_either_database(analysed: Program) -> None:
    call = ("connection", "ann", "DAN")
    chain = analysed.run(*call, check=True).events
    assert (
        chain
        == [
            {"artist": "Ann", "by": "track", "name": "Second", "other": "Bob"},
            {"artist": "Bob", "by": "genre", "name": "Techno", "other": "Cleo"},
            {"artist": "Cleo", "by": "album", "name": "End", "other": "Dan"},
        ]
        or [link["other"] for link in chain][-1] == "Dan"
    )
    assert chain == without(analysed).run(*call, check=True).events


def test_neo4j_away_for_a_whole_run_costs_nothing_and_the_graph_catches_up(
    make_program: MakeProgram, tmp_path: Path, music: Path, neo4j_url: str, namespace: str
) -> None:
    away = make_program(tmp_path / "data", TONEARM_NEO4J_URL=NOWHERE, TONEARM_NAMESPACE=namespace)
    outcome = away.run("analyze", music, check=True)
    assert outcome.summary["done"] == 8
    assert status(away)["pending"] == 8
    assert status(away)["neo4j"] is None
    assert "connection refused" in status(away)["unavailable"]
    mix = away.run("mix", music / "1.flac", "--tempo", "8", check=True)
    assert "the database answers instead" in mix.errors
    assert mix.events == without(away).run("mix", music / "1.flac", "--tempo", "8", check=True).events
    failed = away.run("graph", "rebuild")
    assert failed.status == 2
    assert "the rest is sent by the next" in failed.errors

    back = without(away, TONEARM_NEO4J_URL=neo4j_url, TONEARM_NAMESPACE=namespace)
    back.run("analyze", music, check=True)  # nothing to analyse, and something to tell
    until(lambda: status(back)["pending"] == 0)
    assert status(back)["neo4j"] == status(back)["database"]


def test_a_person_reads_keys_tempos_and_energy(analysed: Program, music: Path) -> None:
    said = talk(analysed, "mix", music / "1.flac", "--tempo", "8")
    assert said.splitlines()[0].startswith("score\ttitle\tartist\tkey\trelation\tBPM")
    assert "a fifth" in said
    assert "%" in said
    said = talk(analysed, "path", music / "0.flac", music / "5.flac", "--tempo", "8")
    assert "step" in said
    assert "\tSixth\tEve\t" in said
    assert "the track Second" in talk(analysed, "connection", "Ann", "Bob")
    assert "up to date" in talk(analysed, "graph", "status")
    assert "tempo bands" in talk(analysed, "graph", "rebuild")


def talk(program: Program, *arguments: str | Path) -> str:
    process = program.start(*arguments)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output.decode()


def test_what_can_not_be_answered_is_told_in_one_line(analysed: Program, music: Path, tmp_path: Path) -> None:
    def told(*arguments: str | Path) -> tuple[int, str]:
        outcome = analysed.run(*arguments)
        assert outcome.events == []
        assert outcome.errors.count("\n") == 1
        return outcome.status, outcome.errors

    silence = music / "silence.flac"
    status, text = told("mix", silence)
    assert status == 2
    assert f"{silence}: no pitch was found in it and no steady beat was found in it, so it has no key" in text
    assert "a folder" in told("mix", music)[1]
    assert "neither in the library nor on the disk" in told("mix", music / "none.flac")[1]
    assert "not in the library" in told("mix", tmp_path / "elsewhere.flac")[1]
    assert told("connection", "Ann", "Nobody") == (
        2,
        "tonearm: Nobody: no artist of that name in the library\n",
    )
    assert told("connection", "Ann", "Eve") == (1, "Ann and Eve have nothing in common.\n")
    status, text = told("path", music / "0.flac", music / "5.flac", "--tempo", "0")
    assert (status, "no such sequence" in text) == (1, True)
    twins = talk(analysed, "path", music / "1.flac", music / "twin of 1.flac")
    assert "the same audio" in twins


def test_a_missing_file_says_so(
    make_program: MakeProgram, tmp_path: Path, music: Path, neo4j_url: str, namespace: str
) -> None:
    program = make_program(tmp_path / "data", TONEARM_NEO4J_URL=neo4j_url, TONEARM_NAMESPACE=namespace)
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("0.flac", "1.flac"):
        shutil.copy(music / name, copy)
    program.run("analyze", copy, check=True)
    (copy / "0.flac").unlink()
    program.run("analyze", copy, check=True)
    outcome = program.run("mix", copy / "0.flac")
    assert (outcome.status, "missing since the last scan" in outcome.errors) == (2, True)


def test_without_neo4j_nothing_of_it_is_loaded_and_a_missing_driver_is_named(
    program: Program, neo4j_url: str
) -> None:
    program.run("migrate", check=True)
    told = talk(program, "graph", "rebuild")
    assert "the database itself answers" in told
    lacking = "import sys; sys.modules['neo4j'] = None; from tonearm.cli import main; main()"
    plain = subprocess.run(
        [sys.executable, "-c", lacking, "graph", "status", "--json"],
        env=program.environment,
        capture_output=True,
        text=True,
    )
    assert plain.returncode == 0, plain.stderr
    wanted = subprocess.run(
        [sys.executable, "-c", lacking, "graph", "status"],
        env=program.environment | {"TONEARM_NEO4J_URL": neo4j_url},
        capture_output=True,
        text=True,
    )
    assert wanted.returncode == 2
    assert "pip install 'tonearm[distributed]'" in wanted.stderr
    assert os.linesep * 2 not in wanted.stderr
