"""``tonearm serve``: serves the pages and the API of a library, and keeps it up to date, until it is stopped."""

import select
import sys

import click

from tonearm.cli.library_settings import existing_library, settings_of
from tonearm.cli.logged import logged
from tonearm.cli.options import data_option, json_option, load_options, print_json, workers_option
from tonearm.cli.service_process import require_server, service_beside
from tonearm.cli.stopped_while_waiting import ended_by_request
from tonearm.cli.terminal import say
from tonearm.library.data_folder import require_library
from tonearm.settings import Settings
from tonearm.settings.readers import listen_address
from tonearm.worker.signals import StopSwitch

LISTEN = "127.0.0.1:8337"


@click.command()
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default=LISTEN,
    show_default=True,
    help="Where to serve; port 0: a free one. Where others can reach it, a token is asked for.",
)
@click.option(
    "--analyze/--no-analyze",
    "analyzes",
    default=None,
    help="Whether to scan the folders and analyse what is new and changed; by default over SQLite only.",
)
@data_option
@workers_option
@load_options
@json_option
@click.option("--ends-with-input", is_flag=True, help="End when standard input ends, too.")
def serve(
    listen: str,
    analyzes: bool | None,
    data: str | None,
    workers: int | None,
    work_hours: str | None,
    cpu_share: float | None,
    read_mb_s: float | None,
    now: bool,
    as_json: bool,
    ends_with_input: bool,
) -> None:
    """Serve the pages and the API of a library, and keep it up to date, until Ctrl-C or SIGTERM.

    The folders that were analysed are scanned, watched, and scanned again where something has changed. HTTP has a
    process of its own. In a library that several hosts share, workers do the analysis: name --analyze to have this
    process do it too.

    The pages show what goes on, the library, each track, plots, proposed names, failures, runs and workers.
    /openapi.json describes the API. `tonearm token` makes tokens for those who use it from other hosts.
    """
    try:
        address = listen_address(listen)
    except ValueError as error:
        raise click.BadParameter(f"--listen {listen!r} {error}") from error
    require_server()
    if analyzes is False:
        settings = existing_library(data)
    else:
        settings = settings_of(
            data,
            now,
            workers=workers,
            work_hours=work_hours,
            cpu_share=cpu_share,
            read_mb_s=read_mb_s,
        )
        if settings.database_url is None:
            require_library(settings.data_dir)
    if analyzes is None:
        analyzes = settings.database_url is None
    if analyzes:
        _keep(settings, address, as_json)
    else:
        _serve(settings, address, as_json, ends_with_input)


def _serve(settings: Settings, address: str, as_json: bool, ends_with_input: bool) -> None:
    """Serve from this process, which analyses nothing."""
    from tonearm.web.first_request import ask_first
    from tonearm.web.open_service import open_service

    stop = StopSwitch()
    watched = [stop.wakeup, *([sys.stdin.fileno()] if ends_with_input else [])]
    with logged(settings, "tonearm-serve"), stop.on_signals(), open_service(settings, address) as url:
        _say_where(url, as_json, "The library is served")
        ask_first(url)
        while not stop.requests:
            readable, _, _ = select.select(watched, [], [])
            if stop.wakeup not in readable:
                return  # standard input has ended, as nothing is written to it
            stop.clear_wakeup()


def _keep(settings: Settings, address: str, as_json: bool) -> None:
    """Keep the library up to date from this process, and serve from another one."""
    from tonearm.bootstrap.keeping import open_keeper
    from tonearm.bootstrap.metrics import open_exporter
    from tonearm.bootstrap.service_manager import open_service_manager

    stop = StopSwitch()
    with (
        logged(settings, "tonearm-keep") as log,
        stop.on_signals(),
        open_exporter(settings, must_listen=False) as exporter,
        service_beside(settings, address) as url,
        ended_by_request(stop),
        open_service_manager() as manager,
    ):
        _say_where(url, as_json, "The library is kept up to date, and served")
        with open_keeper(settings, stop, exporter, log, manager) as work:
            work()


def _say_where(url: str, as_json: bool, what: str) -> None:
    if as_json:
        print_json({"url": url})
    else:
        say(f"{what} at {url} until Ctrl-C.")
    sys.stdout.flush()
