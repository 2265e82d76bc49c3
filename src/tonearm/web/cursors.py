"""Cursors: positions in lists as opaque texts for URLs. Each also names its list and, for tracks, their order."""

import base64
import binascii
import json
from collections.abc import Callable
from math import isfinite
from typing import Any

from tonearm.errors import ConfigurationError
from tonearm.jobs.failed_jobs import FailedPosition
from tonearm.library.column_types import stored_text
from tonearm.views.index_walks import Position
from tonearm.views.jobs import JobPosition


class InvalidCursor(ConfigurationError):
    """A cursor that this service has not made, or for another list."""

    def __init__(self) -> None:
        super().__init__("the cursor is not one of this list: take `next` of an answer, unchanged")


def of_tracks(position: Position | None, order: str) -> str | None:
    """The cursor of a position among tracks. order: the column, with a ``-`` before it for descending."""
    if position is None:
        return None
    return _encoded(["tracks", order, position.key, _text(position.root), _text(position.path)])


def to_tracks(cursor: str | None, order: str, can_have: Callable[[Any], bool]) -> Position | None:
    """The position of a cursor. can_have: whether the column can have a value. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case ["tracks", str(ordered), key, str(root), str(path)] if ordered == order and can_have(key):
            return Position(key, _bytes(root), _bytes(path))
    raise InvalidCursor


def of_jobs(position: JobPosition | None) -> str | None:
    """The cursor of a position among jobs."""
    return None if position is None else _encoded(["jobs", position.part, position.key, position.id])


def to_jobs(cursor: str | None) -> JobPosition | None:
    """The position of a cursor. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case ["jobs", part, float(key), id] if (
            _is_whole(part) and part in (0, 1, 2) and isfinite(key) and _is_whole(id)
        ):
            return JobPosition(part, key, id)
    raise InvalidCursor


def of_failures(position: FailedPosition | None) -> str | None:
    """The cursor of a position among failed files."""
    return None if position is None else _encoded(["failures", position.code, position.id])


def to_failures(cursor: str | None) -> FailedPosition | None:
    """The position of a cursor. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case ["failures", str(code), id] if _is_text(code) and _is_whole(id):
            return FailedPosition(code, id)
    raise InvalidCursor


def of_id(of: str, number: int | None) -> str | None:
    """The cursor of a list that is read by ids. of: which list."""
    return None if number is None else _encoded([of, number])


def to_id(of: str, cursor: str | None) -> int | None:
    """The id of a cursor. of: which list. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case [str(listed), number] if listed == of and _is_whole(number):
            return int(number)
    raise InvalidCursor


def of_name(of: str, name: str | None) -> str | None:
    """The cursor of a list that is read by names. of: which list."""
    return None if name is None else _encoded([of, name])


def to_name(of: str, cursor: str | None) -> str | None:
    """The name of a cursor. of: which list. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case [str(listed), str(name)] if listed == of and _is_text(name):
            return name
    raise InvalidCursor


def _encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _decoded(cursor: str) -> Any:
    try:
        found = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True)
        return json.loads(found, parse_constant=_refused)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidCursor from error


def _refused(_: str) -> Any:
    raise InvalidCursor


def _text(path: bytes) -> str:
    return base64.b64encode(path).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor from error


def _is_whole(number: Any) -> bool:
    """Whether it is a whole number that a database has room for."""
    return type(number) is int and -(2**63) <= number < 2**63


def _is_text(text: str) -> bool:
    """Whether a database can compare the text with its own."""
    return stored_text(text) == text
