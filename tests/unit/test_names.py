"""A person relies on: every file name survives exactly, and none of them plays tricks on the screen."""

import json
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tonearm.names import from_document, path_fields, printable, to_bytes, to_document, to_text

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
