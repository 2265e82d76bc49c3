"""How the values that analysers return are written for people."""

from collections.abc import Mapping
from typing import Any

from tonearm.analysis.declaration import Column
from tonearm.views.doubtful_tempi import is_doubtful

UNKNOWN = "–"
WORTH_NAMING = 0.1
"""Least probability of another tempo that is named beside one that is in doubt."""


def value_text(column: Column, value: Any) -> str:
    """A value of an analyser without its unit, with the number of digits that the analyser declares."""
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        digits = 2 if column.digits is None else column.digits
        return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before a zero
    if isinstance(value, list | tuple):
        return ", ".join(value_text(column, each) for each in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={value_text(column, each)}" for name, each in value.items())
    return str(value)


def relation_text(other: Mapping[str, Any]) -> str:
    """How another tempo relates to the chosen one, such as ``half``."""
    return str(other["relation"])


def tempo_doubt(track: Mapping[str, Any]) -> str | None:
    """A sentence about a tempo that is in doubt, with the other likely ones; ``None`` where it is not in doubt."""
    bpm, confidence = track["bpm"], track["bpm_confidence"]
    if bpm is None:
        return None
    alternatives = track["bpm_alternatives"] or ()
    if not is_doubtful(bpm, confidence, alternatives):
        return None
    others = [other for other in alternatives if (other["score"] or 0.0) >= WORTH_NAMING]
    if not others:
        return f"The tempo of {bpm:.1f} BPM is in doubt: the beats are irregular."
    meant = " or ".join(
        f"{other['bpm']:.1f} BPM ({relation_text(other)}, probability {other['score']:.0%})"
        for other in others
    )
    return f"The tempo of {bpm:.1f} BPM is in doubt: it may be {meant}."
