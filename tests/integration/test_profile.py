"""Profiles of running workers, by the real command."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest

from tests.fleet import Fleet
from tests.material import good
from tests.program import Event, Program, until


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    (folder / "0.mp3").write_bytes(good("mp3", 20.0))
    for number in range(1, 200):
        (folder / f"{number}.mp3").hardlink_to(folder / "0.mp3")
    return folder


def running(program: Program, music: Path) -> "subprocess.Popen[bytes]":
    """An ``analyze`` whose children are at work, for longer than a test takes: it measures each copy again."""
    process = program.start("analyze", "--json", "--fresh", str(music))
    until(lambda: (program.data / "analyze.lock").exists())
    until(lambda: program.query("SELECT count(*) FROM jobs WHERE state = 'running'") == [(2,)])
    return process


def profiled(program: Program, *arguments: str) -> Event:
    """The answer to ``profile``, asked again while a busy machine keeps the children from answering."""
    for _ in range(20):
        answer = program.run("profile", *arguments, check=True, timeout=120).events[0]
        if not any("its machine is busy" in note for note in answer["notes"]):
            break
    return answer


def frames(path: Path, of: Callable[[str], bool]) -> set[str]:
    """The names of the functions in the processes of a kind."""
    document: dict[str, Any] = json.loads(path.read_text())
    named = document["shared"]["frames"]
    return {
        named[number]["name"]
        for process in document["profiles"]
        if of(process["name"])
        for stack in process["samples"]
        for number in stack
    }


def test_a_run_is_profiled_from_another_shell(tmp_path: Path, music: Path) -> None:
    with Program(tmp_path / "library") as program:
        process = running(program, music)
        output = tmp_path / "profile.json"
        answer = profiled(program, "--seconds", "1", "-o", str(output))
        assert answer["notes"] == []
        kinds = [each["child"] for each in answer["processes"]]
        assert kinds == [False, True, True]
        assert "ChildPool.wait" in frames(output, lambda name: name.startswith("supervisor"))
        assert "AudioSource._decode" in frames(output, lambda name: name.startswith("child"))

        child = answer["processes"][1]["pid"]
        drawn = tmp_path / "child.svg"
        profiled(program, "--seconds", "0.3", "--child", str(child), "-o", str(drawn))
        texts = minidom.parse(str(drawn)).getElementsByTagName("title")  # noqa: S318  the program's own
        titles = [str(text.firstChild.nodeValue) for text in texts if text.firstChild is not None]
        assert titles[0].startswith(f"child {child}: ")
        assert not any("supervisor" in title for title in titles)

        refused = program.run("profile", "--child", "1", "-o", str(tmp_path / "none.svg"))
        assert refused.status == 2
        assert "there is no child 1" in refused.errors
        assert not (tmp_path / "none.svg").exists()

        stopped = program.start("profile", "--json", "--seconds", "60", "-o", str(tmp_path / "none.svg"))
        until(lambda: program.query("SELECT count(*) FROM profiles WHERE begun_at > 0") == [(1,)])
        stopped.send_signal(signal.SIGINT)
        assert program.wait(stopped).status == 130
        assert program.query("SELECT * FROM profiles") == []
        assert not (tmp_path / "none.svg").exists()

        process.send_signal(signal.SIGINT)
        program.wait(process)


def test_a_whole_run_is_profiled(tmp_path: Path, music: Path) -> None:
    with Program(tmp_path / "library") as program:
        output = tmp_path / "run.json"
        program.run("analyze", str(music / "0.mp3"), "--profile", str(output), check=True)
        assert "AudioSource._decode" in frames(output, lambda name: name.startswith("child"))
        scanned = frames(output, lambda name: name.startswith("supervisor"))
        assert {"main thread", "Supervisor.work"} <= scanned
        assert json.loads(output.read_text())["notes"] == []


def test_a_worker_on_any_host_is_profiled_through_the_database(
    tmp_path: Path, music: Path, namespace: str, postgres_url: str
) -> None:
    services = ("DATABASE",)
    with Fleet(tmp_path, {"TONEARM_DATABASE_URL": postgres_url}, namespace, services) as fleet:
        output = str(tmp_path / "profile.json")
        fleet.worker("a")
        fleet.worker("b")
        for name in ("a", "b"):
            fleet.until_event(name, "worker_state_changed")
        fleet.enqueue(music, "--fresh")
        for name in ("a", "b"):
            fleet.until_event(name, "job_started")
        assert "name one of the workers: a, b" in fleet.program.run("profile", "-o", output).errors
        answer = profiled(fleet.program, "b", "--seconds", "0.5", "-o", output)
        assert (answer["worker"], answer["notes"]) == ("b", [])
        assert answer["processes"][0]["pid"] == fleet.process("b").pid
        assert "Child.serve" in frames(tmp_path / "profile.json", lambda name: name.startswith("child"))
        assert fleet.query("SELECT * FROM profiles") == []
        assert "no worker named c" in fleet.program.run("profile", "c", "-o", output).errors


def test_nothing_that_runs_is_said(tmp_path: Path) -> None:
    with Program(tmp_path / "library") as program:
        (tmp_path / "empty").mkdir()
        program.run("analyze", str(tmp_path / "empty"))
        refused = program.run("profile", "-o", str(tmp_path / "p.svg"))
        assert (refused.status, list(tmp_path.glob("p.svg"))) == (2, [])
        assert "no process is analysing" in refused.errors
        assert "named .svg or .json" in program.run("profile", "-o", "p.txt").errors
