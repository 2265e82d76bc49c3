"""Every file name is preserved exactly, and none can disturb the terminal."""

import itertools
import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tonearm.names import (
    PathMap,
    from_document,
    path_fields,
    paths_fields,
    printable,
    to_bytes,
    to_document,
    to_text,
)

ANY_BYTES = st.binary()
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()))
TRICKS = "\x1b\n\r\t\x00\x07\x7f\x9b\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029\ufeff\udc80\ud800"


@given(ANY_BYTES)
@example(b"\xff\xfe")
@example(b"\xed\xa0\x80")  # what a surrogate would be in UTF-8
@example("Bjo\u0308rk".encode())
def test_any_bytes_become_text_and_the_same_bytes_again(path: bytes) -> None:
    assert to_bytes(to_text(path)) == path


@given(ANY_BYTES)
@example(b"100%25")
@example(b"%")
def test_any_bytes_survive_a_json_column(path: bytes) -> None:
    assert from_document(to_document(path)) == path


@given(ANY_BYTES)
def test_a_path_in_a_document_is_plain_ascii_that_any_database_takes(path: bytes) -> None:
    assert to_document(path).isascii()
    assert to_document(path).isprintable()


@given(ANY_BYTES, ANY_BYTES)
def test_different_paths_are_different_documents(one: bytes, other: bytes) -> None:
    assert (to_document(one) == to_document(other)) == (one == other)


def test_an_ordinary_path_stays_readable_in_a_document() -> None:
    assert to_document(b"/music/A & B (live) [2001] #1, vol. 2") == "/music/A & B (live) [2001] #1, vol. 2"


@given(ANY_BYTES)
def test_the_exact_bytes_of_a_path_can_be_had_from_its_json_fields(path: bytes) -> None:
    import base64

    fields = json.loads(json.dumps(path_fields(path)))
    encoded = fields.get("path_b64")
    assert (base64.b64decode(encoded) if encoded else fields["path"].encode("utf-8")) == path


def test_only_a_path_that_is_not_utf8_has_its_bytes_beside_it() -> None:
    assert path_fields("Köln".encode()) == {"path": "Köln"}
    assert path_fields(b"K\xf6ln", "from_path") == {"from_path": "K\udcf6ln", "from_path_b64": "S/Zsbg=="}


def test_several_paths_have_the_bytes_of_all_of_them_beside_them_when_one_is_not_utf8() -> None:
    assert paths_fields([]) == {"paths": []}
    assert paths_fields(["Köln".encode(), b"K"]) == {"paths": ["Köln", "K"]}
    mixed = {"unmounted": ["K\udcf6ln", "K"], "unmounted_b64": ["S/Zsbg==", "Sw=="]}
    assert paths_fields([b"K\xf6ln", b"K"], "unmounted") == mixed


PAIRS = ("/music=/mnt/music", "/music/live=/tapes", "/m=/mnt/music/old")


@pytest.mark.parametrize(
    ("known", "here"),
    [
        (b"/music", b"/mnt/music"),
        (b"/music/a.flac", b"/mnt/music/a.flac"),
        (b"/music/K\xf6ln/\xff.mp3", b"/mnt/music/K\xf6ln/\xff.mp3"),
        (b"/music/live", b"/tapes"),
        (b"/music/live/1.flac", b"/tapes/1.flac"),
        (b"/music/lively/1.flac", b"/mnt/music/lively/1.flac"),
        (b"/m/1.flac", b"/mnt/music/old/1.flac"),
        (b"/musical/1.flac", b"/musical/1.flac"),
        (b"/other/music/1.flac", b"/other/music/1.flac"),
        (b"/", b"/"),
    ],
    ids=str,
)
def test_what_the_library_knows_by_a_name_lies_where_this_host_has_mounted_it(
    known: bytes, here: bytes
) -> None:
    for pairs in itertools.permutations(PAIRS):
        paths = PathMap(pairs)
        assert paths.here(known) == here
        assert paths.known(here) == known


def test_without_a_map_every_host_has_a_path_at_the_same_place() -> None:
    paths = PathMap(())
    assert paths.here(b"/music/\xff") == paths.known(b"/music/\xff") == b"/music/\xff"


@pytest.mark.parametrize("pair", ["/music/=/mnt/music/", "/music//=/mnt/music"])
def test_a_slash_at_the_end_of_a_mapped_folder_means_nothing(pair: str) -> None:
    paths = PathMap([pair])
    assert (paths.here(b"/music"), paths.here(b"/music/a")) == (b"/mnt/music", b"/mnt/music/a")
    assert (paths.known(b"/mnt/music"), paths.known(b"/mnt/music/a")) == (b"/music", b"/music/a")


def test_a_whole_file_system_can_be_mapped() -> None:
    below = PathMap(["/=/host"])
    assert [below.here(path) for path in (b"/", b"/a", b"/a/b")] == [b"/host", b"/host/a", b"/host/a/b"]
    assert [below.known(path) for path in (b"/host", b"/host/a", b"/else")] == [b"/", b"/a", b"/else"]
    above = PathMap(["/host=/"])
    assert [above.here(path) for path in (b"/host", b"/host/a")] == [b"/", b"/a"]
    assert [above.known(path) for path in (b"/", b"/a")] == [b"/host", b"/host/a"]


def test_a_mapped_folder_may_have_any_name() -> None:
    paths = PathMap(["/K\udcf6ln=/mnt/a=b"])
    assert paths.here(b"/K\xf6ln/1.flac") == b"/mnt/a=b/1.flac"
    assert paths.known(b"/mnt/a=b/1.flac") == b"/K\xf6ln/1.flac"


@pytest.mark.parametrize("pair", ["", "/music", "music=/mnt", "/music=mnt", "=/mnt", "/music=", "="])
def test_a_map_that_is_none_is_refused(pair: str) -> None:
    with pytest.raises(ValueError, match="is not FROM=TO with two absolute paths"):
        PathMap(["/good=/pair", pair])


FOLDERS = st.lists(st.sampled_from([b"a", b"ab", b"b", b"\xff", b"c d"]), min_size=1, max_size=3)


@given(folder=FOLDERS, mounted=FOLDERS, inside=st.lists(st.sampled_from([b"a", b"x", b"\xff"]), max_size=3))
def test_a_mapped_path_comes_back_the_same(
    folder: list[bytes], mounted: list[bytes], inside: list[bytes]
) -> None:
    known = b"/library/" + b"/".join(folder)
    here = b"/mnt/" + b"/".join(mounted)
    paths = PathMap([to_text(known) + "=" + to_text(here)])
    path = b"/".join([known, *inside])
    assert paths.here(path) == b"/".join([here, *inside])
    assert paths.known(paths.here(path)) == path


@given(ANY_TEXT)
@example(TRICKS)
def test_nothing_printable_lets_through_can_move_a_cursor_or_turn_a_line(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    shown.encode("utf-8")  # and a terminal can take it


@given(ANY_BYTES)
def test_any_bytes_can_be_shown_on_a_terminal(path: bytes) -> None:
    shown = printable(path)
    assert "\n" not in shown
    shown.encode("utf-8")


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"])))
@example("Sigur Rós – Ágætis byrjun / Björk, 椎名林檎, Мумий Тролль, أم كلثوم, 🎵 ½ ♯")
@example("C:\\back\\slash")
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert printable(text) == text
    assert printable(text.encode()) == text


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        (b"\x1b[2J", "\\x1b[2J"),
        (b"two\nlines", "two\\nlines"),
        (b"\xff.mp3", "\\xff.mp3"),
        ("\u202egpj.exe".encode(), "\\u202egpj.exe"),
        ("\U000e0041".encode(), "\\U000e0041"),
    ],
)
def test_what_is_hidden_is_shown_by_its_code(hidden: bytes, shown: str) -> None:
    assert printable(hidden) == shown
