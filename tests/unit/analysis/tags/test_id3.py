"""ID3 tags are read frame by frame, whatever of them is wrong."""

import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import material
from tests.tag_bytes import ape, frame, id3v1, id3v2, syncsafe, text
from tonearm.analysis.tags import read_tags
from tonearm.library.file_contents import Tags

TITLE, ARTIST = frame("TIT2", text("Song")), frame("TPE1", text("Band"))


def tags_of(*before: bytes, after: bytes = b"") -> Tags:
    return read_tags(io.BytesIO(b"".join(before) + material.good("mp3") + after))


@pytest.mark.parametrize("encoding", range(4))
def test_text_in_every_encoding_is_read(encoding: int) -> None:
    said = "Größe" if encoding == 0 else "Größe ☃ 𝄞"
    assert tags_of(id3v2(frame("TIT2", text(said, encoding)))).title == said


def test_several_values_of_a_frame_are_kept_apart_in_every_encoding() -> None:
    for separator, encoding in ((b"\0", 3), (b"\0\0", 1)):
        data = bytes([encoding]) + text("One", encoding)[1:] + separator + text("Two", encoding)[1:]
        tags = tags_of(id3v2(frame("TPE1", data)))
        assert (tags.artist, tags.everything["TPE1"]) == ("One; Two", ["One", "Two"])


def test_utf16_with_letters_whose_bytes_look_like_an_end_is_read_to_its_end() -> None:
    words = "aĀĀb"  # 61 00 00 01 00 01 62 00: two zero bytes side by side, and no end
    assert tags_of(id3v2(frame("TIT2", b"\x01\xff\xfe" + words.encode("utf-16-le")))).title == words


def test_names_of_version_2_2_are_those_of_later_versions() -> None:
    tag = id3v2(
        frame("TT2", text("Song", 0), 2),
        frame("TRK", text("3/9", 0), 2),
        frame("PIC", b"\0PNG\x03front\0" + bytes(100), 2),
        version=2,
    )
    tags = tags_of(tag)
    assert (tags.title, tags.track, tags.track_total) == ("Song", 3, 9)
    assert (tags.art_count, tags.art_bytes, tags.art_mime) == (1, 100, "image/png")


def test_frames_of_one_version_in_a_tag_of_another_are_read() -> None:
    tags = tags_of(id3v2(frame("TYER", text("2004")), frame("TORY", text("1971")), TITLE))
    assert (tags.year, tags.original_year, tags.title) == (2004, 1971, "Song")


def test_sizes_of_version_2_4_that_are_plain_numbers_are_understood() -> None:
    long = text("x" * 300)
    tags = tags_of(id3v2(frame("COMM", b"\x03eng\0" + long, size=(len(long) + 5).to_bytes(4, "big")), TITLE))
    assert tags.title == "Song"
    assert len(tags.everything["COMM::eng"][0]) == 301


def test_a_frame_that_is_none_costs_itself_alone() -> None:
    tags = tags_of(id3v2(TITLE, b"\xffx!?" + bytes(20), ARTIST))
    assert (tags.title, tags.artist) == ("Song", "Band")
    assert tags.warning == "ID3v2: a part of it is no frame"


def test_a_frame_that_is_too_long_keeps_what_is_there() -> None:
    tags = tags_of(id3v2(TITLE, frame("TPE1", text("Band"), size=syncsafe(4000))))
    assert (tags.title, tags.artist) == ("Song", "Band")
    assert tags.warning == "ID3v2: frame TPE1 claims 4000 bytes, more than there are"


def test_compressed_frames_are_read_and_damaged_ones_told() -> None:
    packed = zlib.compress(text("Song"))
    whole = frame("TIT2", syncsafe(5) + packed, flags=b"\0\x09")
    cut = frame("TALB", syncsafe(5) + b"x" + packed, flags=b"\0\x09")
    old = frame("TPE1", (5).to_bytes(4, "big") + zlib.compress(text("Band")), 3, flags=b"\0\x80")
    assert tags_of(id3v2(whole)).title == "Song"
    assert tags_of(id3v2(old, version=3)).artist == "Band"
    tags = tags_of(id3v2(cut, TITLE))
    assert (tags.album, tags.title) == (None, "Song")
    assert tags.warning == "ID3v2: frame TALB is compressed, and damaged"


def test_an_encrypted_frame_is_told() -> None:
    tags = tags_of(id3v2(frame("TIT2", b"\x01secret", flags=b"\0\x04"), ARTIST))
    assert (tags.artist, tags.warning) == ("Band", "ID3v2: frame TIT2 is encrypted")


def test_unsynchronised_tags_are_read() -> None:
    data = b"\x01\xff\xfe" + "ÿa".encode("utf-16-le")
    guarded = data.replace(b"\xff", b"\xff\0")
    assert tags_of(
        id3v2(frame("TIT2", guarded, 3, size=len(data).to_bytes(4, "big")), version=3, flags=0x80)
    ).title
    whole = frame("TIT2", data, 3).replace(b"\xff", b"\xff\0")
    assert tags_of(id3v2(whole, version=3, flags=0x80)).title == "ÿa"
    assert tags_of(id3v2(frame("TIT2", guarded, flags=b"\0\x02"))).title == "ÿa"


def test_chapters_before_the_title_hide_nothing() -> None:
    chapter = b"ch\0" + bytes(16) + frame("TIT2", b"\x03Cha\xe9")
    tags = tags_of(id3v2(*[frame("CHAP", chapter)] * 600, TITLE))
    assert tags.title == "Song"
    assert tags.everything["TIT2"] == ["Song"]
    assert (
        tags.warning == "there are more than 500 tags; 101 were left out"
    )  # and the encoder that the file names itself


def test_extended_headers_are_skipped() -> None:
    assert tags_of(id3v2(syncsafe(6) + b"\x01\0", TITLE, flags=0x40)).title == "Song"
    old = (6).to_bytes(4, "big") + bytes(6)
    assert tags_of(id3v2(old, frame("TIT2", text("Song"), 3), version=3, flags=0x40)).title == "Song"


def test_what_id3v1_cuts_is_taken_whole_from_elsewhere() -> None:
    whole = "A title that is longer than thirty characters"
    cut = frame("TIT2", text(whole[:30]))
    tags = tags_of(id3v2(cut), after=ape([("Title", whole.encode())]) + id3v1(whole[:30].encode()))
    assert tags.title == whole


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("(17)", "Rock"),
        ("17", "Rock"),
        ("(4)Eurodisco", "Disco; Eurodisco"),
        ("(RX)(9)", "Remix; Metal"),
        ("((Live)", "(Live)"),
        ("999", None),
        ("Rock", "Rock"),
    ],
)
def test_genres_are_named_and_kept_as_written(written: str, expected: str | None) -> None:
    tags = tags_of(id3v2(frame("TCON", text(written))))
    assert (tags.genre, tags.everything["TCON"]) == (expected, [written])


def test_text_that_no_database_holds_has_its_bytes_beside_it() -> None:
    tags = tags_of(id3v2(frame("TIT2", b"\x01\xff\xfeA\0\0\xd8"), frame("TXXX", b"\x00key\0a\xe9")))
    assert tags.title == "A\N{REPLACEMENT CHARACTER}"
    assert tags.exact == {"TIT2": ["//5BAADY"], "TXXX:key": ["Yek="]}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([2, 3, 4]), st.sampled_from([0, 0x40, 0x80, 0xC0]))
def test_any_bytes_in_a_tag_are_read_without_an_error(body: bytes, version: int, flags: int) -> None:
    tags = tags_of(id3v2(body, version=version, flags=flags))
    for values in tags.everything.values():
        assert all(value == value.replace("\0", " ") and value.encode() for value in values)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["TIT2", "TXXX", "COMM", "APIC", "CHAP", "UFID", "WXXX", "TIPL"]), st.binary(max_size=120)
)
def test_any_contents_of_a_frame_leave_the_next_one_alone(name: str, data: bytes) -> None:
    assert tags_of(id3v2(frame(name, data), frame("TALB", text("Album")))).album == "Album"
