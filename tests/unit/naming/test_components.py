"""Names that are made of what fields say are safe, whatever they say."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.naming.components import Unusable, safe_name
from tonearm.naming.name_rules import STRICTEST, LengthUnit, NameRules
from tonearm.naming.render import Chunk

PLAIN = NameRules()
SETS_OF_RULES = [
    PLAIN,
    STRICTEST,
    NameRules(stored_form="NFD", folds_form=True, folds_case=True, unit=LengthUnit.UTF16),
    NameRules(longest=20, refused=frozenset(':?*"<>|\\'), refuses_end=True),
]


def name(*chunks: Chunk | str, ending: bytes = b".flac", rules: NameRules = PLAIN) -> bytes:
    return safe_name(
        [Chunk(each) if isinstance(each, str) else each for each in chunks], ending, rules, True
    ).name


@pytest.mark.parametrize(
    ("value", "made"),
    [
        ("AC/DC", "AC-DC"),
        ("..", None),
        (". .", None),
        ("../../etc/passwd", "-..-etc-passwd"),
        (".38 Special", "38 Special"),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("line\nbreak", "line break"),
        ("\u202egnp.exe", "gnp.exe"),
        ("   ", None),
        ("Sigur Rós", "Sigur Rós"),
    ],
)
def test_a_field_brings_in_no_folder_no_control_and_no_leading_dot(value: str, made: str | None) -> None:
    if made is None:
        with pytest.raises(Unusable, match="empty-name"):
            name(Chunk(value, "artist"))
    else:
        assert name(Chunk(value, "artist")).decode() == f"{made}.flac"


@given(
    st.lists(st.tuples(st.text(max_size=300), st.booleans()), min_size=1, max_size=4),
    st.sampled_from(SETS_OF_RULES),
    st.sampled_from([b".flac", b"", b".\xff"]),
)
def test_any_name_is_one_that_the_file_system_takes(
    texts: list[tuple[str, bool]], rules: NameRules, ending: bytes
) -> None:
    chunks = [Chunk(text, "title", number) for text, number in texts]
    try:
        made = safe_name(chunks, ending, rules, is_file=True).name
    except Unusable:
        return
    assert b"/" not in made
    assert b"\0" not in made
    assert not made.startswith((b".", b" ")) or made == ending
    assert made.endswith(ending)
    assert rules.length(made) <= rules.longest
    shown = made.decode("utf-8", "surrogateescape")
    assert not any(unicodedata.category(sign) == "Cc" for sign in shown)
    assert rules.refused.isdisjoint(shown)
    assert rules.stored(made) == made


def test_only_text_is_shortened_and_the_number_and_the_ending_stay() -> None:
    rules = NameRules(longest=30)
    made = safe_name(
        [
            Chunk("07", "track", number=True),
            Chunk(" - "),
            Chunk("x" * 90, "title"),
            Chunk(" [128]", "bpm", True),
        ],
        b".flac",
        rules,
        is_file=True,
    )
    assert made.name == b"07 - " + b"x" * 14 + b" [128].flac"
    assert made.shortened == {"title"}


def test_a_letter_keeps_its_accents_when_it_is_cut() -> None:
    decomposed = unicodedata.normalize("NFD", "é" * 20)
    assert name(Chunk(decomposed, "title"), rules=NameRules(longest=14)) == "e\u0301".encode() * 3 + b".flac"


def test_a_folder_is_never_shortened() -> None:
    with pytest.raises(Unusable, match="folder-too-long"):
        safe_name([Chunk("x" * 300, "album")], b"", PLAIN, is_file=False)


def test_what_the_file_system_refuses_is_replaced() -> None:
    rules = NameRules(refused=frozenset('\\:*?"<>|'), refuses_end=True, refused_names=frozenset({"CON"}))
    assert name(Chunk('What? "A: B" <C>|*', "title"), rules=rules) == b"What 'A - B' (C)-_.flac"
    assert safe_name([Chunk("R.E.M.", "artist")], b"", rules, is_file=False).name == b"R.E.M"
    with pytest.raises(Unusable, match="reserved-name"):
        name(Chunk("con", "title"), rules=rules)
