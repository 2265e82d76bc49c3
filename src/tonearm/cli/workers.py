"""``tonearm workers``: who works on a shared library, what each is doing; and drain one for an upgrade."""

import dataclasses
import os
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tonearm.cli.formatting import duration
from tonearm.cli.opened import library, retried
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.jobs.worker_registry import WorkerView
from tonearm.names import from_document, path_fields, paths_fields, printable


@click.group(invoke_without_command=True)
@data_option
@click.option("--all", "everything", is_flag=True, help="Ended workers too.")
@json_option
@click.pass_context
def workers(context: click.Context, data: str | None, everything: bool, as_json: bool) -> None:
    """List the workers of the library and what each is doing; drain one."""
    if context.invoked_subcommand is not None:
        return
    with library(data) as opened:
        found = opened.workers.every(ended=everything)
    if as_json:
        for worker in found:
            print_json(as_fields(worker))
        return
    table = Table("worker", "state", "process", "slots", "done", "failed", "seen", "in hand")
    for worker in found:
        table.add_row(
            worker.name,
            _state(worker),
            str(worker.pid),
            str(worker.slots),
            f"{worker.done:,}",
            f"{worker.failed:,}",
            f"{duration(worker.seen_s_ago)} ago",
            Text("\n".join(_in_hand(worker)), overflow="fold"),
        )
    Console().print(table if found else "No worker is at work: `tonearm worker` starts one.")


@workers.command()
@click.argument("name", metavar="NAME")
@data_option
@json_option
def drain(name: str, data: str | None, as_json: bool) -> None:
    """Have a worker finish what it has in hand, take no more, and end."""
    with library(data) as opened:
        retried(lambda: opened.workers.drain(name))
    if as_json:
        print_json({"worker": name, "draining": True})
        return
    click.echo(f"{name} finishes what it has in hand and ends.")


def as_fields(worker: WorkerView) -> dict[str, Any]:
    """A worker as JSON fields; paths as everywhere, with their bytes beside them where they are not UTF-8."""
    fields = dataclasses.asdict(worker)
    fields["running"] = [
        {**file, **path_fields(from_document(file["path"]))} if "path" in file else file
        for file in worker.running
    ]
    fields |= paths_fields([from_document(path) for path in worker.unmounted], "unmounted")
    return {"worker": fields.pop("name"), **fields}


def _state(worker: WorkerView) -> Text:
    colour = {"working": "green", "idle": "dim", "draining": "yellow", "lost": "red"}.get(worker.state, "")
    away = [f"{name} {state}" for name, state in worker.breakers.items() if state != "closed"]
    away += [f"{printable(from_document(path))} not mounted" for path in worker.unmounted]
    return Text("\n".join([worker.state, *away]), colour)


def _in_hand(worker: WorkerView) -> list[str]:
    return [
        f"{file['stage']} {file['for_s']:.0f} s {printable(os.path.basename(from_document(file['path'])))}"
        for file in worker.running
    ]
