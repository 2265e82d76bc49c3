"""Marks what differs between a path and the one that is proposed."""

import re
from difflib import SequenceMatcher
from typing import NamedTuple

_WORDS = re.compile(r"\w+|\W")


class Piece(NamedTuple):
    """A part of a text, and whether the other text lacks it."""

    text: str
    differs: bool


def differences(old: str, new: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces, compared word by word."""
    mine, other = _WORDS.findall(old), _WORDS.findall(new)
    olds: list[Piece] = []
    news: list[Piece] = []
    for what, a, b, c, d in SequenceMatcher(None, mine, other, autojunk=False).get_opcodes():
        differs = what != "equal"
        for pieces, words in ((olds, mine[a:b]), (news, other[c:d])):
            if words:
                pieces.append(Piece("".join(words), differs))
    return olds, news
