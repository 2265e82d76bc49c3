"""Makes safe names of what a filled template says: no slash, ``..``, control character or hidden name from a field."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.naming.functions import without_last_mark
from tonearm.naming.name_rules import NameRules
from tonearm.naming.render import Chunk

_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Characters that change the direction of a line, so that a name looks like another one."""
_INSTEAD = {":": " -", '"': "'", "<": "(", ">": ")", "|": "-", "?": "", "*": "_", "\\": "-"}


class Unusable(Exception):
    """No name can be made; ``code`` and ``field`` say why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class SafeName:
    """A name that the file system takes. changed: fields of which characters were replaced; shortened: fields cut."""

    name: bytes
    changed: frozenset[str] = frozenset()
    shortened: frozenset[str] = frozenset()


def safe_name(chunks: Sequence[Chunk], ending: bytes, rules: NameRules, is_file: bool) -> SafeName:
    """The name of a file or a folder. ``ending``: follows unchanged; with its dot, empty for a folder.

    A name that is too long is shortened in its texts, never in its numbers; a folder is not.

    Raises:
        Unusable: nothing is left, it is reserved, or too long.
    """
    whole = "".join([chunk.text for chunk in chunks])
    if _is_plain(whole, rules) and ending.isascii():
        name = rules.stored(whole.encode() + ending)
        if rules.length(name) <= rules.longest:
            return SafeName(name)
    changed: set[str] = set()
    pieces = [_cleaned(chunk, rules, changed) for chunk in chunks]
    pieces = _stripped(pieces, rules, ends=not ending)
    cut: set[str] = set()
    name = rules.stored(_encoded(pieces) + ending)
    while rules.length(name) > rules.longest:
        if not is_file:
            raise Unusable("folder-too-long", "".join(piece.text for piece in pieces))
        pieces = _stripped(_cut(pieces, cut), rules, ends=not ending)
        name = rules.stored(_encoded(pieces) + ending)
    _check(name, "".join(piece.text for piece in pieces), rules)
    return SafeName(name, frozenset(changed), frozenset(cut))


def _is_plain(text: str, rules: NameRules) -> bool:
    """Whether nothing has to be done to a text, as is so for most: what ``_sign`` replaces is not printable."""
    return (
        text.isprintable()
        and "/" not in text
        and text[:1] not in {"", " ", "."}
        and text[-1] not in " ."
        and rules.refused.isdisjoint(text)
        and not rules.refused_names
    )


def _cleaned(chunk: Chunk, rules: NameRules, changed: set[str]) -> Chunk:
    """A piece without what can't be in a name; what a field had of it is noted."""
    text = chunk.text
    if chunk.field is None:
        if rules.refused.isdisjoint(text):
            return chunk
    elif text.isprintable() and "/" not in text and rules.refused.isdisjoint(text):
        return chunk
    clean = "".join(_sign(sign, rules) for sign in text)
    if chunk.field and clean != text:
        changed.add(chunk.field)
    return Chunk(clean, chunk.field, chunk.number)


def _sign(sign: str, rules: NameRules) -> str:
    if sign == "/":
        return "-"
    if sign in rules.refused:
        return _INSTEAD.get(sign, "_")
    kind = unicodedata.category(sign)
    if kind in {"Zl", "Zp"} or sign in "\t\n\r\v\f":
        return " "
    if kind == "Cc" or sign in _DIRECTIONS:
        return ""
    if kind == "Cs" and not rules.any_bytes:  # a byte of a present name that is not UTF-8
        return "_"
    return sign


def _stripped(chunks: list[Chunk], rules: NameRules, ends: bool) -> list[Chunk]:
    """Chunks without space at both ends, without dots at the start that a field brought, and at a refused end."""
    found = list(chunks)
    while found:
        first = found[0]
        text = first.text.lstrip(" .") if first.field is not None else first.text.lstrip(" ")
        found[0] = Chunk(text, first.field, first.number)
        if text:
            break
        del found[0]
    while found:
        last = found[-1]
        text = last.text.rstrip(" ." if ends and rules.refuses_end else " ")
        found[-1] = Chunk(text, last.field, last.number)
        if text:
            break
        del found[-1]
    return found


def _cut(chunks: list[Chunk], cut: set[str]) -> list[Chunk]:
    """Chunks with a character less in the longest text of a field. Raises Unusable where there is none."""
    texts = [index for index, chunk in enumerate(chunks) if chunk.field and not chunk.number and chunk.text]
    if not texts:
        raise Unusable("name-too-long", "".join(chunk.text for chunk in chunks))
    index = max(texts, key=lambda at: len(chunks[at].text.encode("utf-8", "surrogateescape")))
    chunk = chunks[index]
    assert chunk.field is not None  # noqa: S101  as chosen above
    cut.add(chunk.field)
    text = without_last_mark(chunk.text, len(chunk.text) - 1).rstrip()
    return [*chunks[:index], Chunk(text, chunk.field), *chunks[index + 1 :]]


def _encoded(chunks: Sequence[Chunk]) -> bytes:
    return "".join(chunk.text for chunk in chunks).encode("utf-8", "surrogateescape")


def _check(name: bytes, text: str, rules: NameRules) -> None:
    if not text.strip(" ") or name in (b"", b".", b".."):
        raise Unusable("empty-name", text)
    if rules.reserves(name):
        raise Unusable("reserved-name", text)
