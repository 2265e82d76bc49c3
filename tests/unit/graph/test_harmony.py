"""Keys and tempos that are said to mix are harmonically related, and better mixes have higher scores."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tonearm.analysis.key import camelot, key_name
from tonearm.graph.harmony import (
    WEIGHTS,
    Change,
    Relation,
    energy_distance,
    key_distance,
    leading_to,
    mixes,
    related,
    score,
    tempo_change,
    tempos_before,
    tempos_near,
    within,
)
from tonearm.library.keys import KEYS

CODES = st.sampled_from(sorted(KEYS))
TEMPOS = st.integers(300, 4000)
PERCENTS = st.floats(0, 50)


def pitches(code: str) -> set[int]:
    """The seven notes of a key's natural scale, as semitones above C."""
    key = next(number for number in range(24) if camelot(number) == code)
    steps = (0, 2, 4, 5, 7, 9, 11) if key < 12 else (0, 2, 3, 5, 7, 8, 10)
    return {(key % 12 + step) % 12 for step in steps}


def tonic(code: str) -> int:
    return next(number for number in range(24) if camelot(number) == code) % 12


def test_codes_and_names_are_those_of_the_key_analyser() -> None:
    assert {camelot(key): key_name(key) for key in range(24)} == KEYS


@pytest.mark.parametrize("code", sorted(KEYS))
def test_relations_hold_what_their_names_say(code: str) -> None:
    relations = {relation: to for to, relation in related(code).items()}
    assert set(relations) == set(Relation)
    common = {relation: len(pitches(code) & pitches(to)) for relation, to in relations.items()}
    assert (common[Relation.SAME], common[Relation.RELATIVE]) == (7, 7)
    assert (common[Relation.FIFTH_UP], common[Relation.FIFTH_DOWN]) == (6, 6)
    assert tonic(relations[Relation.FIFTH_UP]) == (tonic(code) + 7) % 12
    assert tonic(relations[Relation.PARALLEL]) == tonic(code)
    assert relations[Relation.PARALLEL][-1] != code[-1]
    assert tonic(relations[Relation.LIFT]) == (tonic(code) + 2) % 12


@given(CODES, CODES)
def test_all_relations_but_the_lift_work_both_ways(one: str, other: str) -> None:
    there, back = related(one).get(other), related(other).get(one)
    if there is not None and there != Relation.LIFT:
        assert back is not None
        assert WEIGHTS[back] == WEIGHTS[there]
    assert (other in related(one)) == (one in leading_to(other))


@given(CODES, CODES, CODES)
def test_the_distance_of_keys_is_one(one: str, other: str, third: str) -> None:
    assert (key_distance(one, other) == 0) == (one == other)
    assert key_distance(one, other) == key_distance(other, one) <= 7
    assert key_distance(one, third) <= key_distance(one, other) + key_distance(other, third)


def test_distances_on_the_wheel() -> None:
    assert [key_distance("8A", code) for code in ("8B", "9A", "10A", "2A", "2B", "11B", "12A")] == [
        1,
        1,
        2,
        6,
        7,
        4,
        4,
    ]


@pytest.mark.parametrize(
    ("playing", "following", "percent", "level"),
    [
        (1280, 1280, 0.0, 1.0),
        (1280, 1250, 2.4, 1.0),
        (1250, 1280, -2.34, 1.0),
        (1740, 870, 0.0, 2.0),
        (870, 1740, 0.0, 0.5),
        (1720, 870, -1.15, 2.0),
    ],
)
def test_the_change_of_tempo_takes_the_level_that_is_felt(
    playing: int, following: int, percent: float, level: float
) -> None:
    change = tempo_change(playing, following)
    assert (round(change.percent, 2), change.level) == (percent, level)


@given(TEMPOS, TEMPOS)
def test_no_tempo_is_further_than_half_an_octave(playing: int, following: int) -> None:
    change = tempo_change(playing, following)
    if 0.5 <= playing / following <= 2:
        assert abs(change.percent) <= 34  # two thirds: three against two
    assert math.isclose(following * change.level * (1 + change.percent / 100), playing)


@given(TEMPOS, TEMPOS, PERCENTS)
def test_the_ranges_that_are_searched_leave_nothing_out(playing: int, following: int, percent: float) -> None:
    if within(tempo_change(playing, following), percent):
        assert any(low <= following <= high for low, high in tempos_near(playing, percent))
        assert any(low <= playing <= high for low, high in tempos_before(following, percent))


@given(TEMPOS, PERCENTS)
def test_the_ranges_do_not_overlap(tempo: int, percent: float) -> None:
    for ranges in (tempos_near(tempo, percent), tempos_before(tempo, percent)):
        ends = [end for each in ranges for end in each]
        assert ends == sorted(ends)
        assert all(high < low for (_, high), (low, _) in itertools.pairwise(ranges))


def test_a_mix_needs_both_the_key_and_the_tempo() -> None:
    assert mixes(("8A", 1280), ("9A", 1300), 6)
    assert not mixes(("8A", 1280), ("3B", 1280), 6)
    assert not mixes(("8A", 1280), ("8A", 1400), 6)
    assert mixes(("8A", 1280), ("10A", 640), 0)
    assert not mixes(("10A", 1280), ("8A", 1280), 6)


RELATIONS = st.sampled_from(list(Relation))
CHANGES = st.builds(Change, st.floats(-50, 50), st.sampled_from([0.5, 1.0, 2.0]))
APART = st.one_of(st.none(), st.floats(0, 1))


@given(RELATIONS, CHANGES, APART)
def test_the_score_is_a_share(relation: Relation, change: Change, apart: float | None) -> None:
    assert 0 <= score(relation, change, apart) <= 1


def test_the_score_by_its_definition() -> None:
    assert score(Relation.SAME, Change(0.0), 0.0) == 1.0
    assert score(Relation.RELATIVE, Change(-5.0), 0.25) == 0.5 * 0.9 + 0.3 * 0.5 + 0.2 * 0.75
    assert score(Relation.LIFT, Change(20.0), None) == 0.5 * 0.5 + 0.2 * 0.5
    assert score(Relation.SAME, Change(0.0, 2.0), 0.0) == 0.94


@given(RELATIONS, CHANGES, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_nearer_is_never_worse(
    relation: Relation, change: Change, apart: float, share: float, other: float
) -> None:
    nearer = Change(change.percent * share, change.level)
    assert score(relation, nearer, apart * other) >= score(relation, change, apart)
    assert score(Relation.SAME, change, apart) >= score(relation, change, apart)


def test_energies_that_are_not_known_have_no_distance() -> None:
    assert energy_distance(0.25, 0.75) == 0.5
    assert energy_distance(None, 0.5) is None
    assert energy_distance(0.5, None) is None
