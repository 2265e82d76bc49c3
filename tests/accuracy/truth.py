"""Audio whose tempo, beats and key are known, and what other tools answer for it."""

import json
import os
from dataclasses import dataclass
from typing import Any

VARIABLE = "TONEARM_TRUTH"
BESIDE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "truth")

STEADY = ("synth", "nott_dr", "nott_nodr", "openmsx", "real")
"""Sets whose pieces have one tempo; what people play may waver around it."""

CHANGING = ("change", "ramp")
HELD = "held"
"""Drums over held chords: of these it is only learned that there is a beat."""
BEATLESS = "beatless"


@dataclass(frozen=True, slots=True)
class Piece:
    """One file and the truth about it; ``None`` where the truth has no such value.

    kind: the set it belongs to, one of ``STEADY``, ``CHANGING``, ``HELD`` or ``BEATLESS``.
    style: genre, or a word for the kind of music; empty where none is given.
    exact: whether the tempo is constant and known exactly, so that 0.1 % can be asked for.
    beats: empty where only the tempo is sure.
    """

    name: str
    kind: str
    style: str
    file: str
    duration_s: float
    bpm: float | None
    bpm_start: float | None
    bpm_end: float | None
    key: str | None
    beats: tuple[float, ...]
    exact: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool says about a file. Tools may answer tempo, key or both.

    beats is ``None`` where the tool tracks none. tempo_confidence and key_confidence: 0 to 1, where it gives any.
    """

    has_tempo: bool
    bpm: float | None
    bpm_start: float | None
    bpm_end: float | None
    beats: tuple[float, ...] | None
    has_key: bool
    key: str | None
    tempo_confidence: float | None = None
    key_confidence: float | None = None


def truth_folder() -> str | None:
    """The folder named by TONEARM_TRUTH, else the one beside the project; ``None`` where there is none."""
    folder = os.environ.get(VARIABLE, BESIDE)
    return folder if os.path.exists(os.path.join(folder, "truth.json")) else None


def read_pieces(folder: str) -> list[Piece]:
    """Every piece of ``truth.json``."""
    with open(os.path.join(folder, "truth.json"), encoding="utf-8") as file:
        rows = json.load(file)
    return [piece_of(row) for row in rows]


def piece_of(row: dict[str, Any]) -> Piece:
    """A piece from a row of ``truth.json``; ``fixed`` says whether the tempo is constant, which it is by default."""
    return Piece(
        row["id"],
        row["set"],
        row.get("style") or "",
        row["file"],
        row["duration_s"],
        row["bpm"],
        row.get("bpm_start"),
        row.get("bpm_end"),
        row.get("key"),
        tuple(row.get("beats") or ()),
        bool(row.get("fixed", row["set"] != "real")),
    )


def read_peers(folder: str) -> dict[str, dict[str, Answer]]:
    """Answers of other tools from ``peers.json``, by tool and piece; none where there is no such file."""
    path = os.path.join(folder, "peers.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        rows = json.load(file)
    peers: dict[str, dict[str, Answer]] = {}
    for piece, tools in rows.items():
        for tool, row in tools.items():
            peers.setdefault(tool, {})[piece] = answer_of(row)
    return peers


def answer_of(row: dict[str, Any]) -> Answer:
    """An answer from loosely typed values; keys that are missing were not asked for."""
    return Answer(
        "bpm" in row,
        row.get("bpm"),
        row.get("bpm_start"),
        row.get("bpm_end"),
        tuple(row["beats"]) if row.get("beats") is not None else None,
        "key" in row,
        row.get("key"),
        row.get("bpm_confidence"),
        row.get("key_confidence"),
    )
