"""Looks at every page: in three widths and two colour schemes, with axe, and with its pictures kept."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from tests.browser.checks import Checks
from tests.browser.chromium import Browser
from tests.browser.place import Place

WIDTHS = (1440, 1024, 390)
HEIGHT = 900
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def paths(place: Place) -> Iterator[tuple[str, str]]:
    """The name and the path of every page."""
    yield "now", "/"
    yield "library", "/library"
    yield "library-columns", "/library?key=8A&neighbours=yes&column=bpm&column=energy&column=path"
    yield "coverage", "/library/coverage"
    whole = "SELECT id FROM files WHERE CAST(path AS TEXT) LIKE '%Two Gears%'"
    yield "track", f"/tracks/{place.value(whole)}"
    failed = "SELECT file_id FROM jobs WHERE state = 'quarantined' ORDER BY id LIMIT 1"
    yield "track-failed", f"/tracks/{place.value(failed)}"
    yield "plots", "/plots"
    yield "names", "/names"
    yield "tags", "/tags"
    yield "failures", "/failures"
    yield "failed-files", "/failures/files?code=not-audio"
    yield "runs", "/runs"
    unread = "SELECT max(id) FROM runs WHERE unread LIKE '%count%'"
    yield "run", f"/runs/{place.value(unread)}"
    slowest = "SELECT job_id FROM attempts WHERE outcome = 'done' ORDER BY run_s DESC LIMIT 1"
    yield "job", f"/jobs/{place.value(slowest)}"
    yield "workers", "/workers"
    yield "problem", "/tracks/999999"


def look(browser: Browser, place: Place, checks: Checks, pictures: Path, widths: Sequence[int]) -> None:
    """Look at every page. ``widths``: in pixels."""
    browser.expected = {404}
    for scheme in SCHEMES:
        browser.page.emulate_media(color_scheme=scheme)
        for width in widths:
            browser.page.set_viewport_size({"width": width, "height": HEIGHT})
            for name, path in paths(place):
                one(browser, f"{place.url}{path}", checks, pictures / f"{name}-{width}-{scheme}.png")
    browser.expected = set()
    browser.page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})


def one(browser: Browser, url: str, checks: Checks, picture: Path) -> None:
    """Look at one page as the browser is set up."""
    browser.page.goto(url)
    browser.page.wait_for_load_state("load")
    browser.page.screenshot(path=str(picture), full_page=True)
    found = browser.findings()
    checks.that("views", f"{picture.stem}: axe", not found, found)
    wider = browser.overflow()
    checks.that("views", f"{picture.stem}: fits the width", wider <= 0, f"{wider} pixels too wide")
