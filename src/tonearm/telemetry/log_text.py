"""Log lines for a person: in a file one line each, on a terminal a headline and, below it, what else is known."""

import json
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

Fields = Mapping[str, Any]

_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_DIM, _BOLD = "2", "1"
_LEFT_OUT = frozenset(
    ("timestamp", "level", "event", "exception", "service", "host", "pid", "logger", "worker", "severity")
)
"""Fields that are shown in another place, or are the same in each line of a process."""
_FIRST = ("text", "reason", "state", "path", "duration_ms")
_LAST = "correlation_id"
_INDENT = " " * 13
_DEFAULT_WIDTH = 80


def text_line(_: Any, __: str, fields: Fields) -> str:
    """One line with the time in UTC and ``name=value`` pairs, and below it the exception, if any."""
    pairs = [f"{name}={_quoted(value)}" for name, value in _told(fields)]
    head = f"{fields['timestamp']} {fields['level']:8} {_event(fields)}"
    return _with_exception(" ".join([head, *pairs]), fields)


def terminal_lines(_: Any, __: str, fields: Fields) -> str:
    """A headline in colours with the local time; the other fields below it, as wide as the terminal."""
    told = dict(_told(fields))
    headline = ", ".join(_about(told))
    said = [_shown(told.pop(name)) for name in ("text", "reason") if name in told]
    headline = ": ".join([*([headline] if headline else []), *said])
    at = datetime.fromisoformat(fields["timestamp"]).astimezone().isoformat(timespec="milliseconds")[11:23]
    level = fields["level"]
    event = f"{_event(fields)}:" if headline else _event(fields)
    head = f"{_styled(at, _DIM)} {_styled(level, _COLOURS[level])} {_styled(event, _BOLD)} {headline}"
    rest = " ".join(f"{name}={_spaced(value)}" for name, value in told.items())
    below = textwrap.wrap(
        rest,
        _width(),
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return _with_exception("\n".join([head.rstrip(), *(_styled(line, _DIM) for line in below)]), fields)


def _about(told: dict[str, Any]) -> Iterator[str]:
    """What a line is about; taken out of what is told below it."""
    if "state" in told:
        yield _shown(told.pop("state"))
    if "duration_ms" in told:
        yield f"{_shown(told.pop('duration_ms'))} ms"
    if "path" in told:
        yield _shown(told.pop("path"))


def _with_exception(line: str, fields: Fields) -> str:
    return f"{line}\n{fields['exception']}" if "exception" in fields else line


def _event(fields: Fields) -> str:
    logger: str = fields["logger"]
    event: str = fields["event"]
    return event if logger.startswith("tonearm") else f"{logger}: {event}"


def _styled(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"


def _width() -> int:
    try:
        return max(40, os.get_terminal_size(sys.stderr.fileno()).columns)
    except (OSError, ValueError):
        return _DEFAULT_WIDTH


def _told(fields: Fields) -> Iterator[tuple[str, Any]]:
    """What a line tells beside its head, the most telling first; without what does not apply, and without tables."""
    names = (*_FIRST, *(name for name in fields if name not in {*_FIRST, _LAST}), _LAST)
    for name in names:
        value = fields.get(name)
        is_table = isinstance(value, list) and value and isinstance(value[0], Mapping)
        if name not in _LEFT_OUT and not is_table and value not in (None, "", {}, [], False):
            yield name, value


def _quoted(value: Any) -> str:
    text = _shown(value)
    return json.dumps(text, ensure_ascii=False) if " " in text else text


def _spaced(value: Any) -> str:
    """The same for lines that are wrapped between words."""
    if isinstance(value, Mapping):
        return f"({' '.join(f'{name}={_shown(inner)}' for name, inner in value.items())})"
    return _quoted(value)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{_shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
    return str(value)
