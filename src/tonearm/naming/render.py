"""Fills a template with the values of a track: the parts of the name, and which fields they came from."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tonearm.naming.fields import Field
from tonearm.naming.functions import FUNCTIONS
from tonearm.naming.template import Call, Constant, Name, Part, Section, Template, Term, Text, Use

Value = Callable[[str], Any]
"""Tells the value of a field, ``None`` for unknown."""


class Chunk(NamedTuple):
    """A piece of a name. ``field``: what it came from, ``None`` for text of the template. ``number``: never cut."""

    text: str
    field: str | None = None
    number: bool = False


@dataclass(slots=True)
class Filled:
    """A filled template.

    parts: the chunks of each folder and of the name. used: fields whose values are in it. replaced: unknown fields for
    which another or a text was taken. vanished: unknown fields whose section is left out. unknown: fields without which
    there is no name.
    """

    parts: list[list[Chunk]]
    used: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    vanished: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)


class _Unknown(Exception):
    """No term of a use is known."""

    def __init__(self, fields: set[str]) -> None:
        super().__init__()
        self.fields = fields


def fill(template: Template, fields: dict[str, Field], value: Value) -> Filled:
    """Fill a template. ``fields``: how each value is printed."""
    filled = Filled([[]])
    filler = _Filler(fields, value, filled)
    for part in template.parts:
        try:
            filler.add(part)
        except _Unknown as error:
            filled.unknown |= error.fields
    filled.used = set(filler.used)
    for chunk in filler.chunks:
        if chunk.field is not None or "/" not in chunk.text:
            filled.parts[-1].append(chunk)
        else:  # a slash in the text of the template begins the next part
            before, *following = chunk.text.split("/")
            filled.parts[-1].append(Chunk(before))
            filled.parts.extend([Chunk(text)] for text in following)
    return filled


class _Filler:
    """Adds part by part to ``chunks``, and the fields whose values are in them to ``used``."""

    def __init__(self, fields: dict[str, Field], value: Value, filled: Filled) -> None:
        self._fields = fields
        self._value = value
        self._filled = filled
        self.chunks: list[Chunk] = []
        self.used: list[str] = []

    def add(self, part: Part) -> None:
        """Add what a part says. Raises _Unknown."""
        if isinstance(part, Text):
            self.chunks.append(Chunk(part.text))
        elif isinstance(part, Use):
            self.chunks.append(self._use(part))
        else:
            self._section(part)

    def _section(self, section: Section) -> None:
        chunks, used = len(self.chunks), len(self.used)
        try:
            for part in section.parts:
                self.add(part)
        except _Unknown as error:
            self._filled.vanished |= error.fields
            del self.chunks[chunks:], self.used[used:]

    def _use(self, use: Use) -> Chunk:
        passed: set[str] = set()
        for term in use.terms:
            found = self._term(term, use.form, passed)
            if found is not None:
                self._filled.replaced |= passed
                return found
        raise _Unknown(passed)

    def _term(self, term: Term, form: str, passed: set[str]) -> Chunk | None:
        """The value of a term; unknown fields are added to ``passed``."""
        if isinstance(term, Constant):
            return Chunk(term.text, "")
        if isinstance(term, Call):
            return self._call(term, form, passed)
        text, number = self._printed(term, form)
        if not text:
            passed.add(term.field)
            return None
        self.used.append(term.field)
        return Chunk(text, term.field, number)

    def _call(self, call: Call, form: str, passed: set[str]) -> Chunk | None:
        for term in call.terms:
            found = self._term(term, form, passed)
            if found is not None:
                text = FUNCTIONS[call.function].apply(found.text, call.number or 0)
                return Chunk(text, found.field, found.number) if text.strip() else None
        return None

    def _printed(self, name: Name, form: str) -> tuple[str, bool]:
        """The text of a field, empty where it is unknown, and whether it is a number."""
        value = self._value(name.field)
        if value is None:
            return "", False
        if isinstance(value, bool) or not isinstance(value, int | float):
            return str(value).strip(), False
        return number_text(value, form, self._fields[name.field].digits), True


def number_text(value: float, form: str, digits: int | None) -> str:
    """A number in a form, or with as many digits as its field has and no zeros at the end."""
    if not math.isfinite(value):
        return ""
    if form:
        if form.endswith("f") or "." in form:
            return format(float(value), form if form.endswith("f") else f"{form}f")
        return format(round(value), form)
    if isinstance(value, int):
        return str(value)
    text = f"{value:.{2 if digits is None else digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
