"""Log lines for a person: time, level and event, then what the line tells as ``name=value``."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31", "critical": "1;31"}
_DIM, _BOLD = "2", "1"
_SHOWN_BEFORE = ("timestamp", "level", "event", "exception")
_LEFT_OUT = ("service", "host", "pid", "logger", "worker")
"""Fields that are the same in each line of a process."""
_FIRST = ("text", "reason", "state", "path", "duration_ms")
_LAST = ("correlation_id",)


class TextLines:
    """Renders the fields of a line as text; ``coloured``: for a terminal, with the local time."""

    def __init__(self, coloured: bool) -> None:
        self._coloured = coloured

    def __call__(self, _: Any, __: str, fields: Mapping[str, Any]) -> str:
        """The line, and below it the exception, if any."""
        level = fields["level"]
        parts = [
            self._styled(self._time(fields["timestamp"]), _DIM),
            self._styled(f"{level:8}", _COLOURS[level]),
            self._styled(self._event(fields), _BOLD),
            *(f"{self._styled(f'{name}=', _DIM)}{_shown(value)}" for name, value in _others(fields)),
        ]
        line = " ".join(parts)
        return f"{line}\n{fields['exception']}" if "exception" in fields else line

    def _time(self, timestamp: str) -> str:
        if not self._coloured:
            return timestamp
        return datetime.fromisoformat(timestamp).astimezone().isoformat(timespec="milliseconds")[11:23]

    def _event(self, fields: Mapping[str, Any]) -> str:
        logger: str = fields["logger"]
        return fields["event"] if logger.startswith("tonearm") else f"{logger}: {fields['event']}"

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._coloured else text


def _others(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a line tells beside its head, the most telling first; without what does not apply."""
    apart = {*_SHOWN_BEFORE, *_LEFT_OUT, *_FIRST, *_LAST}
    names = (*_FIRST, *(name for name in fields if name not in apart), *_LAST)
    for name in names:
        value = fields.get(name)
        if value not in (None, "", {}, [], False):
            yield name, value


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{_shown(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 10 else f"{value:g}"
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or not text else text
