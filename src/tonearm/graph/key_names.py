"""Parses keys as people write them: by name, long or short, with sharps or flats, or by Camelot or Open Key code."""

import re

from tonearm.graph.harmony import neighbours
from tonearm.library.keys import KEYS

_NAME = re.compile(r"(?i:([a-g])(?:[ -]?(#|♯|sharp|b|♭|flat))?)(?: ?(m|(?i:min|minor|maj|major)))?")
"""Names of the modes. A capital M alone is not accepted: for some it means major, and others write only capitals."""
_CODE = re.compile(r"(?i)0?(1[0-2]|[1-9])([abmd])")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_RAISED = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}


def camelot_of(text: str) -> str | None:
    """The Camelot code of a key that a person names, such as ``A minor``, ``Bbm``, ``F#``, ``8a`` or ``1m``."""
    text = text.strip()
    if code := _CODE.fullmatch(text):
        number, ring = int(code[1]), code[2].upper()
        if ring in "AB":
            return f"{number}{ring}"
        return f"{(number + 6) % 12 + 1}{'A' if ring == 'M' else 'B'}"  # Open Key counts from C major, 8B
    return _CODES[heard] if (heard := _tonic(text)) else None


def named_camelot(text: str) -> str:
    """The same; raises ValueError, with what to write instead, where it is no key."""
    code = camelot_of(text)
    if code is None:
        raise ValueError(f'{text!r} is no key such as "A minor", Am, F#, Bbm, 8A or 1m')
    return code


def chosen_keys(text: str | None, with_neighbours: bool) -> tuple[str, ...]:
    """The codes that a filter by key asks for: none without a key. Raises ValueError where ``text`` is no key."""
    if not text:
        return ()
    code = named_camelot(text)
    return (code, *neighbours(code)) if with_neighbours else (code,)


def _tonic(name: str) -> tuple[int, bool] | None:
    """The tonic of a named key in semitones above C, and whether it is minor; keys that sound the same are equal."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    tonic = _SEMITONES[found[1].lower()] + _RAISED.get((found[2] or "").lower(), 0)
    return tonic % 12, (found[3] or "").lower() in {"m", "min", "minor"}


_CODES = {_tonic(name): code for code, name in KEYS.items()}
