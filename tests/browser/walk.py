"""Walks through every page in Chromium.

``python -m tests.browser.walk [--keep FOLDER] [--widths PIXELS ...] [--record]``

A real ``tonearm serve`` analyses music with real faults: damaged files, files that are no music, hostile names, a
folder that can't be read. Meanwhile and afterwards the numbers of every page are compared with what SQL reads from the
database, and every button is pressed and its effect looked for in the database and on the disk. Then every page is
looked at in three widths, dark and light: nothing wider than its window, nothing found by axe. The browser's log must
stay without an error, a violation of the content security policy or an answer above 399.

It needs Chromium and the packages of the group ``browser`` (``uv pip install --group browser``); for the page of
workers and its button, PostgreSQL as ``TONEARM_DATABASE_URL`` names it, where it makes a database of its own. --keep:
keeps the pictures there. --record: writes the numbers to results/walk.json. Takes some minutes.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.browser import buttons, numbers
from tests.browser.checks import Checks
from tests.browser.chromium import Browser, opened
from tests.browser.look import SCHEMES, WIDTHS, look
from tests.browser.place import READ_MB_S, Place, make_music, served, until
from tests.browser.workers import walk_workers
from tests.material import good
from tests.performance.results import record
from tests.program import Program

RESULTS = Path(__file__).parent / "results"
LATEST_RUN = "SELECT max(id) FROM runs"
TEMPLATE = "{artist} - {title}< [{bpm:.0f} {camelot}]>"


def while_it_analyses(browser: Browser, place: Place, checks: Checks) -> None:
    """One run is paused, prioritised, resumed and cancelled; the next one is followed to its end."""
    call = place.program.start("analyze", place.music, "--json")
    run = until(lambda: place.value("SELECT coalesce(max(id), 0) FROM runs WHERE paths LIKE '%music%'"))
    ended = "SELECT count(*) FROM jobs WHERE run_id = ? AND finished_at IS NOT NULL"
    until(lambda: place.value(ended, run) >= 4)
    until(lambda: place.value("SELECT scanned_at FROM runs WHERE id = ?", run))
    buttons.hold(browser, place, checks, run)
    numbers.now(browser, place, checks, run)
    buttons.prioritise(browser, place, checks, run)
    numbers.now(browser, place, checks, run)
    buttons.resume_and_cancel(browser, place, checks, run)
    place.program.wait(call)
    place.program.run("analyze", place.music, timeout=600)
    browser.page.goto(place.url)
    checks.becomes("Now says that nothing waits", lambda: "No run is open" in browser.text("main"))


def walk(browser: Browser, folder: Path, pictures: Path, checks: Checks, widths: Sequence[int]) -> None:
    """The whole walk over a library in a folder."""
    music = folder / "music"
    closed = make_music(music)
    first = folder / "first"
    first.mkdir()
    (first / "first.wav").write_bytes(good("wav", seed=1))
    with Program(folder / "library", TONEARM_READ_MB_S=READ_MB_S) as program:
        program.run("analyze", first, check=True)
        with served(program) as url:
            place = Place(program, music, url)
            _say("while it analyses")
            while_it_analyses(browser, place, checks)
            _say("failures, locks, sound")
            buttons.retry(browser, place, checks)
            buttons.lock(browser, place, checks)
            buttons.play(browser, place, checks)
            _say("numbers")
            for page in (
                numbers.runs,
                numbers.job,
                numbers.library,
                numbers.coverage,
                numbers.plots,
                numbers.failures,
            ):
                page(browser, place, checks)
        program.run("rename", "plan", music, "--template", TEMPLATE)
        program.run("tags", "plan", music)
        with served(program, "--no-analyze") as url:
            place = Place(program, music, url)
            _say("names and tags")
            numbers.proposals(browser, place, checks, "/names", "rename")
            numbers.proposals(browser, place, checks, "/tags", "tags")
            buttons.decide(browser, place, checks, "/names", "Rename the", "renamed file")
            buttons.decide(browser, place, checks, "/tags", "Write the tags of", "written file")
            buttons.audited(place, checks)
            program.run("rename", "plan", music, "--template", TEMPLATE)
            program.run("tags", "plan", music)
            _say(f"every page at {', '.join(map(str, widths))} pixels, {' and '.join(SCHEMES)}")
            look(browser, place, checks, pictures, widths)
    closed.chmod(0o700)


def _say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def main() -> int:
    """Walk, print, and record."""
    parser = argparse.ArgumentParser(description="Every page in a real browser.")
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--widths", type=int, nargs="*", default=WIDTHS, metavar="PIXELS")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tonearm-walk-") as name:
        folder = Path(name)
        pictures = options.keep or folder / "pictures"
        pictures.mkdir(parents=True, exist_ok=True)
        with opened(folder) as browser:
            walk(browser, folder, pictures, checks, options.widths)
            _say("workers")
            shared = walk_workers(browser, folder, pictures, checks)
            for error in dict.fromkeys(browser.errors):
                checks.that("log", "the browser's log", False, error)
            version = browser.version
    figures = {
        "numbers equal to the database's": checks.counts["numbers"],
        "effects of buttons": checks.counts["buttons"],
        "views without a finding": checks.counts["views"],
        "of it with workers": shared,
        "errors in the browser's log": len(browser.errors),
        "faults": len(checks.faults),
    }
    print(*(f"{name}: {value}" for name, value in figures.items()), *checks.faults, sep="\n")
    if options.record:
        widths = "" if tuple(options.widths) == WIDTHS else f" --widths {' '.join(map(str, options.widths))}"
        record("walk", f"python -m tests.browser.walk{widths}", {"Chromium": version, **figures}, RESULTS)
    return 1 if checks.faults else 0


if __name__ == "__main__":
    sys.exit(main())
