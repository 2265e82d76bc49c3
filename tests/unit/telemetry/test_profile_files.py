"""Profiles as files: a flame graph that any browser shows, and what speedscope reads."""

import json
import os
from pathlib import Path
from xml.dom import minidom

import pytest

from tonearm.telemetry.flame_graph import draw
from tonearm.telemetry.profile_files import write_profile
from tonearm.worker.profile import Profile, SampledProcess
from tonearm.worker.stacks import WAITING, Frame, Stack, Stacks
from tonearm.worker.thread_sampler import MAIN

LOOP, DECODE = Frame("Loop.run", "tonearm.loop", 3), Frame("<lambda>", "av & co", 9)
HOSTILE = Frame("</title><script>alert(1)</script>\x1b[2J\u202e\x00&\ud800", '" onload="x', 1)


def process(pid: int, child: bool, *stacks: tuple[Stack, float]) -> SampledProcess:
    made = Stacks()
    for stack, seconds in stacks:
        made.add(stack, seconds)
    return SampledProcess(pid, child, made)


@pytest.fixture
def profile() -> Profile:
    supervisor = process(
        7,
        False,
        ((MAIN, LOOP, WAITING), 3.0),
        ((Frame("thread log"), LOOP, WAITING), 4.0),
        ((MAIN, LOOP), 1.0),
    )
    child = process(8, True, ((LOOP, DECODE), 3.0), ((LOOP, HOSTILE), 1.0))
    return Profile("a\x1b\x00<b>", 1.8e9, 4.0, [supervisor, child], ["one & another"])


def boxes(profile: Profile) -> dict[str, float]:
    """Each box of the flame graph, by its tooltip, with its width."""
    found = {}
    for group in minidom.parseString(draw(profile)).getElementsByTagName("g"):  # noqa: S318  drawn here
        [title], [box] = group.getElementsByTagName("title"), group.getElementsByTagName("rect")
        assert title.firstChild is not None
        found[str(title.firstChild.nodeValue)] = float(box.getAttribute("width"))
    return found


def test_boxes_are_as_wide_as_their_time(profile: Profile) -> None:
    drawn = boxes(profile)
    whole = drawn["supervisor 7: 4.00 s, 50.0%"] + drawn["child 8: 4.00 s, 50.0%"]
    assert whole == pytest.approx(1180)
    assert drawn["<lambda> (av & co:9): 3.00 s, 37.5%"] == pytest.approx(3 / 8 * whole)
    assert drawn["(waiting): 3.00 s, 37.5%"] == pytest.approx(3 / 8 * whole)
    assert drawn["thread log: 4.00 s, 100.0%"] == pytest.approx(whole)  # a background thread that waited


def test_nothing_of_a_child_is_markup(profile: Profile) -> None:
    drawn = draw(profile)
    assert "<script" not in drawn
    assert not set(drawn) & set("\x1b\x00\u202e\ud800")
    assert any(
        "</title><script>alert(1)</script>\\x1b[2J\\u202e\\x00&\\ud800" in title for title in boxes(profile)
    )


def test_time_without_any_work_is_drawn_as_what_it_is() -> None:
    asleep = Profile("a", 1.8e9, 4.0, [process(7, False, ((MAIN, LOOP, WAITING), 4.0))])
    assert "(waiting): 4.00 s, 100.0%" in boxes(asleep)
    assert boxes(Profile("a", 1.8e9, 0.0, [])) == {}


def test_speedscope_finds_one_sampled_profile_a_process(profile: Profile, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "profile.json")
    write_profile(profile, path)
    document = json.loads((tmp_path / "profile.json").read_text())
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert document["name"] == "a\\x1b\\x00<b>"
    frames = document["shared"]["frames"]
    first, second = document["profiles"]
    assert (first["name"], first["type"], first["unit"]) == ("supervisor 7", "sampled", "seconds")
    assert (first["endValue"], sum(first["weights"])) == (8.0, 8.0)
    named = [[frames[number]["name"] for number in stack] for stack in second["samples"]]
    assert ["Loop.run", "<lambda>"] in named
    assert {"name": "<lambda>", "file": "av & co", "line": 9} in frames
    assert "\x1b" not in (tmp_path / "profile.json").read_text()


def test_a_file_is_written_whole_or_not_at_all(profile: Profile, tmp_path: Path) -> None:
    path = tmp_path / "profile.svg"
    path.write_text("before")
    with pytest.raises(OSError, match="directory"):
        write_profile(profile, os.fsencode(tmp_path / "gone" / "profile.svg"))
    write_profile(profile, os.fsencode(path))
    assert path.read_text().startswith("<svg ")
    assert os.listdir(tmp_path) == ["profile.svg"]
