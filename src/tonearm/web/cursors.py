"""Cursors: positions in lists as opaque texts for URLs."""

import base64
import binascii
import json
from collections.abc import Callable
from math import isfinite
from typing import Any

from tonearm.errors import ConfigurationError
from tonearm.jobs.failed_jobs import FailedPosition
from tonearm.library.column_types import stored_text
from tonearm.views.jobs import JobPosition
from tonearm.views.walks import Position


class InvalidCursor(ConfigurationError):
    """A cursor that this service has not made, or for another list."""

    def __init__(self) -> None:
        super().__init__("the cursor is not one of this list: take `next` of an answer, unchanged")


def of_tracks(position: Position | None) -> str | None:
    """The cursor of a position among tracks."""
    if position is None:
        return None
    return _encoded([position.key, _text(position.root), _text(position.path)])


def to_tracks(cursor: str | None, can_follow: Callable[[Any], bool]) -> Position | None:
    """The position of a cursor. can_follow: whether the list can have a key. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case [key, str(root), str(path)] if can_follow(key):
            return Position(key, _bytes(root), _bytes(path))
    raise InvalidCursor


def of_jobs(position: JobPosition | None) -> str | None:
    """The cursor of a position among jobs."""
    return None if position is None else _encoded([position.part, position.key, position.id])


def to_jobs(cursor: str | None) -> JobPosition | None:
    """The position of a cursor. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case [part, float(key), id] if (
            _is_whole(part) and part in (0, 1, 2) and isfinite(key) and _is_whole(id)
        ):
            return JobPosition(part, key, id)
    raise InvalidCursor


def of_failures(position: FailedPosition | None) -> str | None:
    """The cursor of a position among failed files."""
    return None if position is None else _encoded([position.code, position.id])


def to_failures(cursor: str | None) -> FailedPosition | None:
    """The position of a cursor. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case [str(code), id] if _is_text(code) and _is_whole(id):
            return FailedPosition(code, id)
    raise InvalidCursor


def of_id(number: int | None) -> str | None:
    """The cursor of a list that is read by ids."""
    return None if number is None else _encoded([number])


def to_id(cursor: str | None) -> int | None:
    """The id of a cursor. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case [number] if _is_whole(number):
            return int(number)
    raise InvalidCursor


def of_name(name: str | None) -> str | None:
    """The cursor of a list that is read by names."""
    return None if name is None else _encoded([name])


def to_name(cursor: str | None) -> str | None:
    """The name of a cursor. Raises InvalidCursor."""
    match None if cursor is None else _decoded(cursor):
        case None:
            return None
        case [str(name)] if _is_text(name):
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
