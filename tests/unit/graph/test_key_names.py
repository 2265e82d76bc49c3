"""Keys are parsed in their usual spellings, and other words are not parsed as keys."""

import pytest

from tonearm.analysis.key import camelot, key_name, open_key
from tonearm.graph.key_names import camelot_of, chosen_keys


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("A minor", "8A"),
        ("a MINOR", "8A"),
        ("Am", "8A"),
        ("a min", "8A"),
        ("A", "11B"),
        ("A maj", "11B"),
        ("C#m", "12A"),
        ("Dbm", "12A"),
        ("F#", "2B"),
        ("g flat major", "2B"),
        ("A# major", "6B"),
        ("Bb major", "6B"),
        ("B♭", "6B"),
        ("bb", "6B"),
        ("bbm", "3A"),
        ("b", "1B"),
        ("Cb", "1B"),
        ("E#m", "4A"),
        (" 8a ", "8A"),
        ("08A", "8A"),
        ("12b", "12B"),
        ("1m", "8A"),
        ("1D", "8B"),
        ("12d", "7B"),
    ],
)
def test_a_key_is_understood_as_people_write_it(written: str, code: str) -> None:
    assert camelot_of(written) == code


@pytest.mark.parametrize("key", range(24))
def test_each_key_has_the_code_that_the_analyser_gives_it(key: int) -> None:
    assert camelot_of(open_key(key)) == camelot_of(key_name(key)) == camelot_of(camelot(key)) == camelot(key)


@pytest.mark.parametrize("text", ["", "H", "minor", "A moll", "0A", "13A", "8C", "A##", "AM", "A minor 7"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert camelot_of(text) is None


def test_a_filter_by_key_may_take_the_keys_next_to_it_on_the_wheel() -> None:
    assert chosen_keys("Am", with_neighbours=False) == ("8A",)
    assert sorted(chosen_keys("Am", with_neighbours=True)) == ["7A", "8A", "8B", "9A"]
    assert sorted(chosen_keys("12B", with_neighbours=True)) == ["11B", "12A", "12B", "1B"]
    assert chosen_keys(None, with_neighbours=False) == ()
