"""The functions of name templates: from a text to a text."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

ARTICLES = ("the ", "a ", "an ")
_SPELLED = {
    "ß": "ss",
    "ẞ": "SS",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "ł": "l",
    "Ł": "L",
    "ı": "i",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "–": "-",
    "—": "-",
    "…": "...",
}


@dataclass(frozen=True, slots=True)
class Function:
    """A function of templates. ``apply`` gets the text and the number, which is 0 where it takes none."""

    apply: Callable[[str, int], str]
    description: str
    takes_number: bool = False


def first(text: str) -> str:
    """The first letter in upper case; ``0-9`` for a digit; ``_`` where there is neither."""
    for sign in text:
        if sign.isdigit():
            return "0-9"
        if sign.isalpha():
            return sign.upper()[:1]
    return "_"


def no_article(text: str) -> str:
    """The text without an English article at its start, unless nothing would be left."""
    for article in ARTICLES:
        if text.lower().startswith(article) and (rest := text[len(article) :].strip()):
            return rest
    return text


def to_ascii(text: str) -> str:
    """The text in ASCII: letters without accents, others spelled out, ``_`` for what has no spelling."""
    spelled = "".join(_SPELLED.get(sign, sign) for sign in text)
    found = (sign for sign in unicodedata.normalize("NFKD", spelled) if not unicodedata.combining(sign))
    return "".join(sign if sign.isascii() else "_" for sign in found)


def shortened(text: str, most: int) -> str:
    """At most so many characters, cut between words where that keeps half of them; accents stay with their letter."""
    if len(text) <= most:
        return text
    kept = without_last_mark(text, most)
    between = kept.rfind(" ")
    if text[len(kept)] != " " and between >= len(kept) / 2:
        kept = kept[:between]
    return kept.rstrip()


def without_last_mark(text: str, end: int) -> str:
    """The first ``end`` characters, fewer where a combining mark or a joiner follows, which would lose its letter."""
    while 0 < end < len(text) and (unicodedata.combining(text[end]) or "\u200d" in text[end - 1 : end + 1]):
        end -= 1
    return text[:end]


FUNCTIONS: Mapping[str, Function] = {
    "first": Function(lambda text, _: first(text), "the first letter in upper case; `0-9` for a digit"),
    "no_article": Function(lambda text, _: no_article(text), "without The, A or An at the start"),
    "upper": Function(lambda text, _: text.upper(), "in upper case"),
    "lower": Function(lambda text, _: text.lower(), "in lower case"),
    "ascii": Function(lambda text, _: to_ascii(text), "in ASCII: é becomes e, ß becomes ss"),
    "shortened": Function(
        shortened, "at most so many characters, cut between words: `shortened(title, 40)`", takes_number=True
    ),
}
