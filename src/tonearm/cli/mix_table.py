"""Prints tracks that mix, as a list."""

from collections.abc import Sequence

from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.graph.port import Mix
from tonearm.graph.track import GraphTrack, track_title
from tonearm.names import printable
from tonearm.views.formatting import number
from tonearm.views.mix_text import change_in_words, relation_in_words

UNKNOWN = "–"
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


def _cells(track: GraphTrack, mix: Mix | None) -> list[str]:
    cells = [
        track.title or UNKNOWN,
        track.artist or UNKNOWN,
        track.camelot or UNKNOWN,
        "" if mix is None else relation_in_words(mix.relation, track.camelot or ""),
        number(track.bpm),
        "" if mix is None else change_in_words(mix.change),
        UNKNOWN if track.energy is None else f"{track.energy:.2f}",
    ]
    return [*(printable(cell) for cell in cells), printable(track.path)]


def _headline(track: GraphTrack) -> str:
    energy = "" if track.energy is None else f", energy {track.energy:.2f}"
    named = track_title(track.title, track.path) + (f" by {track.artist}" if track.artist else "")
    return f"{printable(named)}: {track.key} ({track.camelot}), {number(track.bpm)} BPM{energy}"
