"""A diagnosis: a fact about the installation, or something that is wrong with it and the remedy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from tonearm.doctor.ids import ERRORS, FACTS, WARNINGS


class Severity(StrEnum):
    """How much a diagnosis matters."""

    FACT = "fact"  # nothing is wrong
    WARNING = "warning"  # work goes on, with something to look at
    ERROR = "error"  # files can't be analysed, or results may be lost


IDS: Mapping[str, Severity] = MappingProxyType(
    dict.fromkeys(FACTS, Severity.FACT)
    | dict.fromkeys(WARNINGS, Severity.WARNING)
    | dict.fromkeys(ERRORS, Severity.ERROR)
)
"""The severity of every id. Ids are stable; docs/reference/doctor.md explains each."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found about one thing.

    subject: the thing, such as a server, a folder or a setting. detail: what was found, a clause without a full stop.
    remedy: what to do about it; ``None`` for a fact.
    """

    id: str
    subject: str
    detail: str
    remedy: str | None = None

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return IDS[self.id]

    @property
    def area(self) -> str:
        """The part of the installation that it is about: the id up to its dot."""
        return self.id.partition(".")[0]

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {
            "id": self.id,
            "severity": self.severity,
            "subject": self.subject,
            "detail": self.detail,
            "remedy": self.remedy,
        }
