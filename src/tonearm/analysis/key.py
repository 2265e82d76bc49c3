"""Finds the key of a piece: the one of 24 keys whose profile its pitch classes resemble most."""

import numpy as np

from tonearm.analysis.analyser import Block, Findings, Float64, Signal, Value
from tonearm.analysis.built_in import KEY
from tonearm.analysis.chroma import Chroma, PitchVotes
from tonearm.analysis.key_profiles import SHAATH, profile_matrix

MAJOR_ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")

VALUES = tuple(column.name for column in KEY.columns)

LEAST_TONALITY = 0.011
"""Sound of less tonality than this has no key. A hundred pieces of recorded music measured 0.0125 and more (median
0.10), synthetic drum loops 0.0015 to 0.012, a minute of noise below 0.0005; see ``Chroma.tonality``."""

LEAST_SOUNDING_S = 0.5
"""Shorter sounds have no key: one stroke of a drum, which lasts a frame or two, has a few chance peaks as strong and
as far apart as a chord's."""

NOISE_TONALITY_S = 0.012
"""Noise of t seconds reaches a tonality of up to 0.009 / t by chance; a short sound must exceed that."""

CONFIDENCE_SHARPNESS = 16.0
"""Inverse temperature of the softmax that turns correlations into confidence. 20 fits rendered music of known key
best (least log loss); recordings get slightly lower confidence."""


def key_name(key: int) -> str:
    """Name of key 0–23: the major keys from C up, then the minor ones; the usual enharmonic spelling."""
    return f"{MAJOR_ROOTS[key]} major" if key < 12 else f"{MINOR_ROOTS[key - 12]} minor"


def _fifths(key: int) -> int:
    """Steps up the circle of fifths from C major, for a minor key from A minor, 0 to 11."""
    relative_major = key if key < 12 else key - 12 + 3
    return relative_major * 7 % 12


def camelot(key: int) -> str:
    """The code of the Camelot wheel: C major is 8B, its relative A minor 8A, a fifth up one more."""
    return f"{(_fifths(key) + 7) % 12 + 1}{'B' if key < 12 else 'A'}"


def open_key(key: int) -> str:
    """The Open Key code: C major is 1d, its relative A minor 1m, a fifth up one more."""
    return f"{_fifths(key) + 1}{'d' if key < 12 else 'm'}"


def correlations(classes: Float64) -> Float64:
    """(24,) correlation of (12,) pitch classes with each key's profile, −1 to 1: the key-finding algorithm of
    Krumhansl and Schmuckler (C. L. Krumhansl, "Cognitive Foundations of Musical Pitch", 1990, chapter 4)."""
    centred = classes - classes.mean()
    fit: Float64 = profile_matrix(SHAATH) @ (centred / max(float(np.linalg.norm(centred)), 1e-12))
    return fit


class KeyAnalyser:
    """Finds the key, its codes, its confidence, the second-best key and the tuning; all ``None`` without tonal content,
    or with less than half a second of it.

    key, key_alternative: "A minor"; key_root: "A"; key_mode: "major" or "minor"; camelot: "8A"; open_key: "1m".
    key_confidence: 0 to 1, the key's share among all 24.
    tuning_cents: offset of the music's A from 440 Hz, −50 to 50.
    Series chroma: twelve shares of the pitch classes, C first, sum 1.
    """

    def __init__(self, signal: Signal) -> None:
        self._votes = PitchVotes(signal.key_rate_hz)

    def feed(self, block: Block) -> None:
        """Take the next samples at the low rate for keys."""
        self._votes.push(block.key)

    def finish(self) -> Findings:
        """Return the key."""
        chroma = self._votes.finish()
        if chroma is None or not _has_key(chroma):
            return Findings(dict.fromkeys(VALUES), {"chroma": None})
        return Findings(_values(chroma), {"chroma": [round(float(share), 5) for share in chroma.classes]})


def _has_key(chroma: Chroma) -> bool:
    least = max(LEAST_TONALITY, NOISE_TONALITY_S / chroma.sounding_s)
    return chroma.sounding_s >= LEAST_SOUNDING_S and chroma.tonality >= least


def _values(chroma: Chroma) -> dict[str, Value]:
    fit = correlations(chroma.classes)
    best, second = (int(key) for key in np.argsort(-fit, kind="stable")[:2])
    root, mode = key_name(best).split()
    return {
        "key": key_name(best),
        "key_root": root,
        "key_mode": mode,
        "camelot": camelot(best),
        "open_key": open_key(best),
        "key_confidence": round(float(1 / np.exp(CONFIDENCE_SHARPNESS * (fit - fit[best])).sum()), 4),
        "key_alternative": key_name(second),
        "tuning_cents": round(chroma.tuning_cents, 2),
    }
