"""Texts in tags are changed in every format, and nothing else of the file."""

import hashlib
import io
import random
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import mutagen
import pytest

from tests.cases import mp4
from tests.material import good
from tests.tag_bytes import frame, id3v2, text
from tests.tagging import WRITERS, retagged
from tonearm.analysis.decode import open_audio
from tonearm.analysis.identity import audio_hash
from tonearm.naming.splices import inverse, packed, spliced, unpacked
from tonearm.tagging.fields import Family
from tonearm.tagging.form import Unwritable
from tonearm.tagging.forms import form_of
from tonearm.tagging.id3 import Id3Tag

FORMATS = ("flac", "mp3", "vorbis", "opus", "aac", "alac", "wav", "aiff", "wma")
NAMES: Mapping[Family, Sequence[str]] = {
    Family.VORBIS: ("BPM", "INITIALKEY", "REPLAYGAIN_TRACK_GAIN"),
    Family.OPUS: ("BPM", "INITIALKEY", "R128_TRACK_GAIN"),
    Family.ID3: ("TBPM", "TKEY", "TXXX:REPLAYGAIN_TRACK_GAIN"),
    Family.MP4: ("tmpo", "----:com.apple.iTunes:initialkey", "----:com.apple.iTunes:replaygain_track_gain"),
    Family.ASF: ("WM/BeatsPerMinute", "WM/InitialKey", "replaygain_track_gain"),
}


def changed(data: bytes, changes: Mapping[str, Sequence[str]]) -> bytes:
    """A file with other texts; that the inverse gives the old file again is checked."""
    splices = form_of(io.BytesIO(data), len(data))[1].splices(changes)
    new = b"".join(spliced(io.BytesIO(data).read, splices))
    back = unpacked(packed(inverse(splices)))
    assert b"".join(spliced(io.BytesIO(new).read, back)) == data
    return new


def texts(data: bytes, names: Sequence[str]) -> dict[str, list[str]]:
    """The texts of some names."""
    found = form_of(io.BytesIO(data), len(data))[1].texts(names)
    return {name: list(each) for name, each in found.items()}


def samples(data: bytes) -> bytes:
    """A digest of what is decoded."""
    digest = hashlib.sha256()
    with open_audio(io.BytesIO(data)) as source:
        for block in source.samples():
            digest.update(block.tobytes())
    return digest.digest()


def others(data: bytes, changed_names: Sequence[str]) -> dict[str, str]:
    """Every tag that mutagen reads but those, as text."""
    opened: Any = mutagen.File(io.BytesIO(data))
    tags = dict(opened.tags or {})
    ours = {name.upper() for name in changed_names}
    return {str(key): repr(value) for key, value in tags.items() if str(key).upper() not in ours}


@pytest.mark.parametrize("name", FORMATS)
def test_texts_are_written_replaced_and_removed(name: str) -> None:
    data = retagged(name, WRITERS[name])
    family, _ = form_of(io.BytesIO(data), len(data))
    names = NAMES[family]
    wanted = {
        names[0]: ["128"],
        names[1]: ["C#m"],
        names[2]: ["-1234" if family is Family.OPUS else "-7.89 dB"],
    }
    before = others(data, names)

    new = changed(data, wanted)
    assert texts(new, names) == wanted
    assert others(new, names) == before
    assert audio_hash(io.BytesIO(new)) == audio_hash(io.BytesIO(data))
    assert samples(new) == samples(data)

    other = changed(new, wanted | {names[0]: ["87"]})
    assert texts(other, names) == wanted | {names[0]: ["87"]}
    gone = changed(other, {each: [] for each in names})
    assert texts(gone, names) == {each: [] for each in names}
    assert samples(gone) == samples(data)


@pytest.mark.parametrize("name", ["flac", "mp3", "vorbis", "opus", "aac", "wma", "aiff"])
def test_other_programs_read_what_is_written(name: str) -> None:
    data = good(name)
    family, _ = form_of(io.BytesIO(data), len(data))
    names = NAMES[family]
    new = changed(data, {names[0]: ["128"], names[1]: ["Am"]})
    tags: Any = mutagen.File(io.BytesIO(new)).tags
    found = {key: tags[key] for key in (names[0], names[1])}
    if family is Family.ID3:
        assert [str(each) for each in found.values()] == ["128", "Am"]
    elif family is Family.MP4:
        assert list(found.values()) == [[128], [b"Am"]]
    else:
        assert [str(each[0]) for each in found.values()] == ["128", "Am"]


@pytest.mark.parametrize("name", ["vorbis", "opus"])
def test_pages_are_numbered_anew_where_the_comments_need_more_of_them(name: str) -> None:
    data = good(name)
    new = changed(data, {"GROUPING": ["x" * 100_000]})
    assert samples(new) == samples(data)
    assert mutagen.File(io.BytesIO(new)).tags["GROUPING"] == ["x" * 100_000]
    assert changed(new, {"GROUPING": []}) == changed(data, {"GROUPING": []})


@pytest.mark.parametrize("version", [3, 4])
def test_frames_keep_their_order_version_encoding_and_padding(version: int) -> None:
    frames = [
        frame("TIT2", text("Señal", 1), version=version),
        frame("TBPM", text("120", 1), version=version),
        frame("TYER", text("1998", 0), version=version),
        frame("PRIV", b"owner\0" + bytes(range(256)), version=version),
    ]
    data = id3v2(*frames, version=version, padding=50) + good("mp3")
    new = changed(data, {"TBPM": ["128"], "TKEY": ["Am"]})
    size = 10 + len(b"".join(frames)) + 50
    key = frame("TKEY", text("Am", 0), version=version)
    whole = [frames[0], frame("TBPM", text("128", 1), version=version), *frames[2:], key]
    assert new == id3v2(*whole, version=version, padding=50) + data[size:]
    assert mutagen.File(io.BytesIO(new)).tags.version == (2, version, 0)


def test_a_tag_that_is_unsynchronised_stays_so() -> None:
    body = b"PRIV" + struct.pack(">I", 12) + b"\0\0" + b"o\0" + b"\xff\xe0\xff\0" * 2 + b"\xff\xfb"
    raw = body.replace(b"\xff", b"\xff\0")
    size = bytes(len(raw) >> shift & 0x7F for shift in (21, 14, 7, 0))
    data = b"ID3\x03\0\x80" + size + raw
    tag = Id3Tag(data)
    new = tag.changed({"TBPM": ["99"]})
    assert raw in new
    assert Id3Tag(new).texts(["TBPM"]) == {"TBPM": ["99"]}
    assert Id3Tag(new).changed({"TBPM": []})[10:] == raw


def test_large_wave_files_are_refused() -> None:
    data = good("wav")
    for name in (b"RF64", b"BW64"):
        with pytest.raises(Unwritable) as refused:
            form_of(io.BytesIO(name + data[4:]), len(data))
        assert refused.value.code == "large-wave"


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_refused_or_changed_so_that_they_can_be_changed_back(name: str) -> None:
    data, chance = good(name), random.Random(7)
    for _ in range(60):
        bent = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            bent[chance.randrange(min(len(bent), 600))] = chance.randrange(256)
        try:
            family, _ = form_of(io.BytesIO(bytes(bent)), len(bent))
            changed(bytes(bent), {NAMES[family][0]: ["128"]})
        except Unwritable:
            continue


def test_an_index_behind_the_audio_and_before_it_keep_their_places() -> None:
    for data in (good("aac"), retagged("aac", lambda opened: opened.__setitem__("\xa9nam", ["x" * 3000]))):
        new = changed(data, {"----:com.apple.iTunes:BPM": ["127.96"]})
        assert samples(new) == samples(data)


def test_items_of_quicktime_that_have_numbers_for_names_are_not_mixed_with_others() -> None:
    data = next(case for case in mp4.CASES if case.name == "mdta-in-udta.m4a").make()
    with pytest.raises(Unwritable, match="tag-form"):
        form_of(io.BytesIO(data), len(data))
