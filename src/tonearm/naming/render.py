"""Fills templates with the values of tracks: the parts of the name, and which fields they came from.

A template is made into functions once, since it is filled for every file of a collection.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tonearm.naming.fields import Field
from tonearm.naming.functions import FUNCTIONS
from tonearm.naming.template import Call, Constant, Name, Part, Section, Template, Term, Text, Use

Reader = Callable[[str], Callable[[Any], Any]]
"""For the name of a field, what reads its value from a track, ``None`` for unknown."""


class Chunk(NamedTuple):
    """A piece of a name. ``field``: what it came from, ``None`` for text of the template. ``number``: never cut."""

    text: str
    field: str | None = None
    number: bool = False


@dataclass(slots=True)
class Filled:
    """A filled template.

    chunks: its pieces. used: the fields whose values are in it, and these values. replaced: unknown fields for which
    another or a text was taken. vanished: unknown fields whose section is left out. unknown: fields without which there
    is no name.
    """

    chunks: list[Chunk] = field(default_factory=list)
    used: list[tuple[str, Any]] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    vanished: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)

    @property
    def parts(self) -> list[list[Chunk]]:
        """The chunks of each folder and of the name: a slash in the text of the template begins the next part."""
        parts: list[list[Chunk]] = [[]]
        for chunk in self.chunks:
            if chunk.field is not None or "/" not in chunk.text:
                parts[-1].append(chunk)
            else:
                before, *following = chunk.text.split("/")
                parts[-1].append(Chunk(before))
                parts.extend([Chunk(text)] for text in following)
        return parts


_NUMBERS = (int, float)
_Write = Callable[[Any, Filled], Collection[str]]
"""Adds what a part of a template says of a track; returns the unknown fields for which it says nothing."""
_Read = Callable[[Any, Filled, list[str]], Chunk | None]
"""The value of a term for a track; an unknown field is added to the list."""


class Filler:
    """Fills one template."""

    def __init__(self, template: Template, fields: Mapping[str, Field], read: Reader) -> None:
        """``fields``: how each value is printed."""
        self._fields = fields
        self._read = read
        self._writes = [self._part(part) for part in template.parts]

    def fill(self, track: Any) -> Filled:
        """Fill the template with the values of a track."""
        filled = Filled()
        for write in self._writes:
            if unknown := write(track, filled):
                filled.unknown.update(unknown)
        return filled

    def _part(self, part: Part) -> _Write:
        if isinstance(part, Text):
            return _text(Chunk(part.text))
        if isinstance(part, Section):
            return _section([self._part(each) for each in part.parts])
        return self._use(part)

    def _use(self, use: Use) -> _Write:
        terms = [self._term(term, use.form) for term in use.terms]

        def write(track: Any, filled: Filled) -> Collection[str]:
            passed: list[str] = []
            for term in terms:
                chunk = term(track, filled, passed)
                if chunk is not None:
                    filled.chunks.append(chunk)
                    if passed:
                        filled.replaced.update(passed)
                    return ()
            return passed

        return write

    def _term(self, term: Term, form: str) -> _Read:
        if isinstance(term, Constant):
            return _constant(Chunk(term.text, ""))
        if isinstance(term, Call):
            return self._call(term, form)
        return self._name(term, form)

    def _call(self, call: Call, form: str) -> _Read:
        terms = [self._term(term, form) for term in call.terms]
        apply, number = FUNCTIONS[call.function].apply, call.number or 0

        def read(track: Any, filled: Filled, passed: list[str]) -> Chunk | None:
            for term in terms:
                found = term(track, filled, passed)
                if found is not None:
                    text = apply(found.text, number)
                    return Chunk(text, found.field, found.number) if text.strip() else None
            return None

        return read

    def _name(self, name: Name, form: str) -> _Read:
        field, value_of = name.field, self._read(name.field)
        printed = number_printer(form, self._fields[field].digits)

        def read(track: Any, filled: Filled, passed: list[str]) -> Chunk | None:
            value = value_of(track)
            is_number = type(value) in _NUMBERS
            text = printed(value) if is_number else "" if value is None else str(value).strip()
            if not text:
                passed.append(field)
                return None
            filled.used.append((field, value))
            return Chunk(text, field, is_number)

        return read


def _text(chunk: Chunk) -> _Write:
    def write(_: Any, filled: Filled) -> Collection[str]:
        filled.chunks.append(chunk)
        return ()

    return write


def _section(writes: list[_Write]) -> _Write:
    def write(track: Any, filled: Filled) -> Collection[str]:
        chunks, used = len(filled.chunks), len(filled.used)
        for each in writes:
            if unknown := each(track, filled):
                filled.vanished.update(unknown)
                del filled.chunks[chunks:], filled.used[used:]
                break
        return ()

    return write


def _constant(chunk: Chunk) -> _Read:
    return lambda *_: chunk


def number_printer(form: str, digits: int | None) -> Callable[[float], str]:
    """What prints numbers in a form, or with as many digits as a field has and no zeros at the end.

    A number that is not finite gives an empty text.
    """
    exact = form if form.endswith("f") else f"{form}f" if "." in form else ""
    usual = f".{2 if digits is None else digits}f"

    def printed(value: float) -> str:
        if not math.isfinite(value):
            return ""
        if exact:
            return format(float(value), exact)
        if form:
            return format(round(value), form)
        if isinstance(value, int):
            return str(value)
        text = format(value, usual)
        return text.rstrip("0").rstrip(".") if "." in text else text

    return printed
