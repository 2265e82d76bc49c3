"""How certain a proposed name is: 1 less the costs of the fields that it was made of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tonearm.naming.fields import Field
from tonearm.naming.render import Filled, Reader

REPLACED, VANISHED, CHANGED, SHORTENED = 0.1, 0.05, 0.03, 0.1
PLACEHOLDER, STRANGE_YEAR = 0.3, 0.2
DOUBT = 0.4
"""Cost of a measured value that is not certain at all."""
LEAST_DOUBT = 0.1
"""Doubt below which a measured value costs nothing."""
YEARS = range(1860, 2101)
_PLACEHOLDER = re.compile(
    r"(?i)(unknown|untitled|no)[ _]?(artist|album|title|genre)?|(track|title|audio ?track|spur|piste)[ _]*\d+|<.*>"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one field costs, and why."""

    field: str
    reason: str
    cost: float


class Judge:
    """Tells what the fields of filled templates cost."""

    def __init__(self, names: Iterable[str], fields: Mapping[str, Field], read: Reader) -> None:
        """``names``: of the fields that are used."""
        found = {name: fields[name] for name in names}
        self._tags = {name for name, field in found.items() if field.source == "tag"}
        self._certainties = {
            name: (field.certainty, read(field.certainty))
            for name, field in found.items()
            if field.certainty is not None
        }

    def costs(self, filled: Filled, track: Any) -> list[Cost]:
        """The costs of the fields of a template that was filled for a track, in the order of their names."""
        found = {Cost(name, "unknown, another is taken", REPLACED) for name in filled.replaced}
        found.update(Cost(name, "unknown, its section is left out", VANISHED) for name in filled.vanished)
        for name, value in filled.used:
            if name in self._tags:
                cost = strangeness(name, value)
            elif name in self._certainties:
                certainty, sure = self._certainties[name]
                cost = doubt_of(name, certainty, sure(track))
            else:
                continue
            if cost is not None:
                found.add(cost)
        return sorted(found, key=lambda cost: (cost.field, cost.reason))


def strangeness(name: str, known: Any) -> Cost | None:
    """What a tag costs that hardly says what it should."""
    if isinstance(known, str):
        return Cost(name, "a placeholder", PLACEHOLDER) if _PLACEHOLDER.fullmatch(known.strip()) else None
    if name.endswith("year") and known not in YEARS:
        return Cost(name, "not a year of a recording", STRANGE_YEAR)
    return None


def doubt_of(field: str, certainty: str, sure: Any) -> Cost | None:
    """What a measured value costs by how certain it is, from 0 to 1; ``None`` where that is enough."""
    doubt = 1 - sure if isinstance(sure, int | float) else 1.0
    return (
        Cost(field, f"{certainty} is {1 - doubt:.2f}", round(DOUBT * doubt, 3))
        if doubt > LEAST_DOUBT
        else None
    )


def cost_rows(costs: Sequence[Cost]) -> list[dict[str, Any]]:
    """Costs as plain values."""
    return [{"field": each.field, "reason": each.reason, "cost": each.cost} for each in costs]


def confidence(costs: list[Cost]) -> float:
    """From 0 to 1."""
    return round(max(0.0, 1 - sum(cost.cost for cost in costs)), 3) if costs else 1.0
