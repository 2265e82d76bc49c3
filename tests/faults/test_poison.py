"""Bad files among good ones: the good ones are analysed, the bad ones are reported with a reason; memory is bounded."""

import dataclasses
import json
import os
import resource
import shutil
from pathlib import Path

import pytest

from tests import material
from tests.program import Event, Program, children_of, reconciles
from tests.sizes import size

GOOD = 50


@pytest.fixture(scope="module")
def good_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifty different good files in every format."""
    folder = tmp_path_factory.mktemp("good")
    names = list(material.FORMATS)
    for number in range(GOOD):
        name = names[number % len(names)]
        path = folder / f"{number:02}.{material.FORMATS[name].extension}"
        path.write_bytes(material.good(name, 2.0, seed=100 + number))
    return folder


def test_fifty_good_files_are_done_beside_every_poison(
    program: Program, good_files: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "music"
    shutil.copytree(good_files, folder / "good")
    expected = material.write_poison(os.fsencode(folder / "bad"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    process = program.start("analyze", folder, "--json")
    biggest = 0.0
    while process.poll() is None:
        biggest = max([biggest, *(resident_mb(child) for child in children_of(process.pid))])
        line = process.stdout.readline() if process.stdout else b""
        if line.startswith(b'{"event": "summary"'):
            summary: Event = json.loads(line)
    assert process.returncode == 1, process.stderr and process.stderr.read().decode()
    assert reconciles(summary)
    assert summary["pending"] == 0
    assert biggest < 900
    assert before >= 0

    tracks = {os.fsencode(path): track for path, track in program.tracks().items()}
    good = [track for path, track in tracks.items() if b"/good/" in path]
    assert [track["state"] for track in good] == ["done"] * GOOD
    wrong = {}
    for name, ending in expected.items():
        track = tracks.get(os.fsencode(folder / "bad") + b"/" + name)
        state = "skipped" if track is None else track["state"]
        if ending == "any":
            assert state in {"done", "partial", "quarantined"}, name
        elif state != ending:
            wrong[name] = (state, ending)
    assert wrong == {}
    for failure in program.run("failures", "--files").events:
        assert failure["reason"], failure
        assert failure["advice"], failure
        assert failure["code"] != "internal-error", failure


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 1e6
    except (OSError, IndexError):
        return 0.0


def test_nothing_that_is_not_finite_is_ever_stored(program: Program, tmp_path: Path) -> None:
    folder = tmp_path / "strange"
    folder.mkdir()
    for name in ("nan-and-inf.wav", "one-sample.wav", "silence.wav"):
        make, _ = material.poison()[name]
        (folder / name).write_bytes(make())
    program.run("analyze", folder)
    for row in program.query("SELECT scalars, series FROM analyses"):
        assert "NaN" not in row[0] + row[1]
        assert "Infinity" not in row[0] + row[1]
    silence = program.tracks()[str(folder / "silence.wav")]
    assert silence["bpm"] is None
    assert silence["key"] is None
    assert silence["loudness_lufs"] is None


def test_every_truncated_format_is_partial_with_both_durations(program: Program, tmp_path: Path) -> None:
    for name, form in material.FORMATS.items():
        (tmp_path / f"{name}.{form.extension}").write_bytes(material.truncated(material.good(name, 8.0), 0.6))
    outcome = program.run("analyze", tmp_path)
    assert outcome.summary["partial"] == len(material.FORMATS)
    failures = {failure["path"]: failure for failure in program.run("failures", "--files").events}
    for path, track in program.tracks("--full").items():
        assert track["state"] == "partial", path
        assert failures[path]["code"] == "incomplete"
        assert 3 < track["decoded_s"] < 7
        if track["codec"] not in {"vorbis", "opus"} and not path.endswith("oga"):  # Ogg declares no length
            assert track["duration_s"] == pytest.approx(8.0, abs=0.2), path


HOURS = size(0.4, 3.0)


def test_a_long_file_stays_under_400_mb_in_its_child(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "mix.mp3"
    bare = dataclasses.replace(
        material.FORMATS["mp3"], muxer_options=(("write_xing", "0"), ("id3v2_version", "0"))
    )
    minute = material.encode_as(material.music(60.0), bare)
    path.write_bytes(minute * round(60 * HOURS))  # MPEG frames may follow one another without end
    process = program.start("analyze", path, "--json")
    biggest = 0.0
    for _ in iter(process.stdout.readline if process.stdout else bytes, b""):
        biggest = max([biggest, *(resident_mb(child) for child in children_of(process.pid))])
    assert process.wait() == 0
    assert 50 < biggest < 400
    (track,) = program.tracks().values()
    assert track["decoded_s"] == pytest.approx(3600 * HOURS, abs=10)
    assert track["bpm"] == pytest.approx(120, rel=0.005)
