"""Finds the key of a piece: the one of 24 keys that its pitch classes, register by register, speak for most."""

import numpy as np

from tonearm.analysis.analyser import Block, Findings, Float64, Signal, Value
from tonearm.analysis.built_in import KEY
from tonearm.analysis.chroma import WINDOW_S, Chroma, PitchVotes, Votes
from tonearm.analysis.key_profiles import key_scores

MAJOR_ROOTS = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MINOR_ROOTS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")

VALUES = tuple(column.name for column in KEY.columns)

LEAST_TONALITY = 0.0036
"""Sound of less tonality than this has no key. Recordings of distorted guitars and of voices over drums measured
0.005 and more but for one (median of all kinds of music 0.04), synthetic drum loops 0.0025 to 0.0035, noise below
0.0005; see ``Chroma.tonality``."""

LEAST_SOUNDING_S = 0.5
"""Shorter sounds have no key: one stroke of a drum, which lasts a frame or two, has a few chance peaks as strong and
as far apart as a chord's."""

NOISE_TONALITY_S = 0.012
"""Noise of t seconds reaches a tonality of up to 0.009 / t by chance; a short sound must exceed that."""


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


class KeyAnalyser:
    """Finds the key, its codes, its confidence, the second-best key and the tuning; all ``None`` without tonal content,
    or with less than half a second of it.

    key, key_alternative: "A minor"; key_root: "A"; key_mode: "major" or "minor"; camelot: "8A"; open_key: "1m".
    key_confidence: 0 to 1, the probability of the key among all 24.
    tuning_cents: offset of the music's A from 440 Hz, −50 to 50.
    Series chroma: twelve shares of the pitch classes, C first, sum 1; key_windows: the key of every ``WINDOW_S``.
    """

    def __init__(self, signal: Signal) -> None:
        self._votes = PitchVotes(signal.key_rate_hz)

    def feed(self, block: Block) -> None:
        """Take the next samples at the low rate for keys."""
        self._votes.push(block.key)

    def finish(self) -> Findings:
        """Return the key."""
        votes = self._votes.finish()
        chroma = votes.whole() if votes is not None else None
        if votes is None or chroma is None or not _has_key(chroma):
            return Findings(dict.fromkeys(VALUES), {"chroma": None, "key_windows": []})
        shares: list[Value] = [round(float(share), 5) for share in chroma.classes]
        windows: list[Value] = [_window(votes, number) for number in range(len(votes.windows))]
        return Findings(_values(chroma, votes.tuning_cents), {"chroma": shares, "key_windows": windows})


def _has_key(chroma: Chroma) -> bool:
    least = max(LEAST_TONALITY, NOISE_TONALITY_S / chroma.sounding_s)
    return chroma.sounding_s >= LEAST_SOUNDING_S and chroma.tonality >= least


def probabilities(scores: Float64) -> Float64:
    """(24,) probabilities of the keys from their scores."""
    odds = np.exp(scores - scores.max())
    shares: Float64 = odds / odds.sum()
    return shares


def _values(chroma: Chroma, tuning_cents: float) -> dict[str, Value]:
    shares = probabilities(key_scores(chroma.registers))
    best, second = (int(key) for key in np.argsort(-shares, kind="stable")[:2])
    root, mode = key_name(best).split()
    return {
        "key": key_name(best),
        "key_root": root,
        "key_mode": mode,
        "camelot": camelot(best),
        "open_key": open_key(best),
        "key_confidence": round(float(shares[best]), 4),
        "key_alternative": key_name(second),
        "tuning_cents": round(tuning_cents, 2),
    }


def _window(votes: Votes, number: int) -> dict[str, Value]:
    """The key of one window; ``None`` with confidence 0 where nothing there has a pitch."""
    chroma = votes.of_window(number)
    start = {"start_s": round(number * WINDOW_S, 3)}
    if chroma is None or not _has_key(chroma):
        return {**start, "key": None, "confidence": 0.0}
    shares = probabilities(key_scores(chroma.registers))
    best = int(shares.argmax())
    return {**start, "key": key_name(best), "confidence": round(float(shares[best]), 4)}
