"""The page of plots: how many tracks there are by two columns. Each cell leads to its tracks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from tonearm.errors import TonearmError
from tonearm.views.columns import SearchColumn, search_columns
from tonearm.views.grids import Axis, Grid, read_grid
from tonearm.web.rendering import Pages, link
from tonearm.web.service_parts import Parts

SHADES = 9
JUST_BELOW = 1e-9
"""What is taken from the end of a range, because a filter includes both of its ends."""
CAMELOT = tuple(f"{hour}{side}" for side in "AB" for hour in range(1, 13))


@dataclass(frozen=True, slots=True)
class Scale:
    """One side of a plot. step: the width of a range; ``None`` for the keys. unit: behind the numbers."""

    column: str
    title: str
    step: float | None
    unit: str = ""

    def label(self, place: int | str) -> str:
        """The text of a row or a column."""
        return str(place) if self.step is None else f"{int(place) * self.step:g}"

    def filter(self, place: int | str) -> tuple[str, str]:
        """The parameter of the library's page for a row or a column."""
        if self.step is None:
            return self.column, str(place)
        low = int(place) * self.step
        return "range", f"{self.column}:{low:.10g}-{low + self.step - JUST_BELOW:.12g}"


@dataclass(frozen=True, slots=True)
class Plot:
    """Two columns of the library."""

    title: str
    x: Scale
    y: Scale


TEMPO = Scale("bpm", "tempo", 5, "BPM")
PLOTS = (
    Plot("Key by tempo", TEMPO, Scale("key", "key", None)),
    Plot("Loudness by year", Scale("year", "year", 2), Scale("loudness_lufs", "loudness", 2, "LUFS")),
    Plot("Energy by tempo", TEMPO, Scale("energy", "energy", 0.1)),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A number of tracks. shade: 0 for none, ``SHADES`` for the most."""

    tracks: int
    shade: int
    link: str


@dataclass(frozen=True, slots=True)
class ShownPlot:
    """A plot as a table: the labels of its columns, and its rows with their labels."""

    plot: Plot
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    unknown: int


class PlotPages:
    """Counts, unless that was counted for the library as it is."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.library.database
        self._columns = search_columns(parts.library.features)
        self._counted = parts.counted

    def shown(self, plot: Plot) -> ShownPlot:
        """A plot of the library as it is, or was a moment ago. Raises StorageError."""
        found = self._counted.get(f"plot {plot.title}", lambda: self._grid(plot))
        return laid_out(plot, Grid({(x, y): tracks for x, y, tracks in found["cells"]}, found["unknown"]))

    def _grid(self, plot: Plot) -> dict[str, Any]:
        grid = read_grid(self._database, self._axis(plot.x), self._axis(plot.y))
        return {"cells": [[x, y, tracks] for (x, y), tracks in grid.cells.items()], "unknown": grid.unknown}

    def _axis(self, scale: Scale) -> Axis:
        column: SearchColumn = self._columns["camelot" if scale.column == "key" else scale.column]
        return Axis(column, scale.step)


def laid_out(plot: Plot, grid: Grid) -> ShownPlot:
    """The table of a grid."""
    columns = _places(plot.x, [x for x, _ in grid.cells])
    rows = _places(plot.y, [y for _, y in grid.cells])
    if plot.y.step is not None:
        rows = rows[::-1]  # the highest number is above, as in every plot
    most = max(grid.cells.values(), default=0)
    return ShownPlot(
        plot,
        [plot.x.label(x) for x in columns],
        [(plot.y.label(y), [_cell(plot, grid, x, y, most) for x in columns]) for y in rows],
        grid.unknown,
    )


def _places(scale: Scale, found: Sequence[int | str]) -> Sequence[int | str]:
    """The rows or columns, without gaps, from the lowest on."""
    if not found:
        return ()
    if scale.step is None:
        return CAMELOT
    numbers = [int(each) for each in found]
    return range(min(numbers), max(numbers) + 1)


def _cell(plot: Plot, grid: Grid, x: int | str, y: int | str, most: int) -> Cell:
    tracks = grid.cells.get((x, y), 0)
    if not tracks:
        return Cell(0, 0, "")
    parameters: dict[str, list[str]] = {}
    for name, value in (plot.x.filter(x), plot.y.filter(y)):
        parameters.setdefault(name, []).append(value)
    shade = 1 + int((SHADES - 1) * (tracks / most) ** 0.5)  # so that single tracks are seen beside thousands
    return Cell(tracks, shade, link("/library", **parameters))


def short(number: int) -> str:
    """A number in at most five characters."""
    for divisor, unit in ((1_000_000, "M"), (1_000, "k")):
        if number >= divisor:
            return f"{number / divisor:.{1 if number < 10 * divisor else 0}f}{unit}"
    return str(number)


def add_plots(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Add the route of the plots."""
    plots = PlotPages(parts)

    @router.get("/plots")
    def shown() -> Response:
        try:
            found = [plots.shown(plot) for plot in PLOTS]
        except TonearmError as error:
            return pages.problem(error, "/plots")
        return pages.page("plots.html", "/plots", "Plots", plots=found, short=short)
