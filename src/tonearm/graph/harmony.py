"""Judges how well two tracks mix: keys on the Camelot wheel, tempos, energy, and one score. Pure functions.

Keys are Camelot codes, ``1A`` to ``12B``: the circle of fifths numbered like a clock, minor keys lettered A, major
keys B. Tempos are whole tenths of a BPM, as the display of a deck shows them. Key and tempo are taken to be
independent of each other, as they are on a deck with its key lock on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tonearm.library.keys import KEYS


class Relation(StrEnum):
    """How the key of the next track is related to the one that plays. All but ``lift`` work both ways."""

    SAME = "same"
    RELATIVE = "relative"  # 8A to 8B: the same seven notes
    FIFTH_UP = "fifth up"  # 8A to 9A: six of seven notes in common
    FIFTH_DOWN = "fifth down"  # 8A to 7A: likewise
    PARALLEL = "parallel"  # 8A to 11B: the same root, minor to major or back
    LIFT = "lift"  # 8A to 10A: everything a whole tone higher


def _parts(camelot: str) -> tuple[int, str]:
    return int(camelot[:-1]), camelot[-1]


def _code(number: int, ring: str) -> str:
    return f"{(number - 1) % 12 + 1}{ring}"


def _relations(camelot: str) -> dict[str, Relation]:
    number, ring = _parts(camelot)
    other = "B" if ring == "A" else "A"
    return {
        camelot: Relation.SAME,
        _code(number, other): Relation.RELATIVE,
        _code(number + 1, ring): Relation.FIFTH_UP,
        _code(number - 1, ring): Relation.FIFTH_DOWN,
        _code(number + (3 if ring == "A" else -3), other): Relation.PARALLEL,
        _code(number + 2, ring): Relation.LIFT,
    }


_RELATED = {code: _relations(code) for code in KEYS}
_LEADING = {code: tuple(before for before in KEYS if code in _RELATED[before]) for code in KEYS}
WEIGHTS = {
    Relation.SAME: 1.0,
    Relation.RELATIVE: 0.9,
    Relation.FIFTH_UP: 0.85,
    Relation.FIFTH_DOWN: 0.85,
    Relation.PARALLEL: 0.6,
    Relation.LIFT: 0.5,
}
"""How well a relation sounds, 0 to 1. The first four are the rules of the Camelot wheel, and their order is that of
the listeners of C. L. Krumhansl and E. J. Kessler, "Tracing the dynamic changes in perceived tonal organization in a
spatial representation of musical keys", Psychological Review 89 (1982): their key profiles correlate by 0.65 with
the relative, 0.59 (minor: 0.34) with the fifths, 0.51 with the parallel key. The lift of a whole tone is far from
that (0.04, minor: below 0), but disc jockeys use it to raise the energy; it comes last."""

PARTS = {"key": 0.5, "tempo": 0.3, "energy": 0.2}
WIDEST_PERCENT = 10.0
"""A change of tempo at which the tempo's part of the score is 0."""
OTHER_LEVEL = 0.8
"""The tempo's part is multiplied by this when a track is felt at half or double its tempo."""
UNKNOWN_ENERGY = 0.5
"""The energy's part of the score if one of the energies is unknown."""


@dataclass(frozen=True, slots=True)
class Change:
    """The change of the next track's tempo that aligns its beats with those of the playing track.

    percent: positive means faster. level: 2.0 if it is counted at double its own tempo, 0.5 at half, otherwise 1.0.
    """

    percent: float
    level: float = 1.0


def related(camelot: str) -> Mapping[str, Relation]:
    """The codes that mix with a code, including itself, and their relations."""
    return _RELATED[camelot]


def leading_to(camelot: str) -> tuple[str, ...]:
    """The codes from which one can mix into a code."""
    return _LEADING[camelot]


def neighbours(camelot: str) -> tuple[str, ...]:
    """The codes next to a code on the wheel: one number lower and higher, and the other ring."""
    return tuple(code for code in KEYS if key_distance(camelot, code) == 1)


def key_distance(one: str, other: str) -> int:
    """Steps around the wheel, plus one for changing the ring; 0 to 7."""
    (here, ring), (there, other_ring) = _parts(one), _parts(other)
    around = (here - there) % 12
    return min(around, 12 - around) + (ring != other_ring)


def tempo_change(playing: int, following: int) -> Change:
    """The least change that brings the following tempo, its half or its double to the one that plays."""
    changes = [Change((playing / (following * level) - 1) * 100, level) for level in (1.0, 2.0, 0.5)]
    return min(changes, key=lambda change: abs(change.percent))


def tempos_near(playing: int, percent: float) -> tuple[tuple[int, int], ...]:
    """Ranges, ends included, of all tempos that need a change of at most ``percent`` (below 100).

    A tempo at an end may need slightly more.
    """
    return _ranges(playing / (1 + percent / 100), playing / (1 - percent / 100))


def tempos_before(following: int, percent: float) -> tuple[tuple[int, int], ...]:
    """Ranges of tempos from which one can mix into a tempo; the inverse of ``tempos_near``."""
    return _ranges(following * (1 - percent / 100), following * (1 + percent / 100))


def mixes(playing: tuple[str, int], following: tuple[str, int], percent: float) -> bool:
    """Whether one key and tempo can be mixed into another."""
    return following[0] in related(playing[0]) and within(tempo_change(playing[1], following[1]), percent)


def within(change: Change, percent: float) -> bool:
    """Whether a change of tempo is at most the allowed one, compared to a thousandth of a percent."""
    return abs(change.percent) <= percent + 0.001


def energy_distance(one: float | None, other: float | None) -> float | None:
    """Difference of two energies, 0 to 1."""
    return None if one is None or other is None else min(abs(one - other), 1.0)


def score(relation: Relation, change: Change, energies_apart: float | None) -> float:
    """How well two tracks mix, 0 to 1, to four digits: half key, three tenths tempo, two tenths energy."""
    tempo = max(0.0, 1 - abs(change.percent) / WIDEST_PERCENT) * (1 if change.level == 1 else OTHER_LEVEL)
    energy = UNKNOWN_ENERGY if energies_apart is None else 1 - energies_apart
    return round(
        PARTS["key"] * WEIGHTS[relation] + PARTS["tempo"] * tempo + PARTS["energy"] * energy,
        4,
    )


def _ranges(low: float, high: float) -> tuple[tuple[int, int], ...]:
    """A range of tempos, its half and its double, in whole tenths; joined where they overlap."""
    joined: list[tuple[int, int]] = []
    for level in (0.5, 1.0, 2.0):
        first, last = math.floor(low * level), math.ceil(high * level)
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return tuple(joined)
