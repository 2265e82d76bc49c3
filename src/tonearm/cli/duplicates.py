"""``tonearm duplicates``: lists the same sound under several paths."""

from itertools import islice

import click

from tonearm.cli.opened import library, place_of
from tonearm.cli.options import data_option, json_option, limit_option, print_json, where
from tonearm.cli.tables import Column, Listing
from tonearm.names import printable
from tonearm.views.duplicates import DESCRIBED, Duplicate, duplicates

COLUMNS = (
    Column("sound"),
    Column("keep"),
    Column("MB", right=True),
    Column("codec", 2),
    Column("kbit/s", 3, right=True),
    Column("complete", 1),
    Column("tags", 4, right=True),
    Column("art", 5, right=True),
    Column("file", least=20, path=True),
)


@click.command("duplicates")
@where
@limit_option(None)
@data_option
@json_option
def list_duplicates(path: str | None, limit: int | None, data: str | None, as_json: bool) -> None:
    """List the files whose sound other files have too, the one that is better kept first.

    Of the whole library, or of the sounds that have a file at or below PATH. Nothing is removed.
    """
    with library(data) as opened:
        found = islice(duplicates(opened.database, place_of(opened, path)), limit)
        if as_json:
            for each in found:
                print_json(each.to_json())
            return
        with Listing(COLUMNS, "No sound has several files.") as listing:
            for each in found:
                listing.add(*_cells(each))


def _cells(each: Duplicate) -> tuple[str, ...]:
    return (
        each.audio_hash[:8],
        "keep" if each.keep else "",
        f"{each.size / 1e6:.1f}",
        each.codec,
        "–" if each.bit_rate_bps is None else f"{each.bit_rate_bps / 1000:.0f}",
        {True: "yes", False: "no", None: "–"}[each.complete],
        f"{each.tags}/{len(DESCRIBED)}",
        str(each.pictures),
        printable(each.path),
    )
