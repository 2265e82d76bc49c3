"""``tonearm status``: what the library holds and what is going on."""

from rich.console import Console
from rich.table import Table

from tonearm.cli.options import AsJson, Data, library, print_json
from tonearm.cli.words import duration, plural
from tonearm.library.lock import holder
from tonearm.names import path_fields, printable


def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show what is known, what is queued, and what runs now."""
    with library(data) as app:
        known = app.tracks.totals()
        depth = app.ledger.depth(None)
        running = app.orders.jobs(("running",), None, None, 100)
        latest = app.runs.every(1)
        process = holder(app.settings.data_dir)
        if as_json:
            print_json(
                {
                    "library": app.database.place,
                    "files": known.files,
                    "duration_s": known.duration_s,
                    "states": known.states,
                    "queued": depth.queued,
                    "retrying": depth.retrying,
                    "running": [
                        path_fields(job.path) | {"stage": job.stage, "job": job.id} for job in running
                    ],
                    "process": process,
                    "run": latest[0].id if latest else None,
                }
            )
            return
    console = Console()
    console.print(f"Library {app.database.place}", markup=False, highlight=False)
    states = ", ".join(f"{count:,} {state}" for state, count in known.states.items())
    console.print(
        f"{plural(known.files, 'file')}, {duration(known.duration_s)} of music: {states or 'empty'}"
    )
    table = Table("level", "queued")
    for level, count in depth.queued.items():
        table.add_row(level, f"{count:,}")
    if depth.open:
        console.print(table)
        console.print(f"{depth.retrying:,} waiting for another try, {depth.running:,} running")
    if process is None:
        console.print("Nothing is analysing now." + (" `tonearm analyze` goes on." if depth.open else ""))
        return
    console.print(f"Process {process} is analysing:")
    for job in running:
        console.print(f"  {job.stage or 'start':9} {printable(job.path)}", markup=False, highlight=False)
