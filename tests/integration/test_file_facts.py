"""Each file is judged by its own header; only equal audio shares results, in any order of analysis."""

from pathlib import Path
from typing import Any

import pytest

from tests import material
from tests.program import Program
from tests.unit.analysis.test_identity import remuxed

WHOLE = material.good("mp3")
CLAIMING = material.mp3_declaring(314)
"""The same frames; the second file's header counts twice as many as there are."""


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def shown(program: Program, path: Path) -> dict[str, Any]:
    [track] = program.run("show", path, check=True).events
    return track


@pytest.mark.parametrize("order", [("claiming", "whole"), ("whole", "claiming")])
def test_a_file_that_is_replaced_is_judged_anew(
    program: Program, tmp_path: Path, order: tuple[str, str]
) -> None:
    song = tmp_path / "music" / "song.mp3"
    for which in order:
        write(song, WHOLE if which == "whole" else CLAIMING)
        program.run("analyze", song.parent, check=True)
        track = shown(program, song)
        if which == "whole":
            assert (track["state"], track["complete"], track["warnings"]) == ("done", True, [])
            assert track["duration_s"] == pytest.approx(4.0, abs=0.05)
        else:
            assert (track["state"], track["complete"]) == ("partial", False)
            assert track["duration_s"] == pytest.approx(8.2, abs=0.1)
            assert track["warnings"] == ["4.0 s of audio instead of the 8.2 s that its header declares"]


@pytest.mark.parametrize("backwards", [False, True])
def test_files_of_one_sound_have_containers_and_warnings_of_their_own(
    program: Program, tmp_path: Path, backwards: bool
) -> None:
    folder = tmp_path / "music"
    unmarked = material.ogg_without_end_mark("opus")
    files = {
        "unmarked.opus": unmarked,
        "marked.opus": material.good("opus"),
        "same.m4a": remuxed(unmarked, "mp4"),
        "cut page.opus": unmarked + unmarked[unmarked.rindex(b"OggS\0") :][:60],
    }
    for name in sorted(files, reverse=backwards):
        write(folder / name, files[name])
        program.run("analyze", folder, check=True)
    tracks = {name: shown(program, folder / name) for name in files}
    assert [tracks[name]["state"] for name in files] == ["done", "done", "done", "partial"]
    assert [tracks[name]["container"] for name in files] == ["ogg", "ogg", "mp4", "ogg"]
    assert tracks["unmarked.opus"]["audio_hash"] == tracks["same.m4a"]["audio_hash"]
    assert tracks["unmarked.opus"]["audio_hash"] != tracks["marked.opus"]["audio_hash"]
    assert [len(tracks[name]["warnings"]) for name in files] == [0, 0, 0, 1]


@pytest.mark.parametrize("backwards", [False, True])
def test_the_same_packets_with_another_edit_list_have_results_of_their_own(
    program: Program, tmp_path: Path, backwards: bool
) -> None:
    folder = tmp_path / "music"
    for name, skip in sorted({"whole.m4a": 0, "later.m4a": 4 * 44_100}.items(), reverse=backwards):
        write(folder / name, material.edited("aac", skip, 16.0))
        program.run("analyze", folder, check=True)
    whole, later = (shown(program, folder / name) for name in ("whole.m4a", "later.m4a"))
    assert whole["decoded_s"] == pytest.approx(16.0, abs=0.05)
    assert later["decoded_s"] == pytest.approx(12.0, abs=0.05)
    assert whole["audio_hash"] != later["audio_hash"]
    assert len(whole["beats"]) > len(later["beats"])
