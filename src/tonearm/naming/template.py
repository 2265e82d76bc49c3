"""The language of name templates: parses a template; every error says where it is.

``{artist}``                        the value of a field
``{bpm:.0f}``, ``{track:02}``       a number in a form
``{album_artist|artist|"Unknown"}`` the first of them that is known
``{first(no_article(artist))}``     functions
``<(disc {disc})>``                 a section that vanishes when a field in it is unknown
``/``                               separates folders; ``\\`` takes the next character as it is
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tonearm.errors import ConfigurationError
from tonearm.naming.functions import FUNCTIONS

LONGEST = 2000
"""Characters of a template."""
DEEPEST = 20
"""Sections and functions inside each other."""
_NAME = re.compile(r"[A-Za-z_]\w*")
_NUMBER_FORM = re.compile(r"0?\d?(\.\d)?[df]?")
_PLAIN = re.compile(r"[^\\{}<>]+")


class TemplateError(ConfigurationError):
    """A template that can't be used; ``position`` counts the characters before the mistake."""

    def __init__(self, source: str, position: int, reason: str) -> None:
        super().__init__(f"template {source!r}, character {position + 1}: {reason}")
        self.source = source
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Name:
    """The value of a field."""

    field: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A text that is taken where the fields before it are unknown."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of the first known of some terms. ``number``: its second argument, where it takes one."""

    function: str
    terms: tuple["Term", ...]
    number: int | None


Term = Name | Constant | Call


@dataclass(frozen=True, slots=True)
class Text:
    """Text as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class Use:
    """The first known of some terms. ``form``: how a number is printed, empty for the usual form."""

    terms: tuple[Term, ...]
    form: str


@dataclass(frozen=True, slots=True)
class Section:
    """Parts that vanish together when a field in them is unknown."""

    parts: tuple["Part", ...]


Part = Text | Use | Section


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed template. ``has_folders``: whether it names folders, not only files."""

    source: str
    parts: tuple[Part, ...]
    has_folders: bool

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it names."""
        return frozenset(_fields_of(self.parts))


def _texts(parts: tuple[Part, ...]) -> Iterator[Text]:
    for part in parts:
        if isinstance(part, Text):
            yield part
        elif isinstance(part, Section):
            yield from _texts(part.parts)


def _fields_of(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Use):
            yield from fields_in(part.terms)
        elif isinstance(part, Section):
            yield from _fields_of(part.parts)


def fields_in(terms: tuple[Term, ...]) -> Iterator[str]:
    """The fields that some terms name."""
    for term in terms:
        if isinstance(term, Name):
            yield term.field
        elif isinstance(term, Call):
            yield from fields_in(term.terms)


def parse(source: str, fields: Mapping[str, type]) -> Template:
    """Parse a template. ``fields``: the type of every field.

    Raises:
        TemplateError: it is not well formed, or names what does not exist.
    """
    parser = _Parser(source, fields)
    parts = parser.parts(closing="", depth=0)
    if not parts:
        raise TemplateError(source, 0, "it is empty")
    return Template(source, parts, any("/" in part.text for part in _texts(parts)))


class _Parser:
    def __init__(self, source: str, fields: Mapping[str, type]) -> None:
        self._source = source
        self._fields = fields
        self._at = 0
        if len(source) > LONGEST:
            raise self._error(f"it has more than {LONGEST} characters", LONGEST)

    def parts(self, closing: str, depth: int) -> tuple[Part, ...]:
        """The parts up to the sign that closes them, which is taken too."""
        start = self._at - 1
        found: list[Part] = []
        while self._at < len(self._source):
            sign = self._source[self._at]
            if sign == closing:
                self._at += 1
                return tuple(found)
            if sign in "}>":
                raise self._error(f"{sign} closes nothing; write \\{sign} for the character itself")
            if sign == "{":
                found.append(self._use())
            elif sign == "<":
                found.append(self._section(depth))
            else:
                found.append(self._text())
        if closing:
            raise self._error(f"no {closing} closes this section", start)
        return tuple(found)

    def _section(self, depth: int) -> Section:
        start = self._at
        if depth == DEEPEST:
            raise self._error(f"more than {DEEPEST} sections are inside each other")
        self._at += 1
        section = Section(self.parts(">", depth + 1))
        if not any(_fields_of(section.parts)):
            raise self._error("this section has no field, so that it would never vanish", start)
        return section

    def _text(self) -> Text:
        if self._source[self._at] == "\\":
            return self._escaped()
        found = _PLAIN.match(self._source, self._at)
        assert found is not None  # noqa: S101  the signs with a meaning were seen before
        for index, sign in enumerate(found[0]):
            if ord(sign) < 32 or ord(sign) == 127 or 0xD800 <= ord(sign) <= 0xDFFF:
                raise self._error("a control character can't be part of a name", self._at + index)
        self._at = found.end()
        return Text(found[0])

    def _escaped(self) -> Text:
        sign = self._source[self._at + 1 : self._at + 2]
        if not sign or not sign.isprintable() or sign == "/":
            raise self._error("a backslash stands before the character that is meant as it is")
        self._at += 2
        return Text(sign)

    def _use(self) -> Use:
        start = self._at
        self._at += 1
        terms = self._terms(0)
        form = ""
        if self._next(":"):
            at = self._at
            end = self._source.find("}", at)
            form = self._source[at : end if end >= 0 else len(self._source)]
            if not form or not _NUMBER_FORM.fullmatch(form):
                raise self._error("a form such as 02, .1f or 3.0f is expected", at)
            if not any(self._fields[field] in (int, float) for field in fields_in(terms)):
                raise self._error("a form for numbers, and no number before it", at)
            self._at += len(form)
        self._space()
        if not self._next("}"):
            if self._at >= len(self._source):
                raise self._error("no } closes this field", start)
            raise self._error("one of | : ( } is expected")
        return Use(terms, form)

    def _terms(self, depth: int) -> tuple[Term, ...]:
        found = [self._term(depth)]
        self._space()
        while self._next("|"):
            found.append(self._term(depth))
            self._space()
        return tuple(found)

    def _term(self, depth: int) -> Term:
        self._space()
        if self._next('"'):
            return self._constant()
        start = self._at
        found = _NAME.match(self._source, start)
        if found is None:
            raise self._error("the name of a field is expected")
        self._at = found.end()
        name = found[0]
        if self._next("("):
            return self._call(name, start, depth)
        if name not in self._fields:
            raise self._error(_no_such("field", name, self._fields), start)
        return Name(name)

    def _constant(self) -> Constant:
        end = self._source.find('"', self._at)
        if end < 0:
            raise self._error('no " ends this text', self._at - 1)
        text = self._source[self._at : end]
        if not text.isprintable() or "/" in text:
            raise self._error("a text has no control character and no /", self._at)
        self._at = end + 1
        return Constant(text)

    def _call(self, name: str, start: int, depth: int) -> Call:
        function = FUNCTIONS.get(name)
        if function is None:
            raise self._error(_no_such("function", name, FUNCTIONS), start)
        if depth == DEEPEST:
            raise self._error(f"more than {DEEPEST} functions are inside each other", start)
        terms = self._terms(depth + 1)
        number = None
        if self._next(","):
            number = self._number()
        if (number is not None) != function.takes_number:
            reason = "a number after a comma" if function.takes_number else "one argument"
            raise self._error(f"{name} takes {reason}")
        self._space()
        if not self._next(")"):
            raise self._error(") is expected")
        return Call(name, terms, number)

    def _number(self) -> int:
        self._space()
        found = re.compile(r"[1-9]\d{0,2}").match(self._source, self._at)
        if found is None:
            raise self._error("a number from 1 to 999 is expected")
        self._at = found.end()
        return int(found[0])

    def _next(self, sign: str) -> bool:
        """Take a sign, if it is the next one."""
        there = self._source.startswith(sign, self._at)
        self._at += there
        return there

    def _space(self) -> None:
        while self._source.startswith(" ", self._at):
            self._at += 1

    def _error(self, reason: str, position: int | None = None) -> TemplateError:
        return TemplateError(self._source, self._at if position is None else position, reason)


def _no_such(kind: str, name: str, known: Mapping[str, object]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(known), 1)
    return f"there is no {kind} {name}" + (f"; do you mean {near[0]}?" if near else "")
