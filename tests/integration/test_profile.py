"""Profiles of running workers, by the real command."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest

from tests.material import good
from tests.program import Program, until


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
        answer = program.run("profile", "--seconds", "1", "-o", str(output), check=True).events[0]
        assert answer["notes"] == []
        kinds = [each["child"] for each in answer["processes"]]
        assert kinds == [False, True, True]
        assert "Supervisor._wait" in frames(output, lambda name: name.startswith("supervisor"))
        assert "AudioSource._decode" in frames(output, lambda name: name.startswith("child"))

        child = answer["processes"][1]["pid"]
        drawn = tmp_path / "child.svg"
        program.run("profile", "--seconds", "0.3", "--child", str(child), "-o", str(drawn), check=True)
        texts = minidom.parse(str(drawn)).getElementsByTagName("title")  # noqa: S318  the program's own
        titles = [str(text.firstChild.nodeValue) for text in texts if text.firstChild is not None]
        assert titles[0].startswith(f"child {child}: ")
        assert not any("supervisor" in title for title in titles)

        refused = program.run("profile", "--child", "1", "-o", str(tmp_path / "none.svg"))
        assert refused.status == 2
        assert "there is no child 1" in refused.errors
        assert not (tmp_path / "none.svg").exists()

        process.send_signal(signal.SIGINT)
        program.wait(process)


def test_nothing_that_runs_is_said(tmp_path: Path) -> None:
    with Program(tmp_path / "library") as program:
        (tmp_path / "empty").mkdir()
        program.run("analyze", str(tmp_path / "empty"))
        refused = program.run("profile", "-o", str(tmp_path / "p.svg"))
        assert (refused.status, list(tmp_path.glob("p.svg"))) == (2, [])
        assert "no process is analysing" in refused.errors
        assert "named .svg or .json" in program.run("profile", "-o", "p.txt").errors
