"""Proposes the name of one file: from its template, its values, and the rules of the file system it is to come to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tonearm.library.proposal import Conflict
from tonearm.naming.components import Unusable, safe_name
from tonearm.naming.confidence import CHANGED, SHORTENED, Cost, confidence, cost_rows, costs_of
from tonearm.naming.fields import fields, value_of
from tonearm.naming.name_rules import NameRules
from tonearm.naming.render import fill
from tonearm.naming.template import Template
from tonearm.views.track import Track


@dataclass(slots=True)
class Proposed:
    """A proposed name. parts: of the path below where it is to come to; ``None`` where there is no name."""

    parts: list[bytes] | None
    confidence: float = 1.0
    costs: list[Cost] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    warnings: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def path(self) -> bytes | None:
        """The path below where it is to come to."""
        return None if self.parts is None else b"/".join(self.parts)

    def cost_rows(self) -> list[dict[str, Any]]:
        """The costs as plain values."""
        return cost_rows(self.costs)


class _Values(dict[str, Any]):
    """The values of the fields of a track, each found once."""

    def __init__(self, track: Track) -> None:
        super().__init__()
        self._track = track

    def __missing__(self, name: str) -> Any:
        found = self[name] = value_of(self._track, name)
        return found


def warning(code: str, detail: str = "") -> Mapping[str, str]:
    """A warning as it is stored."""
    return {"code": code, "detail": detail}


def propose(template: Template, track: Track, rules: NameRules) -> Proposed:
    """Propose the name of a track. Raises nothing: what keeps it from having one is a conflict."""
    known, value = fields(), _Values(track).__getitem__
    filled = fill(template, known, value)
    costs = costs_of(filled, known, value)
    if filled.unknown:
        costs += [Cost(name, "unknown", 1.0) for name in sorted(filled.unknown)]
        return Proposed(None, 0.0, costs, [Conflict("unknown-field", track.path)])
    ending = os.path.splitext(os.path.basename(track.path))[1]
    proposed = Proposed([])
    assert proposed.parts is not None  # noqa: S101  a moment ago
    last = len(filled.parts) - 1
    for index, chunks in enumerate(filled.parts):
        try:
            name = safe_name(chunks, ending if index == last else b"", rules, index == last)
        except Unusable as error:
            proposed.conflicts.append(Conflict(error.code, error.detail.encode("utf-8", "surrogateescape")))
            proposed.parts = None
            break
        proposed.parts.append(name.name)
        costs += [Cost(each, "characters are replaced", CHANGED) for each in sorted(name.changed)]
        costs += [Cost(each, "shortened", SHORTENED) for each in sorted(name.shortened)]
        proposed.warnings += [warning("shortened", each) for each in sorted(name.shortened)]
        proposed.warnings += [warning("characters-replaced", each) for each in sorted(name.changed)]
    proposed.costs = costs
    proposed.confidence = confidence(costs)
    return proposed
