"""Chords of the accompaniments."""

import pytest

from tests.accuracy.accompaniments import transposed


@pytest.mark.parametrize(
    ("chord", "root", "expected"),
    [
        ("C", 0, "C"),
        ("Am", 3, "Cm"),
        ("Bb", 2, "C"),
        ("G7", 11, "F#7"),
        ("Dm7b5", 5, "Gm7b5"),
        ("EbM7", 9, "CM7"),
    ],
)
def test_a_chord_is_transposed_with_its_kind(chord: str, root: int, expected: str) -> None:
    assert transposed(chord, root) == expected
