"""Tracks that mix, as a disc jockey reads them on a terminal, and as JSON."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tonearm.cli.formatting import number
from tonearm.graph.harmony import Change, Relation
from tonearm.graph.port import Mix
from tonearm.graph.track import GraphTrack, track_title
from tonearm.names import path_fields, printable

_FELT = {0.5: " ×½", 1.0: "", 2.0: " ×2"}
_COLUMNS = ("key", "how", "BPM", "tempo", "energy")


def relation_in_words(relation: Relation, camelot: str) -> str:
    """How a key is related to the one that plays; ``camelot`` is the code of the next one."""
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


def print_mixes(playing: GraphTrack, mixes: Sequence[Mix], console: Console) -> None:
    """What mixes with a track, the best first."""
    console.print(Text(_headline(playing), "bold"))
    if not mixes:
        return
    table = _table("score")
    for mix in mixes:
        table.add_row(f"{mix.score:.0%}", *_cells(mix.track, mix))
    console.print(table)


def print_path(start: GraphTrack, mixes: Sequence[Mix], console: Console) -> None:
    """The way from a track to another, step for step."""
    table = _table("")
    table.add_row("0", *_cells(start, None))
    for step, mix in enumerate(mixes, 1):
        table.add_row(str(step), *_cells(mix.track, mix))
    console.print(table)


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


def _table(first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(first, justify="right")
    table.add_column("track", ratio=1, overflow="fold")
    for name in _COLUMNS:
        table.add_column(name, no_wrap=True, justify="left" if name == "how" else "right")
    return table


def _cells(track: GraphTrack, mix: Mix | None) -> list[Text]:
    cells = [
        _named(track),
        track.camelot or "–",
        "" if mix is None else relation_in_words(mix.relation, track.camelot or ""),
        number(track.bpm),
        "" if mix is None else change_in_words(mix.change),
        "–" if track.energy is None else f"{track.energy:.0%}",
    ]
    return [Text(printable(cell)) for cell in cells]


def _named(track: GraphTrack) -> str:
    return track_title(track.title, track.path) + (f" by {track.artist}" if track.artist else "")


def _headline(track: GraphTrack) -> str:
    energy = "" if track.energy is None else f", energy {track.energy:.0%}"
    return f"{printable(_named(track))}: {track.key} ({track.camelot}), {number(track.bpm)} BPM{energy}"
