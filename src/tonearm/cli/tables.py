"""How tables and sentences find room on a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

BORDER = 3
"""Signs between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that fits.

    least: signs below which it is of no use.
    rank: the columns with the highest are left out first where there is no room; those with 0 never.
    wraps: its texts can be broken into lines; others are never cut.
    """

    title: str
    least: int
    rank: int = 0
    wraps: bool = False


class FittedTable:
    """A table that leaves columns out on a narrow terminal rather than cutting numbers."""

    def __init__(self, console: Console, columns: Sequence[Column]) -> None:
        self._shown = _fitting(columns, console.width)
        self.table = Table()
        for place in self._shown:
            column = columns[place]
            self.table.add_column(column.title, no_wrap=not column.wraps, overflow="fold")

    def add(self, *cells: "str | PathCell") -> None:
        """Add a row, with a cell for every column."""
        row = [cells[place] for place in self._shown]
        self.table.add_row(*[Text(cell) if isinstance(cell, str) else cell for cell in row])


def _fitting(columns: Sequence[Column], width: int) -> list[int]:
    """The places of the columns that have room in so many signs."""
    shown = list(range(len(columns)))
    while sum(columns[place].least + BORDER for place in shown) + 1 > width:
        last = max(shown, key=lambda place: columns[place].rank)
        if columns[last].rank == 0:
            break
        shown.remove(last)
    return shown


@dataclass(frozen=True, slots=True)
class PathCell:
    """A text, such as a path, of which the end counts: where there is no room, its beginning is cut off."""

    text: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self.text
        while cell_len(shown) > options.max_width:
            shown = f"…{shown.lstrip('…')[1:]}"
        yield Text(shown, no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(1, cell_len(self.text)).with_maximum(options.max_width)


def print_sentence(console: Console, sentence: str, style: str = "", indent: int = 0) -> None:
    """Print a sentence: on a terminal it is broken between words, for programs it is one line."""
    if console.is_terminal:
        console.print(Padding(Text(sentence, style), (0, 0, 0, indent), expand=False))
    else:
        console.print(Text(" " * indent + sentence, style), soft_wrap=True)
