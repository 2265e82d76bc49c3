"""``tonearm worker``: takes jobs of a shared library until it is stopped."""

from collections.abc import Sequence

import click

from tonearm.bootstrap.metrics import open_exporter
from tonearm.bootstrap.service_manager import open_service_manager
from tonearm.bootstrap.worker import open_worker
from tonearm.cli.json_events import show_json
from tonearm.cli.library_settings import settings_of
from tonearm.cli.logged import logged, logs_to_terminal
from tonearm.cli.options import data_option, json_option, listen_option, load_options, workers_option
from tonearm.cli.plain_progress import WorkerLines
from tonearm.cli.standard_output import while_read
from tonearm.cli.stopped_while_waiting import ended_by_request
from tonearm.cli.terminal import is_terminal
from tonearm.events.event import Event, Subscriber
from tonearm.progress.live import LiveView
from tonearm.worker.signals import StopSwitch


@click.command()
@data_option
@click.option("--name", metavar="NAME", help="Name of the worker [TONEARM_WORKER_NAME].")
@workers_option
@click.option(
    "--map",
    "path_map",
    metavar="FROM=TO",
    multiple=True,
    help="This host has mounted at TO what the library knows as FROM; repeatable.",
)
@load_options
@listen_option
@click.option("--quiet", is_flag=True, help="Print nothing on standard output; the log tells the same.")
@json_option
def worker(
    data: str | None,
    name: str | None,
    workers: int | None,
    path_map: Sequence[str],
    work_hours: str | None,
    cpu_share: float | None,
    read_mb_s: float | None,
    now: bool,
    listen: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Take jobs of a library that several hosts share, until SIGTERM, Ctrl-C or `tonearm workers drain`.

    Then the files that are being analysed are finished or given back; a second signal stops at once. Nothing
    is lost.
    """
    if quiet and as_json:
        raise click.UsageError("--quiet and --json exclude each other")
    view = LiveView()
    stop = StopSwitch()
    settings = settings_of(
        data,
        now,
        workers=workers,
        worker_name=name,
        path_map=path_map,
        work_hours=work_hours,
        cpu_share=cpu_share,
        read_mb_s=read_mb_s,
        listen=listen,
    )
    is_beside = is_terminal() and logs_to_terminal(settings)  # the log tells the same, in the same place
    lines: Subscriber = show_json if as_json else WorkerLines(view, progress_only=is_beside)
    show = _show_nothing if quiet else while_read(lines, stop)
    with (
        logged(settings, "tonearm-worker") as log,
        stop.on_signals(),
        open_exporter(settings, must_listen=True) as exporter,
        open_service_manager() as manager,
        ended_by_request(stop),
        open_worker(settings, view, show, stop, exporter, log, manager) as work,
    ):
        work()


def _show_nothing(_: Event) -> None:
    """In place of output."""
