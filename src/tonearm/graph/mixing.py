"""Finds tracks that mix with a track, and a path from one track to another, in any source of tracks.

Tracks are examined from the nearest tempo outwards, until no remaining one can score better than those found.
The path is searched over points, pairs of a key and a tempo, not over tracks: however large a library, there are no
more than 24 keys times some 2,000 tenths of a BPM.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tonearm.graph.harmony import (
    Change,
    Relation,
    energy_distance,
    leading_to,
    related,
    score,
    tempo_change,
    tempos_before,
    tempos_near,
    within,
)
from tonearm.graph.port import Mix
from tonearm.graph.track import GraphTrack

Point = tuple[str, int]
"""A Camelot code and a tempo in tenths of a BPM."""
Ranges = Sequence[tuple[int, int]]
WIDTHS_PERCENT = (0.25, 1.0, 4.0)
"""Changes of tempo in percent that are searched one after the other, each four times the one before."""
POINTS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Candidate:
    """The values of a track that decide how it mixes."""

    file: int
    path: bytes
    audio: str
    camelot: str
    tempo: int
    energy: float | None

    @property
    def point(self) -> Point:
        """Its key and tempo."""
        return self.camelot, self.tempo


class Source(Protocol):
    """Reads tracks that have a key and a tempo."""

    def near(self, camelot: str, tempos: Ranges) -> Iterable[Candidate]:
        """Tracks whose key mixes with a key and whose tempo lies in one of the ranges, in any order."""

    def points(self) -> Iterable[Point]:
        """Every point with a track, once."""

    def at(self, points: Sequence[Point]) -> Iterable[Candidate]:
        """The tracks at points, in any order."""

    def tracks(self, files: Sequence[int]) -> Mapping[int, GraphTrack]:
        """Tracks by file."""


@dataclass(frozen=True, slots=True)
class _Judged:
    candidate: Candidate
    relation: Relation
    change: Change
    score: float

    @property
    def rank(self) -> tuple[float, bytes]:
        return -self.score, self.candidate.path


class _Best:
    """Keeps the best candidates, one file of each audio; memory grows only with how many are wanted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_audio: dict[str, _Judged] = {}

    def add(self, judged: _Judged | None) -> None:
        if judged is None:
            return
        audio = judged.candidate.audio
        known = self._by_audio.get(audio)
        if known is None or judged.rank < known.rank:
            self._by_audio[audio] = judged
        if len(self._by_audio) > 4 * self._limit + 100:
            self._by_audio = {each.candidate.audio: each for each in self.ranked()}

    def ranked(self) -> list[_Judged]:
        return sorted(self._by_audio.values(), key=lambda judged: judged.rank)[: self._limit]


def find_mixes(source: Source, track: GraphTrack, limit: int, percent: float) -> tuple[Mix, ...]:
    """The best mixes with a track; see ``TrackGraph.mixes``."""
    if track.point is None:
        return ()
    playing = _as_candidate(track, track.point)
    found: list[_Judged] = []
    for width in (*[width for width in WIDTHS_PERCENT if width < percent], percent):
        best = _Best(limit)
        for candidate in source.near(playing.camelot, tempos_near(playing.tempo, width)):
            if candidate.audio != track.audio:
                best.add(_judge(playing, candidate, width))
        found = best.ranked()
        if len(found) == limit and found[-1].score > score(Relation.SAME, Change(width), 0.0):
            break
    return _mixes_of(source, found)


def find_path(source: Source, start: GraphTrack, goal: GraphTrack, percent: float) -> tuple[Mix, ...] | None:
    """The shortest path between two tracks; see ``TrackGraph.path``."""
    if start.audio == goal.audio:
        return ()
    if start.point is None or goal.point is None:
        return None
    steps = _steps_to(goal.point, start.point, source.points(), percent)
    if start.point not in steps:
        return None
    way: list[_Judged] = []
    here = _as_candidate(start, start.point)
    for left in range(steps[start.point] - 1, 0, -1):
        found = _best_at(source, here, [point for point in steps if steps[point] == left], percent)
        if found is None:  # it was removed from the library during the search
            return None
        way.append(found)
        here = found.candidate
    last = _judge(here, _as_candidate(goal, goal.point), percent)
    assert last is not None  # noqa: S101  the last point is one step away
    return (*_mixes_of(source, way), Mix(goal, last.relation, last.change, last.score))


def _best_at(source: Source, playing: Candidate, points: Iterable[Point], percent: float) -> _Judged | None:
    """The track at these points that mixes best with a track."""
    relations = related(playing.camelot)
    hopes = []
    for camelot, tempo in points:
        if camelot in relations:
            change = tempo_change(playing.tempo, tempo)
            if within(change, percent):
                hopes.append((-score(relations[camelot], change, 0.0), camelot, tempo))
    hopes.sort()
    best = _Best(1)
    for first in range(0, len(hopes), POINTS_AT_ONCE):
        found = best.ranked()
        if found and found[0].score > -hopes[first][0]:
            break
        some = hopes[first : first + POINTS_AT_ONCE]
        for candidate in source.at([(camelot, tempo) for _, camelot, tempo in some]):
            best.add(_judge(playing, candidate, percent))
    return next(iter(best.ranked()), None)


def _steps_to(goal: Point, start: Point, points: Iterable[Point], percent: float) -> dict[Point, int]:
    """The number of steps to the goal, for each point that is at most as far from it as the start."""
    left: dict[str, list[int]] = {}
    for camelot, tempo in {*points, start}:
        left.setdefault(camelot, []).append(tempo)
    for tempos in left.values():
        tempos.sort()
    steps: dict[Point, int] = {}
    frontier = [goal]
    count = 0
    while frontier and start not in steps:
        count += 1
        reached = [
            (before, tempo)
            for camelot, following in frontier
            for before in leading_to(camelot)
            for tempo in _taken(left.get(before, []), following, percent)
        ]
        steps |= dict.fromkeys(reached, count)
        frontier = reached
    return steps


def _taken(tempos: list[int], following: int, percent: float) -> list[int]:
    """Remove from sorted tempos those from which one can mix into ``following``; returns them."""
    taken: list[int] = []
    for low, high in tempos_before(following, percent):
        first, last = bisect_left(tempos, low), bisect_right(tempos, high)
        while first < last and not within(tempo_change(tempos[first], following), percent):
            first += 1  # only tempos at the ends may need a larger change
        while first < last and not within(tempo_change(tempos[last - 1], following), percent):
            last -= 1
        taken += tempos[first:last]
        del tempos[first:last]
    return taken


def _judge(playing: Candidate, following: Candidate, percent: float) -> _Judged | None:
    """How a candidate mixes with the playing track; ``None`` if it does not."""
    relation = related(playing.camelot).get(following.camelot)
    change = tempo_change(playing.tempo, following.tempo)
    if relation is None or not within(change, percent):
        return None
    apart = energy_distance(playing.energy, following.energy)
    return _Judged(following, relation, change, score(relation, change, apart))


def _as_candidate(track: GraphTrack, point: Point) -> Candidate:
    return Candidate(track.file, track.path, track.audio, *point, track.energy)


def _mixes_of(source: Source, chosen: Sequence[_Judged]) -> tuple[Mix, ...]:
    tracks = source.tracks([judged.candidate.file for judged in chosen])
    return tuple(
        Mix(tracks[judged.candidate.file], judged.relation, judged.change, judged.score)
        for judged in chosen
        if judged.candidate.file in tracks
    )
