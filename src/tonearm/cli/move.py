"""``tonearm move``: a library from a folder to a server, or back, compared row by row."""

import contextlib
import sys
import time
from collections.abc import Iterator

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tonearm.bootstrap.maintenance import open_move
from tonearm.cli.formatting import duration, plural
from tonearm.cli.options import PATH, chosen_settings, json_option, print_json
from tonearm.library.move import Moved, MoveDiffers, Tell, move
from tonearm.settings import without_password

EVERY_S = 5.0


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
    with open_move(origin, goal, chosen_settings({}).settings) as (source, sink), _progress(as_json) as tell:
        try:
            tables = move(source, sink, tell)
        except MoveDiffers as error:
            _show(error.tables, as_json)
            raise
        places = source.place, sink.place
    _show(tables, as_json)
    rows, took = sum(table.rows for table in tables), time.monotonic() - began
    if as_json:
        print_json({"from": places[0], "to": places[1], "rows": rows, "elapsed_s": round(took, 3)})
        return
    click.echo(f"{plural(rows, 'row')} moved from {places[0]} to {places[1]} in {duration(took)}.")
    setting = "TONEARM_DATABASE_URL" if "://" in goal else "TONEARM_DATA_DIR"
    click.echo(f"{places[0]} is as it was. From now on set {setting}={without_password(goal)}.")


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
    shown = Table("table", "rows", "SHA-256", "there", "")
    for table in tables:
        verdict = Text("the same", "green") if table.equal else Text("DIFFERENT", "red")
        shown.add_row(
            table.table, f"{table.rows:,}", table.sha256[:16], f"{table.sha256_there[:16]}", verdict
        )
    Console().print(shown)


@contextlib.contextmanager
def _progress(as_json: bool) -> Iterator[Tell]:
    """What shows how it goes: a bar on a terminal, plain lines elsewhere, nothing among JSON."""
    console = Console()
    if as_json:
        yield lambda *_: None
    elif console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bars:
            yield _Bars(bars)
    else:
        yield _Lines()


class _Bars:
    """A bar for what is done with a table now."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._made: dict[str, TaskID] = {}

    def __call__(self, step: str, table: str, done: int, of: int) -> None:
        name = f"{step} {table}"
        if name not in self._made:
            for earlier in self._made.values():
                self._bars.update(earlier, visible=False)
            self._made[name] = self._bars.add_task(name, total=of)
        self._bars.update(self._made[name], completed=done)


class _Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def __call__(self, step: str, table: str, done: int, of: int) -> None:
        if time.monotonic() - self._said >= EVERY_S:
            self._said = time.monotonic()
            sys.stdout.write(f"{step} {table}: {done:,} of {plural(of, 'row')}\n")
            sys.stdout.flush()
