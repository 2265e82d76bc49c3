"""The figures in the guide are those of the program."""

from pathlib import Path

from tonearm.bootstrap.tune import READERS
from tonearm.cli.tune import SECONDS
from tonearm.tuning.plan import REPEATS
from tonearm.tuning.proposals import MARGIN, START_SHARE
from tonearm.tuning.sample import LONG

DOCS = Path(__file__).parents[3] / "docs"
WORDS = {3: "three", 4: "four"}


def test_the_figures_in_the_guide_are_those_of_the_program() -> None:
    page = " ".join((DOCS / "how-to" / "tune.md").read_text("utf-8").split())
    told = (
        f"faster by more than {MARGIN * 100:g} %",
        f"takes more than {START_SHARE * 100:g} % of the time",
        f"more than {WORDS[LONG]} times as large as the middle one",
        f"measured {WORDS[REPEATS]} times or more",
        f"by one reader and by {WORDS[READERS]}",
    )
    assert [each for each in told if each not in page] == []
    assert f"{SECONDS} by default" in (DOCS / "reference" / "commands.md").read_text("utf-8")
