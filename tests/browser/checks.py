"""Counts what was checked, and keeps what was not as it should be."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TRIES = 120


@dataclass
class Checks:
    """What was checked so far. counts: by kind. faults: what was wrong."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def that(self, kind: str, what: str, holds: object, found: object = "") -> None:
        """Check that something holds. ``found``: what there is instead."""
        self.counts[kind] += 1
        if not holds:
            self.faults.append(f"{what}: {found}" if found != "" else what)
            print(f"  WRONG {self.faults[-1]}", flush=True)

    def equal(self, kind: str, what: str, shown: object, wanted: object) -> None:
        """Check that two values are equal."""
        self.that(kind, what, shown == wanted, f"{shown!r}, and it should be {wanted!r}")

    def agree(self, what: str, on_page: Callable[[], Any], in_database: Callable[[], Any]) -> None:
        """Check that the page shows what the database has, at a moment at which the database did not change."""
        shown: Any = None
        for _ in range(TRIES):
            before = in_database()
            shown = on_page()
            if shown == before == in_database():
                break
            time.sleep(0.25)  # the page follows within a moment
        self.equal("numbers", what, shown, in_database())

    def becomes(self, what: str, holds: Callable[[], Any]) -> None:
        """Check that a button had its effect, which may take a moment."""
        found = None
        for _ in range(TRIES):
            if found := holds():
                break
            time.sleep(0.25)
        self.that("buttons", what, found)
