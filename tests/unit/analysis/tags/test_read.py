"""Tags are read from every format; malicious tags cost little memory and do not prevent the analysis."""

import io
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tests import material
from tests.tagging import PICTURE, WRITERS, apev2, retagged
from tonearm.analysis.tags import read as tags_module
from tonearm.analysis.tags import read_tags
from tonearm.library.file_contents import Tags


def tags_of(data: bytes) -> Tags:
    return read_tags(io.BytesIO(data))


@pytest.mark.parametrize("name", list(material.FORMATS))
def test_the_same_tags_come_out_of_every_format(name: str) -> None:
    tags = tags_of(retagged(name, WRITERS[name]))
    assert tags.warning is None
    assert (tags.title, tags.artist) == ("Größe ☃", "First; Second")
    assert (tags.album, tags.album_artist, tags.genre) == ("Album", "Album artist", "Rock")
    assert (tags.track, tags.track_total, tags.disc, tags.disc_total) == (3, 12, 1, 2)
    assert tags.year == 1999
    assert (tags.art_count, tags.art_bytes, tags.art_mime) == (1, len(PICTURE), "image/png")
    assert any(f"<picture image/png {len(PICTURE)} bytes>" in values for values in tags.everything.values())


@pytest.mark.parametrize("name", list(material.FORMATS))
def test_a_file_without_tags_has_none_and_no_warning(name: str) -> None:
    tags = tags_of(material.good(name))
    assert tags.title is None
    assert tags.art_count == 0
    assert tags.warning is None


def test_texts_that_wav_and_aiff_keep_by_themselves_are_read() -> None:
    info = b"INFOINAM\x06\0\0\0Title\0IART\x04\0\0\0J\xf6rg"
    wav = material.good("wav") + b"LIST" + len(info).to_bytes(4, "little") + info
    assert (tags_of(wav).title, tags_of(wav).artist) == ("Title", "Jörg")
    aiff = material.good("aiff") + b"NAME\0\0\0\x05Title\0AUTH\0\0\0\x04Jane"
    assert (tags_of(aiff).title, tags_of(aiff).artist) == ("Title", "Jane")


def test_old_tags_at_the_end_of_an_mp3_are_read() -> None:
    old = b"TAG" + b"Old title".ljust(30, b"\0") + b"Old artist".ljust(30, b"\0") + bytes(65)
    assert tags_of(material.good("mp3") + old).title == "Old title"
    file = io.BytesIO(material.good("mp3"))
    ape = apev2.APEv2()
    ape["Title"], ape["Track"] = "APE title", "7/9"
    ape.save(file)
    tags = tags_of(file.getvalue())
    assert (tags.title, tags.track, tags.track_total) == ("APE title", 7, 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", 7),
        ("07/10", 7),
        (" 7 of 10", 7),
        ("A1", None),
        ("0", None),
        ("", None),
        ("9" * 40, None),
        ("-3", None),
    ],
)
def test_track_numbers_are_numbers_or_nothing(text: str, expected: int | None) -> None:
    assert tags_of(retagged("flac", lambda opened: opened.update(tracknumber=text))).track == expected


@pytest.mark.parametrize(
    ("pair", "number", "total"),
    [((3, 12), 3, 12), ((3, 0), 3, None), ((0, 12), None, 12), ((0, 0), None, None)],
)
def test_in_mp4_a_missing_number_leaves_the_total_a_total(
    pair: tuple[int, int], number: int | None, total: int | None
) -> None:
    tags = tags_of(retagged("aac", lambda opened: opened.update(trkn=[pair], disk=[pair])))
    assert (tags.track, tags.track_total) == (number, total)
    assert (tags.disc, tags.disc_total) == (number, total)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1999", 1999),
        ("31.12.1999", 1999),
        ("1999-12-31", 1999),
        ("19991231", 1999),
        ("'99", None),
        ("123456", None),
        ("19991331", None),
        ("0000", None),
    ],
)
def test_years_are_years_or_nothing(text: str, expected: int | None) -> None:
    assert tags_of(retagged("flac", lambda opened: opened.update(date=text))).year == expected


def test_text_can_be_stored_in_any_database() -> None:
    title = b"\x01\xff\xfe" + "a\0b".encode("utf-16-le") + b"\x00\xd8" + "c".encode("utf-16-le")
    tag = material.id3(
        material.id3_frame(b"TIT2", title)
        + material.id3_frame(b"TPE1", b"\x03caf\xe9\xff")
        + material.id3_frame(b"TALB", b"\x00Al\x00bum")
    )
    tags = tags_of(tag + material.good("mp3"))
    text = json.dumps(tags.everything, ensure_ascii=False)
    assert "\0" not in text
    assert text.encode("utf-8")


def test_endless_tags_are_cut() -> None:
    def change(opened: Any) -> None:
        opened["comment"] = "x" * 100_000
        for number in range(2000):
            opened[f"key{number}"] = "value"

    everything = tags_of(retagged("flac", change)).everything
    assert sum(len(values) for values in everything.values()) <= 500
    assert all(len(value) <= 4010 for values in everything.values() for value in values)


@pytest.mark.parametrize("name", list(material.FORMATS))
def test_damaged_tags_are_told_not_raised(name: str) -> None:
    tagged = retagged(name, WRITERS[name])
    for seed in range(30):
        tags = tags_of(material.bits_flipped(tagged[:4000], 30, seed, start=24) + tagged[4000:])
        assert tags.warning is None or tags.warning


MEMORY = """
import io, json, resource, sys
from tests import material
from tonearm.analysis.tags import read_tags

file = io.BytesIO(material.id3_bomb() + material.good("mp3"))
with open("/proc/self/statm") as now:
    before = int(now.read().split()[1])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
limits = resource.getrlimit(resource.RLIMIT_DATA)
tags = read_tags(file)
with open("/proc/self/statm") as now:
    after = int(now.read().split()[1])
print(json.dumps({
    "warning": tags.warning,
    "pictures": tags.art_count,
    "peak_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024,
    "kept_mb": (after - before) * resource.getpagesize() / 1048576,
    "limits_as_before": resource.getrlimit(resource.RLIMIT_DATA) == limits,
}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
def test_a_bomb_in_a_picture_stays_small() -> None:
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["warning"] is None
    assert answer["pictures"] == 1
    assert answer["peak_mb"] < 60
    assert answer["kept_mb"] < 30
    assert answer["limits_as_before"]


def test_tags_that_never_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(*_: object) -> None:
        while True:
            time.sleep(0.001)

    monkeypatch.setattr(tags_module, "_tags", stuck)
    monkeypatch.setattr(tags_module, "SECONDS", 0.2)
    began = time.monotonic()
    tags = tags_of(material.good("flac"))
    assert time.monotonic() - began < 60  # or it would never end
    assert tags.warning
