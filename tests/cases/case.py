"""A file of the table, and how what the program stored of it is held against what is right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

TOLERANCE = 0.06
"""How far a number with decimals may be off."""


@dataclass(frozen=True)
class Kind:
    """What several files have in common. source: where it was reported or is specified."""

    name: str
    source: str


@dataclass(frozen=True)
class Case:
    """One file.

    name: with the ending that it gets. make: returns its bytes.
    right: values by the names of fields in the JSON of ``tracks --full``. A set holds several that are right, a pair a
    number and how far it may be off, a function returns the value. Beside them: ``code`` of a failure; ``written``, pairs of the name and the text
    of a tag; ``says`` and ``remark``, parts of a warning or reason and of a remark. A file without ``state`` is done,
    and without ``says`` has no warning.
    """

    kind: Kind
    name: str
    make: Callable[[], bytes]
    right: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Where it lies in the folder of all cases."""
        return f"{self.kind.name}/{self.name}"


def differences(case: Case, track: Mapping[str, Any], failure: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with a stored track, a line each. ``failure``: of the file, where there is one."""
    right = {"state": "done", **case.right}
    said = [*track["warnings"], *([track["tags_warning"]] if track["tags_warning"] else [])]
    if failure is not None:
        said.append(failure["reason"])
    wrong = []
    for name, value in right.items():
        if name == "written":
            missing = [pair for pair in value if pair[1] not in track["tags"].get(pair[0], [])]
            if missing:
                wrong.append(f"{case.path}: the tags {track['tags']} lack {missing}")
        elif name in ("says", "remark"):
            where = said if name == "says" else track["remarks"]
            if not any(value in sentence for sentence in where):
                wrong.append(f"{case.path}: {where} instead of a sentence with '{value}'")
        else:
            found = (failure or {}).get("code") if name == "code" else track[name]
            if not _is(found, value):
                wrong.append(f"{case.path}: {name} is {found!r} instead of {value!r}")
    if said and "says" not in right and track["state"] == "done":
        wrong.append(f"{case.path}: {said} instead of no warning")
    return wrong


def _is(found: Any, right: Any) -> bool:
    if callable(right):
        right = right()
    if isinstance(right, set):
        return any(_is(found, each) for each in right)
    if isinstance(right, tuple):
        return isinstance(found, float | int) and abs(found - right[0]) <= right[1]
    if isinstance(right, float):
        return isinstance(found, float | int) and abs(found - right) <= TOLERANCE
    return bool(found == right)
