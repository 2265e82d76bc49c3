"""Vorbis comments, APE, MP4, QuickTime, ASF and RIFF tags are read, whatever of them is wrong."""

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import material
from tests.tag_bytes import ape, box, comments, flac_with, listed, mp4_with
from tonearm.analysis.tags import read_tags
from tonearm.library.file_contents import Tags


def tags_of(data: bytes, encoding: str = "auto") -> Tags:
    return read_tags(io.BytesIO(data), encoding)


def in_flac(*entries: bytes, count: int | None = None) -> bytes:
    return flac_with(material.good("flac"), (4, comments(entries, count)))


def ogg_page(packet: bytes, number: int, serial: bytes) -> bytes:
    """A page that holds one packet, without a checksum."""
    segments = bytes([255] * (len(packet) // 255)) + bytes([len(packet) % 255])
    head = struct.pack("<4sBBq4sII", b"OggS", 0, 0, 0, serial, number, 0)
    return head + bytes([len(segments)]) + segments + packet


@pytest.mark.parametrize("count", [0, 1, 2, 3, 900, 2**32 - 1])
def test_comments_are_read_whatever_number_is_declared(count: int) -> None:
    tags = tags_of(in_flac(b"TITLE=Song", b"artist=Band", count=count))
    assert (tags.title, tags.artist) == ("Song", "Band")
    assert (tags.warning is None) == (count <= 2)


def test_a_comment_that_is_too_long_costs_itself_alone() -> None:
    block = comments([b"TITLE=Song", b"ARTIST=Band"], 3) + struct.pack("<I", 5000) + b"ALBUM=Al"
    tags = tags_of(flac_with(material.good("flac"), (4, block)))
    assert (tags.title, tags.artist, tags.album) == ("Song", "Band", None)
    assert tags.warning == "Vorbis comment: 3 comments are declared, 2 are there"


@pytest.mark.parametrize(
    ("words", "encoding"),
    [
        ("Café del Mar", "cp1252"),
        ("Motörhead", "cp1252"),
        ("Группа крови", "cp1251"),
        ("Группа крови на рукаве", "koi8_r"),
        ("桜の花びらたち", "shift_jis"),
        ("夜に駆ける さくら", "euc_jp"),
        ("月亮代表我的心", "gb18030"),
        ("강남스타일 사랑", "euc_kr"),
        ("Τα παιδιά του Πειραιά", "cp1253"),
    ],
)
def test_encodings_of_former_times_are_recognised_or_named(words: str, encoding: str) -> None:
    file = in_flac(b"TITLE=" + words.encode(encoding), b"ALBUM=" + words[::-1].encode(encoding))
    assert tags_of(file).title == words
    assert tags_of(file, encoding).title == words
    assert tags_of(file).exact["TITLE"][0] is not None


@pytest.mark.parametrize(
    ("entries", "year", "original"),
    [
        ([b"DATE=2010", b"ORIGINALYEAR=1971"], 2010, 1971),
        ([b"ORIGINALDATE=1971-05-01"], 1971, 1971),
        ([b"RELEASEDATE=1999"], 1999, None),
        ([b"YEAR=unknown", b"ORIGINALYEAR=1971"], 1971, 1971),
        ([b"DATE=Oct 3, 1995"], 1995, None),
    ],
)
def test_the_original_year_is_kept_apart(entries: list[bytes], year: int, original: int | None) -> None:
    tags = tags_of(in_flac(*entries))
    assert (tags.year, tags.original_year) == (year, original)


@pytest.mark.parametrize(
    ("written", "track", "total"),
    [
        ("02test/05", 2, 5),
        ("2 of 5", 2, 5),
        ("2/ 5", 2, 5),
        ("2/", 2, None),
        ("2 (of many)/5", 2, 5),
        ("A2", None, None),
    ],
)
def test_numbers_of_tracks_are_found_in_what_people_write(
    written: str, track: int | None, total: int | None
) -> None:
    tags = tags_of(in_flac(b"TRACKNUMBER=" + written.encode()))
    assert (tags.track, tags.track_total, tags.everything["TRACKNUMBER"]) == (track, total, [written])


def test_blanks_and_marks_around_a_text_are_kept_in_the_tag_and_not_in_the_field() -> None:
    tags = tags_of(in_flac(b"TITLE=  Song \n", b"ARTIST=\xef\xbb\xbfBand"))
    assert (tags.title, tags.artist) == ("Song", "Band")
    assert tags.everything["TITLE"] == ["  Song \n"]


def test_ape_tags_of_both_versions_are_read() -> None:
    file = material.good("mp3")
    tags = tags_of(file + ape([("Title", b"Song"), ("Artist", b"One\0Two"), ("Track", b"7/9")]))
    assert (tags.title, tags.artist, tags.track, tags.track_total) == ("Song", "One; Two", 7, 9)
    assert tags_of(file + ape([("Title", b"Caf\xe9")], version=1000)).title == "Café"


def test_an_ape_item_that_is_too_long_costs_itself_alone() -> None:
    whole = ape([("Artist", b"Band"), ("Title", b"Song")])
    cut = whole.replace(struct.pack("<II", 4, 0) + b"Title", struct.pack("<II", 4000, 0) + b"Title")
    tags = tags_of(material.good("mp3") + cut)
    assert (tags.artist, tags.title) == ("Band", "Song")
    assert tags.warning == "APEv2: the item 'Title' claims 4000 bytes, more than there are"


def itunes(*items: bytes, version: bytes = bytes(4)) -> bytes:
    handler = box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    return box(b"udta", box(b"meta", version, handler, box(b"ilst", *items)))


@pytest.mark.parametrize("version", [bytes(4), b""])
def test_itunes_list_is_read_with_and_without_a_version(version: bytes) -> None:
    items = (
        listed(b"\xa9nam", b"Song"),
        listed(b"trkn", bytes((0, 0, 0, 3, 0, 9, 0, 0)), 0),
        listed(b"gnre", bytes((0, 18)), 0),
        listed(b"tmpo", bytes((0, 120)), 21),
        listed(b"covr", b"\x89PNG" + bytes(96), 14),
        box(
            b"----",
            box(b"mean", bytes(4), b"com.apple.iTunes"),
            box(b"name", bytes(4), b"ORIGINALYEAR"),
            box(b"data", struct.pack(">II", 1, 0), b"1971"),
        ),
    )
    tags = tags_of(mp4_with(material.index_last(), itunes(*items, version=version)))
    assert (tags.title, tags.track, tags.track_total, tags.genre) == ("Song", 3, 9, "Rock")
    assert (tags.art_count, tags.art_bytes, tags.art_mime) == (1, 100, "image/png")
    assert (tags.original_year, tags.everything["tmpo"]) == (1971, ["120"])


def test_named_items_and_user_data_of_quicktime_are_read() -> None:
    keys = [b"com.apple.quicktime.title", b"com.apple.quicktime.artist"]
    named = box(
        b"meta",
        box(b"hdlr", bytes(8), b"mdta", bytes(13)),
        box(b"keys", struct.pack(">II", 0, 2), *[box(b"mdta", key) for key in keys]),
        box(b"ilst", listed(b"\0\0\0\x01", b"Song"), listed(b"\0\0\0\x02", b"Band")),
    )
    tags = tags_of(mp4_with(material.index_last(), named))
    assert (tags.title, tags.artist) == ("Song", "Band")
    old = box(
        b"udta",
        box(b"\xa9nam", struct.pack(">HH", 4, 0), b"Song"),
        box(b"\xa9alb", struct.pack(">HH", 5, 0x55C4), b"Caf\xc3\xa9"),
    )
    tags = tags_of(mp4_with(material.index_last(), old))
    assert (tags.title, tags.album) == ("Song", "Café")


ANY_FILE: dict[str, Callable[[bytes], bytes]] = {
    "comments": lambda data: flac_with(material.good("flac"), (4, data)),
    "picture": lambda data: flac_with(material.good("flac"), (6, data)),
    "ape": lambda data: (
        material.good("mp3") + ape([("Title", data)]).replace(b"Title", data[:5].ljust(5, b"\0"))
    ),
    "udta": lambda data: mp4_with(material.index_last(), box(b"udta", data)),
    "ilst": lambda data: mp4_with(material.index_last(), itunes(data)),
    "info": lambda data: material.good("wav") + b"LIST" + struct.pack("<I", len(data) + 4) + b"INFO" + data,
    "ogg": lambda data: (
        material.good("vorbis")[:58] + ogg_page(b"\x03vorbis" + data, 1, material.good("vorbis")[14:18])
    ),
}


@pytest.mark.parametrize("form", list(ANY_FILE))
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(form: str, data: bytes) -> None:
    tags = tags_of(ANY_FILE[form](data))
    assert tags.warning is None or tags.warning
    for key, values in tags.everything.items():
        assert key.isprintable() or not key
        assert all("\0" not in value and value.encode() for value in values)
