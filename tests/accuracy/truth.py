"""Audio whose tempo, beats and key are known, and what other tools answer for it."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

import av
import numpy as np

from tonearm.analysis.analyser import Analyser, Float32
from tonearm.analysis.front import FrontEnd
from tonearm.analysis.key import KeyAnalyser
from tonearm.analysis.tempo import TempoAnalyser

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


def analyse_all(folder: str, pieces: list[Piece], processes: int = 2) -> dict[str, Answer]:
    """Our own answers, by piece."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        answers = pool.map(partial(analyse, folder), [piece.file for piece in pieces], chunksize=8)
        return {piece.name: answer for piece, answer in zip(pieces, answers, strict=True)}


def analyse(folder: str, file: str) -> Answer:
    """Our own answer for one file."""
    path = os.path.join(folder, file)
    with av.open(path) as container:
        stream = container.streams.audio[0]
        rate, channels = stream.rate, stream.channels
    front = FrontEnd(rate, channels)
    analysers: list[Analyser] = [TempoAnalyser(front.signal), KeyAnalyser(front.signal)]
    for block in front.blocks(_decoded(path)):
        for analyser in analysers:
            analyser.feed(block)
    row: dict[str, Any] = {}
    for analyser in analysers:
        findings = analyser.finish()
        row |= {**findings.values, **findings.series}
    return answer_of(row)


def _decoded(path: str) -> Iterator[Float32]:
    """Pieces of (n, channels) float32."""
    resampler = av.AudioResampler(format="fltp")
    with av.open(path) as container:
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                yield np.ascontiguousarray(piece.to_ndarray().T, np.float32)
