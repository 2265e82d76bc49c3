"""Messages that scroll by on a terminal are readable."""

import io

from rich.console import Console

from tests.unit.cli.test_plain_progress import FAILED
from tonearm.cli.live_screen import Screen
from tonearm.cli.plain_progress import lines
from tonearm.progress.live import LiveView


def test_what_went_wrong_is_broken_between_words() -> None:
    console = Console(width=24, file=io.StringIO(), force_terminal=True, record=True)
    Screen(LiveView(), console)(FAILED)
    shown = [line.rstrip() for line in console.export_text().splitlines()]
    assert " ".join(shown).split() == " ".join(lines(FAILED)).split()
    assert shown[-1] == "         look at it"
    assert len(shown) > len(lines(FAILED))
