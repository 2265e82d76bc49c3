"""Renders records as JSON objects, or as text for a person, by structlog's formatter for the logging tree."""

import json
import logging
from collections.abc import MutableMapping
from typing import Any

from structlog.processors import JSONRenderer, format_exc_info
from structlog.stdlib import ProcessorFormatter
from structlog.typing import Processor

from tonearm.names import printable
from tonearm.settings import without_passwords
from tonearm.telemetry.log_fields import line_fields
from tonearm.telemetry.log_text import terminal_lines, text_line

Fields = MutableMapping[str, Any]


def json_lines() -> logging.Formatter:
    """Renders each record as one JSON object."""
    return _formatter(JSONRenderer(serializer=_dumps))


def text_lines(terminal: bool) -> logging.Formatter:
    """Renders each record as text. ``terminal``: in colours and as wide as the terminal; else in one line."""
    return _formatter(terminal_lines if terminal else text_line)


def _formatter(renderer: Processor) -> logging.Formatter:
    return ProcessorFormatter(
        foreign_pre_chain=[_fields, format_exc_info, _escaped_exception],
        processors=[ProcessorFormatter.remove_processors_meta, renderer],
    )


def _fields(_: Any, __: str, event: Fields) -> Fields:
    """The fields of a line, with what ``ProcessorFormatter`` needs beside them."""
    return {**line_fields(event["_record"]), **{name: event[name] for name in event if name != "event"}}


def _escaped_exception(_: Any, __: str, event: Fields) -> Fields:
    """Escape an exception's text, which may contain names of files and addresses, but keep its lines."""
    if "exception" in event:
        text = without_passwords(event["exception"])
        event["exception"] = "\n".join(printable(line) for line in text.splitlines())
    return event


def _dumps(event: Fields, **_: Any) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)
