"""``tonearm descriptors``: shows how each result is distributed over the library."""

import click

from tonearm.analysis import catalog
from tonearm.analysis.declaration import Column
from tonearm.cli import tables
from tonearm.cli.nearest import no_such
from tonearm.cli.opened import library
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.cli.track_page import blocks
from tonearm.views.distributions import PERCENTS, Distribution, read_distribution

NAMES = ("least", "5 %", "25 %", "median", "75 %", "95 %", "greatest")
"""Of ``PERCENTS``."""
COLUMNS = (
    tables.Column("column"),
    tables.Column("unit", rank=3),
    tables.Column("tracks", rank=2, right=True),
    *(tables.Column(name, rank=1 if name in ("5 %", "95 %") else 0, right=True) for name in NAMES),
    tables.Column("distribution"),
)


@click.command()
@click.argument("columns", metavar="[COLUMN]...", nargs=-1)
@data_option
@json_option
def descriptors(columns: tuple[str, ...], data: str | None, as_json: bool) -> None:
    """Show how each result that is a number, or those of the COLUMNs, are distributed over the library.

    The distribution is drawn from the 1st to the 99th percentile; its outer blocks hold what lies beyond.
    """
    known = {
        name: column
        for name, (_, column) in catalog.columns().items()
        if column.searchable and column.type in (float, int)
    }
    for name in columns:
        if name not in known:
            raise click.BadParameter(no_such("column", name, tuple(known)))
    with library(data) as app:
        found = (
            (known[name], read_distribution(app.database, app.features.columns[name]))
            for name in columns or known
        )
        if as_json:
            for column, distribution in found:
                print_json(_as_json(column, distribution))
        else:
            with tables.Listing(COLUMNS) as listing:
                for column, distribution in found:
                    listing.add(*_cells(column, distribution))


def _cells(column: Column, distribution: Distribution) -> tuple[str, ...]:
    digits = column.digits or 0
    values = [f"{value:,.{digits}f}" for value in distribution.percentiles] or [""] * len(PERCENTS)
    drawn = blocks(distribution.counts) if distribution.counts else ""
    return (column.name, column.unit, f"{distribution.tracks:,}", *values, drawn)


def _as_json(column: Column, distribution: Distribution) -> dict[str, object]:
    return {
        "column": column.name,
        "label": column.label,
        "unit": column.unit or None,
        "tracks": distribution.tracks,
        "percentiles": dict(zip(map(str, PERCENTS), distribution.percentiles, strict=False)),
        "histogram": {
            "low": distribution.low,
            "high": distribution.high,
            "counts": list(distribution.counts),
        },
    }
