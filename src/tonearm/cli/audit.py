"""``tonearm audit``: shows what persons and programs had the library do."""

from collections.abc import Mapping
from typing import Any

import click

from tonearm.cli.opened import library
from tonearm.cli.options import data_option, json_option, limit_option, print_json
from tonearm.cli.since import SINCE
from tonearm.cli.tables import Column, Listing
from tonearm.names import printable
from tonearm.views.formatting import moment

COLUMNS = (
    Column("when"),
    Column("who", rank=2),
    Column("from", rank=3),
    Column("action", least=12),
    Column("rows", rank=1, right=True),
    Column("about", least=16),
)


@click.command()
@click.option("--since", metavar="WHEN", type=SINCE, help="Only since then: 90m, 12h, 7d, or a date.")
@limit_option(50)
@data_option
@json_option
def audit(since: float | None, limit: int, data: str | None, as_json: bool) -> None:
    """Show what was done by command, in `tonearm top`, on a page and through the API; the newest first."""
    with library(data) as opened:
        found = opened.audit.latest(limit, since)
    if as_json:
        for entry in found:
            print_json(entry.to_json())
        return
    with Listing(COLUMNS, "Nothing was done yet.") as listing:
        for entry in found:
            listing.add(
                moment(entry.at),
                printable(entry.actor.who),
                printable(entry.actor.origin),
                entry.action,
                "" if entry.rows is None else f"{entry.rows:,}",
                about_text(entry.about),
            )


def about_text(about: Mapping[str, Any]) -> str:
    """What an action was about, in one line."""
    return printable(", ".join(f"{name} {_text(value)}" for name, value in about.items()))


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
