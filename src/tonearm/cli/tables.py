"""Prints lists: aligned columns that fit the width of a terminal, or tab-separated values elsewhere.

A row is one line, and on a terminal below it the texts that must not be shortened. Where a terminal is too narrow, the
least important columns are left out, then texts are shortened; numbers are never cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tonearm.cli.terminal import cell_width, is_terminal, note, say, styled, terminal_width, write_line

GAP = "  "
ROWS_AT_ONCE = 200
"""Rows of a long list that are laid out and printed together, below a heading of their own."""

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list.

    rank: where there is no room, the column with the highest rank is left out first; columns of rank 0 never are.
    least: the width down to which its texts can be shortened; ``None`` for columns that are never cut.
    path: the end of its texts is shown where they are shortened, otherwise the beginning.
    right: aligned to the right, as numbers are.
    below: on a terminal its text is on lines of its own below the row, whole and wrapped.
    """

    title: str
    rank: int = 0
    least: int | None = None
    path: bool = False
    right: bool = False
    below: bool = False


class Listing:
    """Prints rows as they come; use it as a context manager.

    On a terminal ``ROWS_AT_ONCE`` rows are printed together, elsewhere each at once and in full below one heading.
    """

    def __init__(self, columns: Sequence[Column], empty: str = "") -> None:
        """``empty``: the sentence that is printed instead of a list without rows."""
        self._columns = columns
        self._empty = empty
        self._terminal = is_terminal()
        self._rows: list[Row] = []
        self._styles: list[str] = []
        self.count = 0

    def __enter__(self) -> "Listing":
        if not self._terminal:
            _write_values([column.title for column in self._columns])
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        self._print()
        if self._empty and not self.count:
            note(self._empty)

    def add(self, *cells: str, style: str = "") -> None:
        """Add a row with a printable cell for each column; ``style`` is for the whole row."""
        self.count += 1
        if not self._terminal:
            _write_values(cells)
            return
        self._rows.append(cells)
        self._styles.append(style)
        if len(self._rows) == ROWS_AT_ONCE:
            self._print()

    def _print(self) -> None:
        if not self._rows:
            return
        beside = [index for index, column in enumerate(self._columns) if not column.below]
        below = [index for index, column in enumerate(self._columns) if column.below]
        rows = [tuple(row[index] for index in beside) for row in self._rows]
        head, *lines = laid_out([self._columns[index] for index in beside], rows, terminal_width())
        write_line(styled(head, "bold"))
        for row, line, style in zip(self._rows, lines, self._styles, strict=True):
            write_line(styled(line, style))
            for index in below:
                if row[index]:
                    say(row[index], style, indent=2)
        self._rows, self._styles = [], []


def _write_values(cells: Sequence[str]) -> None:
    write_line("\t".join(cells))


def laid_out(columns: Sequence[Column], rows: Sequence[Row], width: int) -> list[str]:
    """The lines of a list: the headings, then each row, none wider than ``width``. Empty columns are left out."""
    natural = [
        max(cell_width(text) for text in (column.title, *(row[index] for row in rows)))
        for index, column in enumerate(columns)
    ]
    least = [
        whole if column.least is None else min(whole, max(column.least, cell_width(column.title)))
        for column, whole in zip(columns, natural, strict=True)
    ]
    filled = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    shown = _with_room(columns, filled, least, width)
    room = width - len(GAP) * (len(shown) - 1)
    widths = _shared_out([least[index] for index in shown], [natural[index] for index in shown], room)
    kept = [columns[index] for index in shown]
    heads = tuple(column.title for column in columns)
    return [
        GAP.join(
            _fitted(row[index], column, space)
            for index, column, space in zip(shown, kept, widths, strict=True)
        ).rstrip()
        for row in (heads, *rows)
    ]


def _with_room(
    columns: Sequence[Column], filled: Sequence[int], least: Sequence[int], width: int
) -> list[int]:
    """The indexes of the columns that have room, the least important ones left out."""
    shown = list(filled)
    while sum(least[index] for index in shown) + len(GAP) * (len(shown) - 1) > width:
        last = max(shown, key=lambda index: columns[index].rank)
        if columns[last].rank == 0:
            break
        shown.remove(last)
    return shown


def _shared_out(least: Sequence[int], natural: Sequence[int], room: int) -> list[int]:
    """Widths between the least and the natural ones that fill the room: short texts whole, long ones alike."""
    widths = list(least)
    left = room - sum(widths)
    while left > 0:
        growing = [index for index, width in enumerate(widths) if width < natural[index]]
        if not growing:
            break
        low = min(widths[index] for index in growing)
        narrowest = [index for index in growing if widths[index] == low]
        for index in narrowest[:left]:
            widths[index] += 1
        left -= len(narrowest[:left])
    if left < 0 and widths:  # a terminal narrower than the columns that must be shown: the widest gives way
        widest = widths.index(max(widths))
        widths[widest] = max(1, widths[widest] + left)
    return widths


def _fitted(text: str, column: Column, width: int) -> str:
    shown = text
    if cell_width(text) > width:
        shown = shortened_path(text, width) if column.path else shortened(text, width)
    space = " " * (width - cell_width(shown))
    return space + shown if column.right else shown + space


def shortened(text: str, width: int) -> str:
    """The beginning of a text that has room, cut between words where that keeps most of it."""
    kept = _that_fits(text, width - 1)
    between = kept.rfind(" ")
    if len(kept) < len(text) and text[len(kept)] != " " and between >= len(kept) / 2:
        kept = kept[:between]
    return f"{kept.rstrip()}…"


def shortened_path(text: str, width: int) -> str:
    """The end of a path that has room, cut before a folder or a word where that keeps most of it."""
    kept = _that_fits(text[::-1], width - 1)[::-1]
    for sign in "/ ":
        between = kept.find(sign)
        if 0 <= between <= len(kept) / 2:
            return f"…{kept[between:].lstrip()}"
    return f"…{kept}"


def _that_fits(text: str, width: int) -> str:
    """The longest beginning of a text that takes no more than ``width`` columns."""
    used = 0
    for index, sign in enumerate(text):
        used += cell_width(sign)
        if used > width:
            return text[:index]
    return text
