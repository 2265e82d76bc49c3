"""``tonearm workers``: lists the workers of a shared library and what each is doing; drains one; changes its log."""

import json
import os
import sys
import urllib.parse
from collections.abc import Iterable, Mapping
from typing import Any

import click

from tonearm.cli.audit_note import noted
from tonearm.cli.drain import drain
from tonearm.cli.opened import library, retried
from tonearm.cli.options import Seconds, data_option, json_option, print_json
from tonearm.cli.tables import Column, Listing
from tonearm.cli.terminal import say
from tonearm.names import from_document, printable
from tonearm.settings.model import LOG_LEVELS
from tonearm.views.formatting import duration, open_breakers, resting
from tonearm.views.workers import ALIVE, WorkerView

COLUMNS = (
    Column("worker", least=12),
    Column("state"),
    Column("note", rank=1, least=12),
    Column("done", rank=3, right=True),
    Column("failed", rank=4, right=True),
    Column("slots", rank=5, right=True),
    Column("seen", rank=6, right=True),
    Column("process", rank=7, right=True),
    Column("analysing", rank=2, least=16),
)
AS_SET = "default"
"""In place of a level: as the settings of the worker say."""
_STYLES = {"working": "green", "idle": "dim", "resting": "cyan", "draining": "yellow", "lost": "red"}


@click.group(invoke_without_command=True)
@data_option
@click.option("--all", "everything", is_flag=True, help="Ended workers too.")
@click.option(
    "--prometheus-sd",
    is_flag=True,
    help="Print the addresses of the metrics of all living workers as JSON for Prometheus' service discovery.",
)
@json_option
@click.pass_context
def workers(
    context: click.Context, data: str | None, everything: bool, prometheus_sd: bool, as_json: bool
) -> None:
    """List the workers of the library and what each is doing; drain one."""
    if context.invoked_subcommand is not None:
        return
    with library(data) as opened:
        found = list(opened.worker_list.each(ended=everything))
        shared = opened.database.shared
    if prometheus_sd:
        sys.stdout.write(json.dumps(scrape_targets(found)) + "\n")
        return
    if as_json:
        for worker in found:
            print_json(worker.to_json())
        return
    starts = "worker" if shared else "analyze"
    with Listing(COLUMNS, f"No workers: `tonearm {starts}` starts one.") as listing:
        for worker in found:
            listing.add(
                printable(worker.name),
                worker.state,
                "; ".join(_problems(worker)),
                f"{worker.done:,}",
                f"{worker.failed:,}",
                str(worker.slots),
                f"{duration(worker.seen_s_ago)} ago",
                str(worker.pid),
                ", ".join(_running(worker)),
                style=_STYLES.get(worker.state, ""),
            )


workers.add_command(drain)


@workers.command()
@click.argument("name", metavar="NAME")
@click.argument("level", metavar="LEVEL", type=click.Choice((*LOG_LEVELS, AS_SET), case_sensitive=False))
@click.option(
    "--module",
    "logger",
    metavar="LOGGER",
    default="tonearm",
    show_default=True,
    help="Part of the program or library, such as tonearm.worker or pika.",
)
@click.option(
    "--for", "for_s", metavar="TIME", type=Seconds(), help="For how long, such as 10m; until it ends."
)
@data_option
@json_option
def log(name: str, level: str, logger: str, for_s: float | None, data: str | None, as_json: bool) -> None:
    """Change how much a running worker logs.

    LEVEL is debug, info, warning, error or critical; `default` takes back what was set.
    """
    with library(data) as opened:
        chosen = None if level == AS_SET else level
        retried(lambda: opened.workers.set_log_level(name, logger, chosen, for_s))
        noted(
            opened, "change a log level", {"worker": name, "logger": logger, "level": level, "for_s": for_s}
        )
    if as_json:
        print_json({"worker": name, "logger": logger, "level": level, "for_s": for_s})
        return
    how_long = f" for {duration(for_s)}" if chosen is not None and for_s is not None else ""
    how = "as its settings say" if chosen is None else f"at {level}{how_long}"
    say(f"{printable(name)} logs {printable(logger)} {how}, from its next heartbeat on.")


def scrape_targets(found: Iterable[WorkerView]) -> list[Mapping[str, Any]]:
    """The living workers that serve metrics, as Prometheus' file and HTTP service discovery read them."""
    return [
        {
            "targets": [urllib.parse.urlsplit(worker.url).netloc],
            "labels": {"worker": worker.name, "host": worker.host},
        }
        for worker in found
        if worker.url is not None and worker.state in ALIVE
    ]


def _problems(worker: WorkerView) -> list[str]:
    """Why it rests, breakers that are not closed, and folders of its host that are not mounted or do not answer."""
    rest = [] if worker.rest is None else [resting(worker.rest.reason, worker.rest.until)]
    folders = [f"{printable(from_document(path))} not mounted or not answering" for path in worker.unmounted]
    return rest + open_breakers(worker.breakers) + folders


def _running(worker: WorkerView) -> list[str]:
    return [
        f"{printable(os.path.basename(from_document(file['path'])))} ({file['stage']}, {file['for_s']:.0f} s)"
        for file in worker.running
    ]
