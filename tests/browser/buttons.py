"""Presses the buttons of the pages, and looks in the database and on the disk whether they did what they say."""

import json
from pathlib import Path
from typing import Any

from tests.browser.checks import Checks
from tests.browser.chromium import Browser
from tests.browser.place import Place, until
from tonearm.settings import Level


def press(browser: Browser, name: str, within: str = "main") -> None:
    """Press the first button of a name."""
    browser.page.locator(within).get_by_role("button", name=name).first.click()
    browser.page.wait_for_load_state()


def state(place: Place, run: int) -> str:
    """The state of a run."""
    return str(place.value("SELECT state FROM runs WHERE id = ?", run))


def hold(browser: Browser, place: Place, checks: Checks, run: int) -> None:
    """Pause a run and wait until no child has a file of it."""
    browser.page.goto(place.url)
    press(browser, "Pause")
    checks.becomes("Pause pauses the run", lambda: state(place, run) == "paused")
    running = "SELECT count(*) FROM jobs WHERE run_id = ? AND state = 'running'"
    until(lambda: place.value(running, run) == 0)
    waiting = "SELECT count(*) FROM jobs WHERE run_id = ? AND finished_at IS NULL"
    checks.that("buttons", "files wait in the paused run", place.value(waiting, run) > 0)


def prioritise(browser: Browser, place: Place, checks: Checks, run: int) -> None:
    """Give what waits another priority."""
    browser.page.goto(f"{place.url}/runs/{run}")
    browser.page.get_by_label("Priority of what waits").select_option("critical")
    press(browser, "Set")
    levels = "SELECT DISTINCT level FROM jobs WHERE run_id = ? AND finished_at IS NULL"
    checks.becomes(
        "Set gives what waits the priority",
        lambda: place.program.query(levels, run) == [(int(Level.CRITICAL),)],
    )


def resume_and_cancel(browser: Browser, place: Place, checks: Checks, run: int) -> None:
    """Go on with a paused run, then cancel it."""
    browser.page.goto(place.url)
    press(browser, "Resume")
    checks.becomes("Resume resumes the run", lambda: state(place, run) == "running")
    browser.page.goto(place.url)
    press(browser, "Cancel")
    checks.becomes("Cancel cancels the run", lambda: state(place, run) == "cancelled")
    cancelled = "SELECT count(*) FROM jobs WHERE run_id = ? AND state = 'cancelled'"
    checks.becomes("Cancel cancels what waits", lambda: place.value(cancelled, run) > 0)


def retry(browser: Browser, place: Place, checks: Checks) -> None:
    """Try one failed file again, those with a code, and all."""
    retried = "SELECT count(*) FROM history WHERE what = 'retried'"
    failed = (
        "SELECT count(*) FROM jobs WHERE state IN ('quarantined', 'partial')"
        " AND id IN (SELECT max(id) FROM jobs GROUP BY file_id)"
    )
    settled = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"
    files = place.value(failed)

    def pressed(what: str, name: str, expected: int) -> None:
        before = place.value(retried)
        press(browser, name)
        checks.becomes(what, lambda: place.value(retried) == before + expected)
        until(lambda: place.value(settled) == 0)
        checks.equal("buttons", f"{what}: they fail again", place.value(failed), files)

    browser.page.goto(f"{place.url}/failures/files?code=not-audio")
    pressed("Try again: one file", "Try again: ", 1)
    browser.page.goto(f"{place.url}/failures")
    pressed("Try all files with a code again", "Try all files with the code not-audio again", _coded(place))
    browser.page.goto(f"{place.url}/failures")
    pressed("Try all of them again", "Try all of them again", files)


def _coded(place: Place) -> int:
    return int(
        place.value(
            "SELECT count(*) FROM jobs WHERE state = 'quarantined' AND code = 'not-audio'"
            " AND id IN (SELECT max(id) FROM jobs GROUP BY file_id)"
        )
    )


def lock(browser: Browser, place: Place, checks: Checks) -> None:
    """Set tempo and key of a track by hand, and take that back."""
    [(file, audio)] = place.program.query(
        "SELECT files.id, audio_id FROM files WHERE CAST(path AS TEXT) LIKE '%Two Gears%'"
    )

    def stored(column: str) -> Any:
        rows = place.program.query(f"SELECT {column} FROM locked_values WHERE audio_id = ?", audio)
        return rows[0][0] if rows else None

    browser.page.goto(f"{place.url}/tracks/{file}")
    browser.page.get_by_label("Another tempo").fill("123.5")
    press(browser, "Lock", "form:has(input[name=value][type=number])")
    checks.becomes("Lock sets the tempo", lambda: stored("bpm") == 123.5)
    checks.that("buttons", "the locked tempo is shown", "123.5" in browser.text("main"))
    press(browser, "Unlock the tempo")
    checks.becomes("Unlock gives the measured tempo back", lambda: stored("bpm") is None)
    browser.page.locator("form.choose select[name=value]").select_option("5A")
    press(browser, "Lock", "form:has(select[name=value])")
    checks.becomes("Lock sets the key", lambda: stored("camelot") == "5A")
    press(browser, "Unlock the key")
    checks.becomes("Unlock gives the measured key back", lambda: stored("camelot") is None)


def play(browser: Browser, place: Place, checks: Checks) -> None:
    """Play a track: the sound goes on, and the beats are counted."""
    file = place.value("SELECT id FROM files WHERE CAST(path AS TEXT) LIKE '%Two Gears%'")
    browser.page.goto(f"{place.url}/tracks/{file}")
    browser.page.evaluate("document.getElementById('audio').muted = true")
    browser.page.locator("#wave").click(position={"x": 200, "y": 40})
    browser.page.evaluate("document.getElementById('audio').play()")
    at = "document.getElementById('audio').currentTime"
    began = float(browser.page.evaluate(at))
    checks.becomes(
        "a press on the waveform plays from there", lambda: float(browser.page.evaluate(at)) > began + 1
    )
    checks.becomes("the beats are counted", lambda: int(browser.text("#beat-number")) > 0)
    browser.page.evaluate("document.getElementById('audio').pause()")


def decide(browser: Browser, place: Place, checks: Checks, path: str, apply: str, undo: str) -> None:
    """Approve and reject one proposal and all, carry them out and take them back. path: of the page."""

    def statuses() -> dict[str, int]:
        return dict(
            place.program.query(
                "SELECT status, count(*) FROM proposals WHERE batch_id = ? GROUP BY status", batch
            )
        )

    before = contents(place.music)
    browser.page.goto(f"{place.url}{path}")
    batch = int(browser.page.locator("form.filter input[name=batch]").input_value())
    press(browser, "Approve proposal")
    checks.becomes(f"{path}: Approve approves one", lambda: statuses().get("approved") == 1)
    press(browser, "Reject proposal")
    checks.becomes(f"{path}: Reject rejects one", lambda: statuses().get("rejected") == 1)
    press(browser, "Reject all that match")
    _ended(browser, path)
    checks.that("buttons", f"{path}: Reject all rejects all", "approved" not in statuses(), statuses())
    press(browser, "Approve all that match")
    _ended(browser, path)
    approved = statuses().get("approved", 0)
    checks.that("buttons", f"{path}: Approve all approves what has no conflict", approved > 1, statuses())
    checks.equal("buttons", f"{path}: deciding changes no file", contents(place.music), before)
    press(browser, apply)
    checks.that("buttons", f"{path}: the action tells its end", _ended(browser, path).startswith("done"))
    checks.equal("buttons", f"{path}: what was approved is applied", statuses().get("applied"), approved)
    after = contents(place.music)
    changed = len(before.items() - after.items())
    checks.equal("buttons", f"{path}: as many files are changed", changed, approved)
    press(browser, undo)
    _ended(browser, path)
    checks.equal("buttons", f"{path}: undo gives every file back", contents(place.music), before)
    checks.equal("buttons", f"{path}: they are undone", statuses().get("undone"), approved)


def contents(folder: Path) -> dict[bytes, bytes]:
    """The bytes of every file at the top of a folder, by name."""
    return {bytes(path): path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _ended(browser: Browser, path: str) -> str:
    """Wait for the end of an action, and go back; returns what it told."""
    browser.page.wait_for_selector("#action a.button")
    told = browser.text("#action p[role=status]")
    browser.page.locator(f'#action a[href="{path}"]').click()
    browser.page.wait_for_load_state()
    return told


def audited(place: Place, checks: Checks) -> None:
    """Everything that the walk did is in the audit, as done on a page."""
    done = {action for (action,) in place.program.query("SELECT DISTINCT action FROM audit")}
    wanted = {"pause a run", "resume a run", "cancel a run", "change priorities", "retry failed files"}
    checks.that("buttons", "the audit has what was done to runs and files", wanted <= done, sorted(done))
    about = [json.loads(each) for (each,) in place.program.query("SELECT about FROM audit")]
    checks.that("buttons", "each entry of the audit says what it was about", all(about), about)
