"""Chromium, driven by Playwright: what a page says, what goes wrong in it, and what axe finds."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass
class Browser:
    """One page of a browser. errors: what its log told that is wrong, with the address; answers: those above 399."""

    page: Page
    version: str
    axe: str
    errors: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)
    """Statuses that the walk asks for."""

    def text(self, selector: str) -> str:
        """The text of the first match."""
        return str(self.page.locator(selector).first.inner_text())

    def texts(self, selector: str) -> list[str]:
        """The texts of all matches."""
        return [str(each) for each in self.page.locator(selector).all_inner_texts()]

    def findings(self) -> list[str]:
        """What axe finds on the page as it is."""
        self.page.evaluate(self.axe)
        found: dict[str, Any] = self.page.evaluate("axe.run(document)")
        return [
            f"{rule['id']} ({rule['impact']}): {node['target']} {node['html'][:120]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(wider))


def executable() -> str:
    """The browser that is installed. Raises FileNotFoundError."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise FileNotFoundError(f"none of {', '.join(BROWSERS)} is installed")
    return found


@contextmanager
def opened(downloads: Path) -> Iterator[Browser]:
    """A browser with an empty page."""
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(
            executable_path=executable(), args=["--no-sandbox"], downloads_path=str(downloads)
        )
        page = chromium.new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(REPORT_VIOLATIONS)
        axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
        browser = Browser(page, str(chromium.version), axe)
        page.on("pageerror", lambda error: browser.errors.append(f"{page.url}: {error}"))
        page.on("console", lambda message: _hear(browser, message))
        page.on("response", lambda answer: _see(browser, answer))
        page.on("dialog", lambda dialog: dialog.accept())
        yield browser
        chromium.close()


def _hear(browser: Browser, message: Any) -> None:
    if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
        browser.errors.append(f"{browser.page.url}: {message.text}")


def _see(browser: Browser, answer: Any) -> None:
    if answer.status >= 400 and answer.status not in browser.expected:
        browser.errors.append(f"{answer.url}: {answer.status}")
