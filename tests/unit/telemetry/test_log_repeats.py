"""A library that repeats a warning is heard once a minute; this program always."""

import logging

from tonearm.telemetry import log_repeats
from tonearm.telemetry.log_repeats import AGAIN_S, Repeats


def record(text: str, name: str = "pika.adapters", level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, text, None, None)


def test_a_repeated_warning_passes_once_in_a_while_and_says_how_often_it_came() -> None:
    now = 1000.0
    repeats = Repeats(lambda: now)
    assert [bool(repeats.filter(record("no answer from %s"))) for _ in range(4)] == [
        True,
        False,
        False,
        False,
    ]
    assert repeats.filter(record("something else"))
    now += AGAIN_S
    again = record("no answer from %s")
    assert repeats.filter(again)
    assert vars(again)["repeated"] == 3


def test_messages_of_this_program_and_those_below_warnings_always_pass() -> None:
    repeats = Repeats(lambda: 1000.0)
    for name, level in (("tonearm.warnings", logging.WARNING), ("sqlalchemy.engine", logging.INFO)):
        assert all(repeats.filter(record("again", name, level)) for _ in range(3))


def test_it_remembers_a_bounded_number_of_messages() -> None:
    repeats = Repeats(lambda: 1000.0)
    for number in range(3 * log_repeats.MOST_KINDS):
        assert repeats.filter(record(f"no answer on port {number}"))
    assert len(repeats._passed) <= log_repeats.MOST_KINDS
