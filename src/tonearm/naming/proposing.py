"""Proposes names of files: by a template, their values, and the rules of the file system they are to come to."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tonearm.library.proposal import Conflict
from tonearm.naming.components import SafeName, Unusable, safe_name
from tonearm.naming.confidence import CHANGED, SHORTENED, Cost, Judge, confidence, cost_rows
from tonearm.naming.fields import fields, reader
from tonearm.naming.name_rules import NameRules
from tonearm.naming.render import Filler
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


OTHER_FILE_SYSTEM, OTHER_MOUNT = "other-file-system", "other-mount"
"""Warnings about a file that comes to another disk."""


def warning(code: str, detail: str = "") -> Mapping[str, str]:
    """A warning as it is stored."""
    return {"code": code, "detail": detail}


class Namer:
    """Proposes names by one template."""

    def __init__(self, template: Template) -> None:
        self.has_folders = template.has_folders
        self._filler = Filler(template, fields(), reader)
        self._judge = Judge(template.fields, fields(), reader)

    def propose(self, track: Track, rules: NameRules) -> Proposed:
        """Propose the name of a track. Raises nothing: what keeps it from having one is a conflict."""
        filled = self._filler.fill(track)
        costs = self._judge.costs(filled, track)
        if filled.unknown:
            costs += [Cost(name, "unknown", 1.0) for name in sorted(filled.unknown)]
            return Proposed(None, 0.0, costs, [Conflict("unknown-field", track.path)])
        ending = os.path.splitext(track.path)[1]
        parts = filled.parts if self.has_folders else [filled.chunks]
        made: list[bytes] = []
        proposed = Proposed(made, costs=costs)
        last = len(parts) - 1
        for index, chunks in enumerate(parts):
            try:
                name = safe_name(chunks, ending if index == last else b"", rules, index == last)
            except Unusable as error:
                proposed.conflicts.append(
                    Conflict(error.code, error.detail.encode("utf-8", "surrogateescape"))
                )
                proposed.parts = None
                break
            made.append(name.name)
            _note_changes(proposed, name)
        proposed.confidence = confidence(costs)
        return proposed


def _note_changes(proposed: Proposed, name: SafeName) -> None:
    """Add what it costs that a part of a name is not what its fields say, and warn of it."""
    for each in sorted(name.changed):
        proposed.costs.append(Cost(each, "characters are replaced", CHANGED))
        proposed.warnings.append(warning("characters-replaced", each))
    for each in sorted(name.shortened):
        proposed.costs.append(Cost(each, "shortened", SHORTENED))
        proposed.warnings.append(warning("shortened", each))
