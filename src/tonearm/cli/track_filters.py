"""The options that choose tracks, for every command that lists or exports some."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.nearest import no_such
from tonearm.cli.opened import place_of
from tonearm.cli.options import Decorated
from tonearm.graph.key_names import chosen_keys
from tonearm.views.columns import TEXT_FILTERS
from tonearm.views.tracks import STATES, TrackQuery

ABOUT = 0.5
"""Half the width, in BPM, of the range that a single tempo stands for."""
_FILTERS = (
    *(click.option(f"--{name}", metavar="TEXT", help=f"Part of the {name}.") for name in TEXT_FILTERS),
    click.option("--key", metavar="KEY", help='A key: "A minor", Am, 8A or 1m.'),
    click.option(
        "--neighbours", is_flag=True, help="With --key: also the keys next to it on the Camelot wheel."
    ),
    click.option("--bpm", metavar="LOW-HIGH", help="A range of tempi, or one tempo ± 0.5 BPM."),
    click.option("--state", metavar="STATE", help=f"{', '.join(STATES[:-1])} or {STATES[-1]}."),
    click.option("--missing", is_flag=True, help="Files that the last scan did not find."),
    click.option("--stale", is_flag=True, help="Files whose results are older than the present analysers."),
)
_LOCKED = click.option(
    "--locked", is_flag=True, help="Files whose tempo or key a person has set or confirmed."
)
_SORT = click.option(
    "--sort", metavar="COLUMN", default="path", show_default=True, help="A column; -COLUMN for descending."
)


def filters(command: Decorated) -> Decorated:
    """The options that choose tracks."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def filters_and_order(command: Decorated) -> Decorated:
    """The options that choose tracks, locked ones too, and the one that orders them."""
    return filters(_LOCKED(_SORT(command)))


def query_of(app: Library, path: str | None, given: Mapping[str, Any]) -> TrackQuery:
    """Which tracks the options choose, at or below a path. Raises NotFound and click.BadParameter."""
    state, sort = given["state"], given.get("sort", "path")
    if state is not None and state not in STATES:
        raise click.BadParameter(no_such("state", state, STATES))
    column = sort.removeprefix("-")
    if column not in app.tracks.columns:
        raise click.BadParameter(no_such("column", column, app.tracks.columns))
    tempo = _range(given["bpm"])
    return TrackQuery(
        place=place_of(app, path),
        state=state,
        texts={name: given[name] for name in TEXT_FILTERS if given[name]},
        keys=_keys(given["key"], given["neighbours"]),
        ranges={} if tempo is None else {"bpm": tempo},
        missing=given["missing"],
        stale=given["stale"],
        locked=given.get("locked", False),
        sort=column,
        descending=sort.startswith("-"),
    )


def filtered_by(query: TrackQuery) -> Sequence[str]:
    """The columns that tracks are filtered by."""
    return [
        *query.texts,
        *(["key"] if query.keys else []),
        *query.ranges,
        *(["state"] if query.state or query.missing else []),
    ]


def _range(text: str | None) -> tuple[float, float] | None:
    """The lowest and the highest tempo. Raises click.BadParameter."""
    if text is None:
        return None
    low, dash, high = text.partition("-")
    try:
        lowest, highest = (float(low), float(high)) if dash else (float(low) - ABOUT, float(low) + ABOUT)
    except ValueError:
        lowest = highest = math.nan
    if not math.isfinite(lowest + highest):
        raise click.BadParameter(f"{text!r} is not a range such as 120-128, nor a tempo such as 125")
    if lowest > highest:
        raise click.BadParameter(f"{text} begins with the higher tempo; did you mean {high}-{low}?")
    return lowest, highest


def _keys(text: str | None, with_neighbours: bool) -> tuple[str, ...]:
    """The Camelot codes that are asked for. Raises click.BadParameter."""
    if with_neighbours and text is None:
        raise click.BadParameter("--neighbours needs --key")
    try:
        return chosen_keys(text, with_neighbours)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
