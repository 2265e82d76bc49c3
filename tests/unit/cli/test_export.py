"""What is exported is read back by other programs' readers."""

import base64
import csv
import io
import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyrekordbox.rbxml import RekordboxXml

from tests.unit.curated import DOUBTFUL, Curated, curated
from tests.unit.export.mp3_files import mp3_files
from tests.unit.library_fixture import found
from tonearm.export.paths import Renaming, file_url, traktor_place
from tonearm.worker.signals import StopSwitch

STEADY = DOUBTFUL | {"bpm": 120.0, "bpm_confidence": 0.95, "bpm_alternatives": []}
BEATS = [0.25 + number * 0.5 for number in range(19)]
CHANGING = [0.5 * number for number in range(9)] + [4 + 0.4 * number for number in range(1, 13)]
ODD = b"Bj\xf6rk #1\t&.flac"
ODD_TAGS = {"title": '50 % "off" <&>\x01', "artist": "=Nina\nSimone", "year": 1999, "genre": "Jazz"}


@pytest.fixture
def music(tmp_path: Path, empty: bytes) -> Iterator[Curated]:
    """A steady track, one whose tempo changes, one with an odd name and odd tags, and one that was not analysed."""
    with curated(tmp_path / "data", empty) as library:
        library.put(b"House/a b.flac", "a", tempo=STEADY, beats=BEATS, tags={"title": "So What"})
        library.put(b"b#.flac", "b", tempo=STEADY, beats=CHANGING)
        library.put(ODD, "c", tempo=STEADY, tags=ODD_TAGS)
        library.library.meet(library.run, found(b"waiting.flac"))
        yield library


def exported(music: Curated, *arguments: str, status: int = 0) -> Path:
    """The file that the command writes."""
    path = music.data / "out"
    said = music.call("export", *arguments, "--to", str(path), "--overwrite")
    assert said.exit_code == status, said.output
    assert not any(name.startswith(".tonearm-export") for name in os.listdir(music.data))
    return path


def test_csv_has_every_track_and_column(music: Curated) -> None:
    text = exported(music, "csv").read_bytes().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    tracks = music.objects("tracks")
    assert list(rows[0]) == ["id", "path", "path_b64", *list(tracks[1])[2:]]
    assert [row["path"] for row in rows] == [
        "/music/Bj\ufffdrk #1\t&.flac",
        "/music/House/a b.flac",
        "/music/b#.flac",
        "/music/waiting.flac",
    ]
    odd, steady, _, waiting = rows
    assert base64.b64decode(odd["path_b64"]) == b"/music/" + ODD
    assert (odd["title"], odd["artist"]) == ('50 % "off" <&>\x01', "=Nina\nSimone")
    assert (steady["bpm"], steady["camelot"], waiting["bpm"]) == ("120.0", "8A", "")
    assert json.loads(steady["bpm_alternatives"]) == []


def test_json_lines_are_those_of_the_lists(music: Curated) -> None:
    lines = exported(music, "jsonl").read_text("ascii").splitlines()
    assert [json.loads(line) for line in lines] == music.objects("tracks")
    full = exported(music, "jsonl", "--full", "--title", "so what").read_text("ascii").splitlines()
    assert [json.loads(line) for line in full] == [music.shown("/music/House/a b.flac")]


def test_parquet_has_the_types_of_the_columns(music: Curated) -> None:
    music.call("tempo", "set", "/music/b#.flac", "--bpm", "150")
    table = pq.read_table(exported(music, "parquet", "--sort", "-bpm"))
    rows = table.to_pylist()
    assert [row["bpm"] for row in rows] == [150.0, 120.0, 120.0, None]
    assert [row["locked"] for row in rows] == ['["bpm"]', "[]", "[]", "[]"]
    types = {name: str(table.schema.field(name).type) for name in ("id", "bpm", "loose_pulse", "key", "year")}
    assert types == {"id": "int64", "bpm": "double", "loose_pulse": "bool", "key": "string", "year": "int64"}


def test_a_playlist_has_whole_or_relative_paths_and_leaves_out_what_utf_8_can_not_hold(
    music: Curated,
) -> None:
    said = music.call("export", "m3u8", "--to", "-", "--sort", "bpm")
    assert said.exit_code == 1
    assert "1 track left out: the format can't hold the name" in said.stderr
    assert said.stdout.splitlines() == [
        "#EXTM3U",
        "#EXTINF:10,So What",
        "/music/House/a b.flac",
        "#EXTINF:10,b#",
        "/music/b#.flac",
        "#EXTINF:-1,waiting",
        "/music/waiting.flac",
    ]
    folder = os.path.relpath("/music", music.data)
    lines = exported(music, "mixxx", "--relative", "--title", "so what").read_text("utf-8").splitlines()
    assert lines[2:] == [f"{folder}/House/a b.flac"]


def grid(track: Any) -> list[tuple[float, float, int]]:
    return [(each.Inizio, each.Bpm, each.Battito) for each in track.tempos]


def test_rekordbox_reads_tracks_keys_and_grids(music: Curated) -> None:
    music.call("key", "set", "/music/b#.flac", "C#m")
    path = exported(music, "rekordbox", "--assume-downbeat", "--map", "/music=C:\\Music")
    read = RekordboxXml(path)
    tracks = {each.Location: each for each in read.get_tracks()}
    assert read.num_tracks == len(tracks) == 4
    steady, changing = tracks["C:/Music/House/a b.flac"], tracks["C:/Music/b#.flac"]
    assert (steady.Name, steady.Kind, steady.TotalTime, steady.AverageBpm) == (
        "So What",
        "FLAC File",
        10,
        120.0,
    )
    assert (steady.Tonality, changing.Tonality) == ("Am", "Dbm")
    assert grid(steady) == [(0.25, 120.0, 1)]
    assert grid(changing) == [(0.0, 120.0, 1), (4.0, 150.0, 1)]
    text = path.read_text("utf-8")
    assert "file://localhost/C:/Music/Bj%F6rk%20%231%09%26.flac" in text
    assert 'Name="50 % &quot;off&quot; &lt;&amp;&gt;\ufffd" Artist="=Nina&#10;Simone"' in text


def test_without_a_known_downbeat_rekordbox_gets_no_grid(music: Curated) -> None:
    music.call("tempo", "set", "/music/b#.flac", "--bpm", "60", "--offset", "1.5")
    said = music.call("export", "rekordbox", "--to", str(music.data / "out"))
    assert said.exit_code == 0
    assert "1 track without a beat grid: it is not known which beat begins a bar" in said.stderr
    tracks = {each.Name: each for each in RekordboxXml(music.data / "out").get_tracks()}
    assert grid(tracks["So What"]) == []
    locked = RekordboxXml(music.data / "out").get_track(2)
    assert grid(locked) == [(1.5, 60.0, 1)]


def nml(path: Path) -> dict[str, ET.Element]:
    """The entries of a collection of Traktor, by the names of their files."""
    root = ET.fromstring(path.read_bytes())  # noqa: S314  written by the program under test
    collection = root.find("COLLECTION")
    assert collection is not None
    assert collection.get("ENTRIES") == str(len(collection))
    return {entry.find("LOCATION").get("FILE"): entry for entry in collection}  # type: ignore[union-attr,misc]  # it is there


def test_traktor_reads_places_keys_and_grids(music: Curated) -> None:
    entries = nml(exported(music, "traktor", "--map", "/music=/Users/dj/Music", status=1))
    assert set(entries) == {"a b.flac", "b#.flac", "waiting.flac"}
    steady = entries["a b.flac"]
    [place] = steady.iter("LOCATION")
    assert (place.get("VOLUME"), place.get("DIR")) == ("Macintosh HD", "/:Users/:dj/:Music/:House/:")
    [key], [tempo], [info] = (list(steady.iter(name)) for name in ("MUSICAL_KEY", "TEMPO", "INFO"))
    assert (key.get("VALUE"), tempo.get("BPM"), info.get("KEY")) == ("21", "120.000000", "1m")
    cues = [(cue.get("TYPE"), cue.get("START")) for cue in entries["b#.flac"].iter("CUE_V2")]
    assert cues == [("4", "0.000000"), ("4", "4000.000000")]
    older = nml(exported(music, "traktor", "--traktor-version", "3", status=1))
    assert len(list(older["b#.flac"].iter("CUE_V2"))) == 1
    assert list(older["waiting.flac"].iter("CUE_V2")) == []


def test_grids_of_mp3_files_are_at_the_times_of_each_program(music: Curated, tmp_path: Path) -> None:
    folder = tmp_path / "mp3"
    folder.mkdir()
    sound = {"sound": {"codec": "mp3", "bit_depth": None}, "file": {"container": "mp3"}}
    for name in ("lame", "xing"):
        (folder / f"{name}.mp3").write_bytes(mp3_files()[name])
        music.put(f"{name}.mp3".encode(), name, tempo=STEADY, beats=BEATS, tags={"title": name}, **sound)
    music.put(b"gone.mp3", "gone", tempo=STEADY, beats=BEATS, tags={"title": "gone"}, **sound)
    music.library.change("UPDATE roots SET path = :path", path=bytes(folder))
    chosen = ("--codec", "mp3")
    entries = nml(exported(music, "traktor", *chosen))
    starts = {name: [cue.get("START") for cue in each.iter("CUE_V2")] for name, each in entries.items()}
    assert starts == {"lame.mp3": ["275.056689"], "xing.mp3": ["276.122449"], "gone.mp3": []}
    said = music.call("export", "rekordbox", *chosen, "--assume-downbeat", "--to", str(music.data / "rb"))
    assert "1 track without a beat grid: the MP3 file can't be read" in said.stderr
    read = {each.Name: grid(each) for each in RekordboxXml(music.data / "rb").get_tracks()}
    assert read == {"lame": [(0.275, 120.0, 1)], "xing": [(0.25, 120.0, 1)], "gone": []}


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(music: Curated) -> None:
    path = music.data / "list.csv"
    path.write_text("mine")
    refused = music.call("export", "csv", "--to", str(path))
    assert "is there already; --overwrite replaces it" in str(refused.exception)
    assert path.read_text() == "mine"
    assert music.call("export", "csv", "--to", str(path), "--overwrite").exit_code == 0
    assert path.read_text().startswith("id,path")
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("form", ["csv", "parquet", "rekordbox"])
def test_a_stop_leaves_no_part_of_a_file(music: Curated, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = StopSwitch()

    def interrupted(_: Renaming, path: bytes) -> bytes:
        switch.request()
        return path

    monkeypatch.setattr("tonearm.cli.export.StopSwitch", lambda: switch)
    monkeypatch.setattr(Renaming, "__call__", interrupted)
    before = set(os.listdir(music.data))
    said = music.call("export", form, "--to", str(music.data / "list"))
    assert said.exit_code == 130
    assert set(os.listdir(music.data)) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("csv", "--full"), "--full is for jsonl"),
        (("csv", "--assume-downbeat"), "--assume-downbeat is for rekordbox"),
        (("csv", "--relative"), "--relative is for m3u8 and mixxx"),
        (("parquet",), "parquet needs a FILE"),
        (("csv", "--map", "music"), "'music' is not FROM=TO"),
        (("xls",), "'xls' is not one of"),
    ],
)
def test_what_a_format_does_not_have_is_refused(
    music: Curated, arguments: tuple[str, ...], said: str
) -> None:
    refused = music.call("export", *arguments, "--to", "-")
    assert refused.exit_code == 2
    assert said in refused.output


def test_paths_are_those_of_the_other_computer() -> None:
    renamed = Renaming(["/music=D:/", "/music/dj=/Volumes/USB/dj"])
    assert renamed(b"/music/a.mp3") == b"D:/a.mp3"
    assert renamed(b"/music/dj/a.mp3") == b"/Volumes/USB/dj/a.mp3"
    assert renamed(b"/musical/a.mp3") == b"/musical/a.mp3"
    assert file_url(b"D:/a b.mp3") == "file://localhost/D:/a%20b.mp3"
    assert file_url(b"/Users/a+b.mp3") == "file://localhost/Users/a%2Bb.mp3"
    assert traktor_place("D:/House/a.mp3").key == "D:/:House/:a.mp3"
    assert traktor_place("D:/a.mp3").key == "D:/:a.mp3"
    assert traktor_place("/Volumes/USB/dj/a.mp3").key == "USB/:dj/:a.mp3"
