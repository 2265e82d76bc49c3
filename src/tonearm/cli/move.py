"""``tonearm move``: copies a library to another database, and compares every row."""

import contextlib
import sys
import time
from collections.abc import Iterator

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tonearm.bootstrap.migrate_and_move import open_move
from tonearm.cli.options import PATH, chosen_settings, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import is_terminal, say
from tonearm.library.move_library import Moved, MoveDiffers, ShowProgress, move
from tonearm.settings import without_password
from tonearm.views.formatting import duration, plural

EVERY_S = 5.0
COLUMNS = (
    Column("table"),
    Column("rows", right=True),
    Column("copied", right=True),
    Column("SHA-256", rank=2),
    Column("of the copy", rank=2),
    Column("compared"),
)


@click.command("move")
@click.argument("origin", metavar="FROM", type=PATH)
@click.argument("goal", metavar="TO", type=PATH)
@json_option
def move_library(origin: str, goal: str, as_json: bool) -> None:
    """Copy a whole library into another database, and compare every row of both.

    FROM is the folder of a library or a postgresql:// URL. TO is a new folder or the URL of a database that
    holds no library. Nothing is kept at TO unless all of it is the same. FROM is left as it is; no process may
    be analysing with it.
    """
    began = time.monotonic()
    with open_move(origin, goal, chosen_settings({}).settings) as (source, sink), _progress(as_json) as show:
        try:
            tables = move(source, sink, show)
        except MoveDiffers as error:
            _show(error.tables, as_json)
            raise
        addresses = source.address, sink.address
    _show(tables, as_json)
    rows, took = sum(table.rows for table in tables), time.monotonic() - began
    if as_json:
        print_json({"from": addresses[0], "to": addresses[1], "rows": rows, "elapsed_s": round(took, 3)})
        return
    say(f"{plural(rows, 'row')} copied from {addresses[0]} to {addresses[1]} in {duration(took)}.")
    setting = "TONEARM_DATABASE_URL" if "://" in goal else "TONEARM_DATA_DIR"
    say(f"{addresses[0]} is unchanged. From now on set {setting}={without_password(goal)}.")


def _show(tables: list[Moved], as_json: bool) -> None:
    if as_json:
        for table in tables:
            print_json(
                {
                    "table": table.table,
                    "rows": table.rows,
                    "sha256": table.sha256,
                    "rows_there": table.rows_there,
                    "sha256_there": table.sha256_there,
                    "equal": table.equal,
                }
            )
        return
    with Listing(COLUMNS) as listing:
        for table in tables:
            listing.add(
                table.table,
                f"{table.rows:,}",
                f"{table.rows_there:,}",
                table.sha256[:16],
                table.sha256_there[:16],
                "the same" if table.equal else "DIFFERENT",
                style="" if table.equal else "red",
            )


@contextlib.contextmanager
def _progress(as_json: bool) -> Iterator[ShowProgress]:
    """A function that shows the progress: by a bar on a terminal, by lines elsewhere, not at all with JSON."""
    if as_json:
        yield lambda *_: None
    elif is_terminal():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, transient=True) as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


class _Bars:
    """A progress bar for the table that is being copied or compared."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._made: dict[str, TaskID] = {}

    def __call__(self, step: str, table: str, done: int, total: int) -> None:
        name = f"{step} {table}"
        if name not in self._made:
            for earlier in self._made.values():
                self._bars.update(earlier, visible=False)
            self._made[name] = self._bars.add_task(name, total=total)
        self._bars.update(self._made[name], completed=done)


class _Lines:
    """A line every ``EVERY_S`` seconds."""

    def __init__(self) -> None:
        self._printed_at = time.monotonic()

    def __call__(self, step: str, table: str, done: int, total: int) -> None:
        if time.monotonic() - self._printed_at >= EVERY_S:
            self._printed_at = time.monotonic()
            sys.stdout.write(f"{step} {table}: {done:,} of {plural(total, 'row')}\n")
            sys.stdout.flush()
