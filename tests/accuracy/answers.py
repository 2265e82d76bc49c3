"""Our own answers: by the real command, or by the same analysers over a stored front end."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.accuracy.truth import Answer, Piece, answer_of
from tests.program import Program
from tonearm.analysis import filters, kernels, shared_forms
from tonearm.analysis.analyser import Block, Signal, Spectrum
from tonearm.analysis.decode import open_audio
from tonearm.analysis.key import KeyAnalyser
from tonearm.analysis.tempo import TempoAnalyser

FORMS = ("key", "mel", "octaves")


@dataclass(frozen=True, slots=True)
class Stored:
    """The front end's output for one file: what tempo and key are computed from."""

    signal: Signal
    block: Block


def analyse_all(folder: str, pieces: Sequence[Piece]) -> dict[str, Answer]:
    """Our answers by piece, as ``tonearm analyze`` gives them."""
    with tempfile.TemporaryDirectory() as data, Program(Path(data)) as program:
        program.run("analyze", folder, timeout=3600, check=True)
        tracks = program.tracks("--full")
    by_file = {os.path.basename(path): track for path, track in tracks.items()}
    return {piece.name: answer_of(by_file[piece.file]) for piece in pieces}


def analyse_stored(folder: str, pieces: Sequence[Piece], cache: str) -> dict[str, Answer]:
    """Our answers by piece, from front ends that are kept in ``cache``; those that are missing are computed."""
    return {piece.name: answer_to(stored) for piece, stored in front_ends(folder, pieces, cache)}


def answer_to(stored: Stored) -> Answer:
    """What the analysers of tempo and key find."""
    row: dict[str, object] = {}
    for analyser in (TempoAnalyser(stored.signal), KeyAnalyser(stored.signal)):
        analyser.feed(stored.block)
        found = analyser.finish()
        row |= {**found.values, **found.series}
    return answer_of(row)


def front_ends(folder: str, pieces: Sequence[Piece], cache: str) -> Iterator[tuple[Piece, Stored]]:
    """Each piece and its front end; a file is decoded where ``cache`` has nothing of it, or of an older front end."""
    os.makedirs(cache, exist_ok=True)
    code = _code()
    for piece in pieces:
        path = os.path.join(folder, piece.file)
        status = os.stat(path)
        name = f"{os.path.abspath(path)} {status.st_size} {status.st_mtime_ns} {code}"
        kept = os.path.join(cache, hashlib.sha256(os.fsencode(name)).hexdigest()[:32] + ".npz")
        if not os.path.exists(kept):
            _compute(path, kept)
        yield piece, _read(kept)


def _code() -> str:
    """Digest of the code that a front end depends on."""
    digest = hashlib.sha256()
    for module in (shared_forms, filters, kernels):
        with open(str(module.__file__), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def _compute(path: str, kept: str) -> None:
    with open(path, "rb", buffering=0) as file, open_audio(file) as source:
        sound = source.sound
        end = shared_forms.FrontEnd(sound.sample_rate_hz, sound.channels, source.speakers)
        parts: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]] = {
            form: [] for form in FORMS
        }
        for block in end.blocks(source.samples()):
            parts["key"].append(block.key)
            parts["mel"].append(block.spectrum.mel)
            parts["octaves"].append(block.spectrum.octaves)
    signal = end.signal
    rates = np.array([signal.sample_rate_hz, signal.channels, signal.low_rate_hz, signal.frame_rate_hz])
    forms = {form: np.concatenate(arrays) for form, arrays in parts.items()}
    with open(kept + ".new", "wb") as out:
        np.savez(out, allow_pickle=False, rates=rates, **forms)
    os.replace(kept + ".new", kept)


def _read(kept: str) -> Stored:
    nothing = shared_forms.NOTHING
    with np.load(kept) as held:
        rate, channels, low, frames = (float(number) for number in held["rates"])
        spectrum = Spectrum(held["mel"], nothing, held["octaves"])
        block = Block(nothing[:, None], nothing, held["key"], spectrum, 0.0, 0.0)
    return Stored(Signal(int(rate), int(channels), low, low / 2, frames), block)
