"""Prints tracks that mix, as a list and as JSON."""

from collections.abc import Sequence
from typing import Any

from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.graph.harmony import Change, Relation
from tonearm.graph.port import Mix
from tonearm.graph.track import GraphTrack, track_title
from tonearm.names import path_fields, printable
from tonearm.views.formatting import number

UNKNOWN = "–"
_FELT = {0.5: " ×½", 1.0: "", 2.0: " ×2"}
_COLUMNS = (
    Column("title", 1, least=10),
    Column("artist", 2, least=8),
    Column("key", right=True),
    Column("relation", rank=3),
    Column("BPM", right=True),
    Column("tempo", right=True),
    Column("energy", rank=4, right=True),
    Column("file", least=12, path=True),
)


def relation_in_words(relation: Relation, camelot: str) -> str:
    """The relation of two keys; ``camelot`` is the code of the second one."""
    mode = "major" if camelot.endswith("B") else "minor"
    return {
        Relation.SAME: "same key",
        Relation.RELATIVE: f"relative {mode}",
        Relation.FIFTH_UP: "a fifth up",
        Relation.FIFTH_DOWN: "a fifth down",
        Relation.PARALLEL: f"parallel {mode}",
        Relation.LIFT: "a whole tone up",
    }[relation]


def change_in_words(change: Change) -> str:
    """``+1.6 %``, or ``−0.4 % ×2`` for a track that is felt at double its tempo."""
    percent = round(change.percent, 1)
    sign = "+" if percent > 0 else "−" if percent < 0 else ""
    return f"{sign}{abs(percent):.1f} %{_FELT[change.level]}"


def print_mixes(playing: GraphTrack, mixes: Sequence[Mix], empty: str) -> None:
    """Print what mixes with a track, the best first, or a sentence where nothing does."""
    if is_terminal():
        say(_headline(playing), "bold")
    with Listing([Column("score", right=True), *_COLUMNS], empty) as listing:
        for mix in mixes:
            listing.add(f"{mix.score:.0%}", *_cells(mix.track, mix))


def print_path(start: GraphTrack, mixes: Sequence[Mix]) -> None:
    """Print the sequence of tracks from one to another."""
    with Listing([Column("step", right=True), *_COLUMNS]) as listing:
        listing.add("0", *_cells(start, None))
        for step, mix in enumerate(mixes, 1):
            listing.add(str(step), *_cells(mix.track, mix))


def track_fields(track: GraphTrack) -> dict[str, Any]:
    """A track as JSON."""
    return {
        **path_fields(track.path),
        "title": track.title,
        "artist": track.artist,
        "bpm": track.bpm,
        "key": track.key,
        "camelot": track.camelot,
        "energy": track.energy,
    }


def mix_fields(mix: Mix) -> dict[str, Any]:
    """A mix as JSON."""
    return {
        **track_fields(mix.track),
        "relation": mix.relation.value,
        "tempo_change_percent": round(mix.change.percent, 3),
        "felt_at": mix.change.level,
        "score": mix.score,
    }


def _cells(track: GraphTrack, mix: Mix | None) -> list[str]:
    cells = [
        track.title or UNKNOWN,
        track.artist or UNKNOWN,
        track.camelot or UNKNOWN,
        "" if mix is None else relation_in_words(mix.relation, track.camelot or ""),
        number(track.bpm),
        "" if mix is None else change_in_words(mix.change),
        UNKNOWN if track.energy is None else f"{track.energy:.0%}",
    ]
    return [*(printable(cell) for cell in cells), printable(track.path)]


def _headline(track: GraphTrack) -> str:
    energy = "" if track.energy is None else f", energy {track.energy:.0%}"
    named = track_title(track.title, track.path) + (f" by {track.artist}" if track.artist else "")
    return f"{printable(named)}: {track.key} ({track.camelot}), {number(track.bpm)} BPM{energy}"
