"""A file is partial if and only if declared audio is missing."""

from dataclasses import replace

import pytest

from tonearm.library.completeness import file_warnings, is_complete
from tonearm.library.file_contents import DecodeFacts, FileFacts

FILE = FileFacts("ogg", None, 10.0, declared_exact=True)
DECODED = DecodeFacts(10.0, intact=True)


@pytest.mark.parametrize(
    ("declared_s", "exact", "decoded_s", "complete"),
    [
        (10.0, True, 10.0, True),
        (10.0, True, 9.8, True),
        (10.0, True, 9.7, False),
        (10.0, True, 30.0, True),
        (10.0, False, 2.0, True),
        (None, False, 2.0, True),
    ],
)
def test_only_an_exact_length_is_held_against_a_file(
    declared_s: float | None, exact: bool, decoded_s: float, complete: bool
) -> None:
    file = replace(FILE, declared_s=declared_s, declared_exact=exact)
    decoded = replace(DECODED, decoded_s=decoded_s)
    assert is_complete(file, decoded) == complete
    assert bool(file_warnings(file, decoded)) == (not complete or decoded_s > 20)


def test_a_file_that_is_cut_off_or_whose_sound_is_damaged_is_partial() -> None:
    assert not is_complete(replace(FILE, cut="its last page is incomplete"), DECODED)
    assert not is_complete(FILE, replace(DECODED, intact=False))


def test_a_place_that_could_not_be_read_is_told_and_does_not_make_a_file_partial() -> None:
    file = replace(FILE, unreadable=3)
    assert is_complete(file, DECODED)
    assert file_warnings(file, DECODED) == ["unreadable places skipped: 3"]
