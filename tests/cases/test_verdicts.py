"""Each file is judged by its own header; only equal audio shares results, in any order, in one process or on servers."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests import material
from tests.fleet import BASIC, Fleet
from tests.program import Event, Program
from tests.unit.analysis.test_identity import remuxed

UNMARKED = material.ogg_without_end_mark("opus")
FIRST = {
    "song.mp3": material.mp3_declaring(314),
    "unmarked.opus": UNMARKED,
    "cut page.opus": UNMARKED + UNMARKED[UNMARKED.rindex(b"OggS\0") :][:60],
    "whole.m4a": material.edited("aac", 0, 16.0),
}
"""The MP3 counts twice as many frames as there are."""
SECOND = {
    "song.mp3": material.good("mp3"),
    "marked.opus": material.good("opus"),
    "same.m4a": remuxed(UNMARKED, "mp4"),
    "later.m4a": material.edited("aac", 4 * 44_100, 16.0),
}
"""The same packets as in ``FIRST``, of which other samples are played or other things declared."""


@pytest.fixture
def embedded(program: Program) -> Callable[[Path], dict[str, Event]]:
    """Analyses a folder in one process; returns the tracks by their names."""

    def analyse(folder: Path) -> dict[str, Event]:
        program.run("analyze", folder)
        return {Path(path).name: track for path, track in program.tracks("--full").items()}

    return analyse


@pytest.fixture
def distributed(
    tmp_path: Path, namespace: str, fleet_urls: Callable[[Iterable[str]], dict[str, str]]
) -> Iterator[Callable[[Path], dict[str, Event]]]:
    """The same through a worker on PostgreSQL and RabbitMQ."""
    with Fleet(tmp_path, fleet_urls(BASIC), namespace) as fleet:
        fleet.worker("one", slots=2)

        def analyse(folder: Path) -> dict[str, Event]:
            fleet.end(fleet.follow(folder))
            return {Path(path).name: track for path, track in fleet.program.tracks("--full").items()}

        yield analyse


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("way", ["embedded", "distributed"])
def test_each_file_has_a_verdict_of_its_own(
    way: str, backwards: bool, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    analyse = request.getfixturevalue(way)
    folder = tmp_path / "music"
    folder.mkdir()
    for files in (SECOND, FIRST) if backwards else (FIRST, SECOND):
        for name, data in files.items():
            (folder / name).write_bytes(data)
        tracks = analyse(folder)
        song = tracks["song.mp3"]
        if files is SECOND:
            assert (song["state"], song["complete"], song["warnings"]) == ("done", True, [])
            assert song["duration_s"] == pytest.approx(4.0, abs=0.05)
        else:
            assert (song["state"], song["complete"]) == ("partial", False)
            assert song["duration_s"] == pytest.approx(8.2, abs=0.1)
            assert song["warnings"] == ["4.0 s of audio instead of the 8.2 s that its header declares"]

    opus = [tracks[name] for name in ("unmarked.opus", "marked.opus", "same.m4a", "cut page.opus")]
    assert [track["state"] for track in opus] == ["done", "done", "done", "partial"]
    assert [track["container"] for track in opus] == ["ogg", "ogg", "mp4", "ogg"]
    assert [len(track["warnings"]) for track in opus] == [0, 0, 0, 1]
    assert [len(track["remarks"]) for track in opus] == [1, 0, 0, 0]
    assert opus[0]["audio_hash"] == opus[2]["audio_hash"] != opus[1]["audio_hash"]

    whole, later = tracks["whole.m4a"], tracks["later.m4a"]
    assert [track["state"] for track in (whole, later)] == ["done", "done"]
    assert whole["decoded_s"] == whole["duration_s"] == pytest.approx(16.0, abs=0.05)
    assert later["decoded_s"] == later["duration_s"] == pytest.approx(12.0, abs=0.05)
    assert whole["audio_hash"] != later["audio_hash"]
    assert len(whole["beats"]) > len(later["beats"])
