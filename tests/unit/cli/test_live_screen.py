"""Messages that scroll by on a terminal are readable."""

import io
import re

import pytest
from rich.console import Console

from tests.unit.cli.test_plain_progress import FAILED
from tests.unit.facts import job_ref
from tonearm.cli.live_screen import Screen
from tonearm.cli.plain_progress import lines
from tonearm.events.facts import JobFinished, WorkloadKnown
from tonearm.events.states import Decoded, Workload
from tonearm.progress.live import LiveView


def test_what_went_wrong_is_broken_between_words() -> None:
    console = Console(width=24, file=io.StringIO(), force_terminal=True, record=True)
    Screen(LiveView(), console)(FAILED)
    shown = [line.rstrip() for line in console.export_text().splitlines()]
    assert " ".join(shown).split() == " ".join(lines(FAILED)).split()
    assert shown[-1] == "         look at it"
    assert len(shown) > len(lines(FAILED))


@pytest.mark.parametrize("width", [80, 120])
def test_what_is_left_and_what_holds_it_up_have_a_line_of_their_own(width: int) -> None:
    view = LiveView()
    learned: dict[str, tuple[Decoded, ...]] = {"flac": (Decoded(0, 100, 2_500_000_000, 25_000.0, 250.0),)}
    view(WorkloadKnown(1, 2, {"flac": (Workload(900, 22_500_000_000),)}, learned))
    view(JobFinished(job_ref(1, size=25_000_000), "done", 2.5, timings={"decode": 2.0}, decoded_s=250.0))
    console = Console(width=width, file=io.StringIO(), force_terminal=True, record=True)
    with Screen(view, console):
        pass
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    [left] = [line for line in lines if "to go" in line]
    words = r"\d+–\d+ min to go · 899 files, \d+ h of audio left · held up by decoding \(\d+%\)"
    assert re.fullmatch(words, left)
    assert any(line.endswith("audio-h/h") for line in lines)
