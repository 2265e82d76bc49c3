"""``tonearm worker``: takes jobs of a shared library from wherever they come, until it is told to stop."""

from typing import Annotated

import typer

from tonearm.bootstrap import open_worker
from tonearm.cli.json_events import show_json
from tonearm.cli.options import AsJson, Data, library
from tonearm.cli.plain_progress import WorkerLines
from tonearm.cli.standard_output import while_read
from tonearm.events.facts import StateChanged
from tonearm.progress.live import LiveView
from tonearm.worker.signals import StopSwitch


def worker(
    data: Data = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Its name among the workers [TONEARM_WORKER_NAME].")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", help="Files analysed at the same time [TONEARM_WORKERS].")
    ] = None,
    path_map: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FROM=TO", help="This host has at TO what others know as FROM; repeatable."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Work on the jobs of a library that hosts share, until SIGTERM, Ctrl-C or `tonearm workers drain`.

    Then it finishes or gives back what it has in hand; a second signal stops at once. Nothing is lost either way.
    """
    view = LiveView()
    stop = StopSwitch()
    show = while_read(show_json if as_json else WorkerLines(view), stop)
    with (
        stop.on_signals(),
        library(data, stop, workers=workers, worker_name=name, path_map=path_map) as app,
        open_worker(app, view, show, stop) as (named, work),
    ):
        app.bus(StateChanged(0, "working", f"{named} takes jobs, {app.settings.workers} at a time"))
        work()
        app.bus(StateChanged(0, "ended", f"{named} has nothing in hand any more"))
