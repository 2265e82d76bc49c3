"""``tonearm serve``: serves the pages and the API of a library over HTTP until it is stopped."""

import select
import sys

import click

from tonearm.cli.library_settings import existing_library
from tonearm.cli.logged import logged
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.cli.terminal import say
from tonearm.errors import ConfigurationError
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
@data_option
@json_option
def serve(listen: str, data: str | None, as_json: bool) -> None:
    """Serve the pages and the API of a library until Ctrl-C or SIGTERM; it analyses nothing itself.

    The pages show what goes on, the library, each track, plots, proposed names, failures, runs and workers.
    /openapi.json describes the API. `tonearm token` makes tokens for those who use it from other hosts.
    """
    try:
        from tonearm.web.opened import open_service
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the service needs {error.name}, which is not installed: pip install 'tonearm[server]'"
        ) from error
    try:
        address = listen_address(listen)
    except ValueError as error:
        raise click.BadParameter(f"--listen {listen!r} {error}") from error
    settings = existing_library(data)
    stop = StopSwitch()
    with logged(settings, "tonearm-serve"), stop.on_signals(), open_service(settings, address) as url:
        if as_json:
            print_json({"url": url})
        else:
            say(f"The library is served at {url} until Ctrl-C.")
        sys.stdout.flush()
        while not stop.requests:
            select.select([stop.wakeup], [], [])
            stop.clear_wakeup()
