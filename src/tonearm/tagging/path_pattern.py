"""Reads texts for tags from the paths of files: ``{artist}/{album}/{any} - {title}``.

A pattern is written like a template of names: fields in braces, ``/`` between folders, ``\\`` before a character that
is meant as it is. It describes the last parts of a path, without the ending of the file's name.
"""

import os
import unicodedata
from collections.abc import Mapping, Sequence

from tonearm.names import to_text
from tonearm.naming.template import Name, Part, TemplateError, Text, Use, parse
from tonearm.tagging.fields import TEXTS

ANY = "any"
"""Stands for a text that is not used."""


class PathPattern:
    """A pattern of paths."""

    def __init__(self, source: str) -> None:
        """Raises TemplateError."""
        self.source = source
        self._levels = _levels(source, parse(source, dict.fromkeys((*TEXTS, ANY), str)).parts)
        named = [field for level in self._levels for field in level[1::2] if field != ANY]
        if not named:
            raise TemplateError(source, 0, f"it has none of the fields {', '.join(TEXTS)}")
        if len(named) != len(set(named)):
            raise TemplateError(source, 0, "a field stands in it twice")
        if not all(text for level in self._levels for text in level[2:-1:2]):
            raise TemplateError(source, 0, "nothing stands between two fields")
        if [""] in self._levels:
            raise TemplateError(source, 0, "a folder has no name")

    def texts(self, path: bytes) -> Mapping[str, str]:
        """The texts of a path by their fields; none where the path is not as the pattern says."""
        parts = os.path.splitext(path)[0].split(b"/")
        if len(parts) <= len(self._levels):  # the first part of a whole path is empty
            return {}
        found: dict[str, str] = {}
        for level, part in zip(self._levels, parts[-len(self._levels) :], strict=True):
            texts = _read(level, unicodedata.normalize("NFC", to_text(part)))
            if texts is None:
                return {}
            found |= texts
        found.pop(ANY, None)
        return found


def _levels(source: str, parts: Sequence[Part]) -> list[list[str]]:
    """For each folder and the name: a text, and then a field and the text that follows it, in turn."""
    levels = [[""]]
    for part in parts:
        match part:
            case Text(text):
                first, *deeper = text.split("/")
                levels[-1][-1] += first
                levels += [[each] for each in deeper]
            case Use((Name(field),), ""):
                levels[-1] += [field, ""]
            case _:
                raise TemplateError(
                    source, 0, "a pattern has fields alone: no sections, choices and functions"
                )
    return levels


def _read(level: Sequence[str], name: str) -> dict[str, str] | None:
    """The text of each field; each is as short as it can be, and none is empty.

    Where each text of the level is taken at the first place where it stands, a way through is found if there is one.
    """
    start, *rest = level
    if not name.startswith(start) or not name.isprintable():
        return None
    found: dict[str, str] = {}
    at, last = len(start), len(rest) - 2
    for index in range(0, len(rest), 2):
        field, following = rest[index : index + 2]
        if index < last:
            end = name.find(following, at + 1)
        else:
            end = len(name) - len(following) if name.endswith(following) else -1
        text = name[at:end].strip() if end > at else ""
        if not text:
            return None
        found[field], at = text, end + len(following)
    return found if at == len(name) else None
