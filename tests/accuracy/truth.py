"""Audio whose tempo, beats and key are known, and the results of other tools for it."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.program import Program

VARIABLE = "TONEARM_TRUTH"
BESIDE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "shared", "truth")


@dataclass(frozen=True, slots=True)
class Piece:
    """One file and the truth about it; ``None`` where the truth has no such value.

    kind: "synth", "nott_dr", "nott_nodr" (steady tempo), "change", "ramp" or "beatless".
    """

    name: str
    kind: str
    file: str
    duration_s: float
    bpm: float | None
    bpm_start: float | None
    bpm_end: float | None
    key: str | None
    beats: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool says about a file. Tools may answer tempo, key or both.

    beats is ``None`` where the tool tracks none.
    """

    has_tempo: bool
    bpm: float | None
    bpm_start: float | None
    bpm_end: float | None
    beats: tuple[float, ...] | None
    has_key: bool
    key: str | None


def truth_folder() -> str | None:
    """The folder named by TONEARM_TRUTH, else the one beside the project; ``None`` where there is none."""
    folder = os.environ.get(VARIABLE, BESIDE)
    return folder if os.path.exists(os.path.join(folder, "truth.json")) else None


def read_pieces(folder: str) -> list[Piece]:
    """Every piece of ``truth.json``."""
    with open(os.path.join(folder, "truth.json"), encoding="utf-8") as file:
        rows = json.load(file)
    return [
        Piece(
            row["id"],
            row["set"],
            row["file"],
            row["duration_s"],
            row["bpm"],
            row.get("bpm_start"),
            row.get("bpm_end"),
            row["key"],
            tuple(row["beats"] or ()),
        )
        for row in rows
    ]


def read_peers(folder: str) -> dict[str, dict[str, Answer]]:
    """Answers of other tools, by tool and piece."""
    with open(os.path.join(folder, "peers.json"), encoding="utf-8") as file:
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
        tuple(row["beats"]) if "beats" in row else None,
        "key" in row,
        row.get("key"),
    )


def analyse_all(folder: str, pieces: list[Piece]) -> dict[str, Answer]:
    """Our own answers, by piece, as the real command gives them."""
    with tempfile.TemporaryDirectory() as data, Program(Path(data)) as program:
        program.run("analyze", folder, timeout=600, check=True)
        tracks = program.tracks("--full")
    by_file = {os.path.basename(path): track for path, track in tracks.items()}
    return {piece.name: answer_of(by_file[piece.file]) for piece in pieces}
