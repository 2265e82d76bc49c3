"""``tonearm status``: what the library holds, what is going on, and how the servers are."""

import json
import time
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tonearm.bootstrap import App, ask_broker, open_management
from tonearm.cli import runs, workers
from tonearm.cli.formatting import duration, plural
from tonearm.cli.opened import is_analysing, library
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.errors import ServiceAway, ServiceRefused, TonearmError
from tonearm.library.lock import holder
from tonearm.names import path_fields, printable
from tonearm.progress.json_codec import snapshot_to_json
from tonearm.progress.port import RunningFile


@click.command()
@data_option
@json_option
def status(data: str | None, as_json: bool) -> None:
    """Show what is known, what is queued, what runs now, who works, and whether every server answers."""
    with library(data) as app:
        found = _gathered(app)
        if as_json:
            print_json(found)
            return
        _print(app, found)


def _gathered(app: App) -> dict[str, Any]:
    """Everything that is shown, as it is printed as JSON."""
    known = app.tracks.totals()
    depth = app.job_store.depth(None)
    running = app.queue_admin.jobs(("running",), None, None, 100)
    latest = app.runs.every(1)
    found: dict[str, Any] = {
        "library": app.database.place,
        "files": known.files,
        "duration_s": known.duration_s,
        "states": known.states,
        "queued": depth.queued,
        "retrying": depth.retrying,
        "running": [
            path_fields(job.path) | {"stage": job.stage, "job": job.id, "worker": job.worker}
            for job in running
        ],
        "process": None if app.database.shared else holder(app.settings.data_dir),
        "run": latest[0].id if latest else None,
        "runs": [runs.as_fields(run) for run in app.runs.every(5) if run.finished_at is None],
    }
    if app.database.shared:
        found |= {
            "owed": app.job_store.owed(),
            "workers": [workers.as_fields(worker) for worker in app.workers.every()],
        }
    services, broker, live = _services(app)
    return found | {"services": services, "broker": broker, "live": live}


def _services(app: App) -> tuple[dict[str, Any], list[dict[str, Any]] | None, dict[str, Any] | None]:
    """How each server answers this very call; what the broker and the live view say."""
    services: dict[str, Any] = {}
    broker = live = None
    if app.database.shared:
        services["PostgreSQL"] = _asked(app.job_store.ping)[0]
    if app.settings.rabbitmq_url is not None:
        services["RabbitMQ"] = _asked(lambda: ask_broker(app))[0]
    if app.settings.rabbitmq_url is not None and app.settings.rabbitmq_management_url is not None:
        services["RabbitMQ management"], broker = _asked(lambda: _figures(app))
    if app.settings.redis_url is not None:
        services["Redis"], seen = _asked(lambda: (app.progress.latest(), app.progress.running()))
        if seen is not None:
            snapshot, files = seen
            live = {
                "snapshot": None if snapshot is None else json.loads(snapshot_to_json(snapshot)),
                "running": [_file_fields(file) for file in files],
            }
    if app.settings.neo4j_url is not None:
        services["Neo4j"], _ = _asked(lambda: app.graph_relay and app.graph_relay.graph.counts())
        services["Neo4j"]["owed"] = _asked(lambda: app.graph_relay and app.graph_relay.owed())[1]
    return services, broker, live


def _figures(app: App) -> list[dict[str, Any]]:
    management = open_management(app)
    queues = management.figures() if management is not None else []
    return [{name: getattr(queue, name) for name in queue.__slots__} for queue in queues]


def _asked(question: Callable[[], Any]) -> tuple[dict[str, Any], Any]:
    began = time.monotonic()
    try:
        answer = question()
    except TonearmError as error:
        away = isinstance(error, ServiceAway) and not isinstance(error, ServiceRefused)
        state = "away" if away else "wrong"
        return {"state": state, "latency_ms": None, "reason": str(error)}, None
    return {"state": "up", "latency_ms": round((time.monotonic() - began) * 1000, 2), "reason": None}, answer


def _file_fields(file: RunningFile) -> dict[str, Any]:
    fields = {name: getattr(file, name) for name in file.__slots__ if name != "path"}
    return path_fields(file.path) | fields


def _print(app: App, found: dict[str, Any]) -> None:
    console = Console()
    console.print(f"Library {found['library']}", markup=False, highlight=False)
    states = ", ".join(f"{count:,} {state}" for state, count in found["states"].items())
    console.print(
        f"{plural(found['files'], 'file')}, {duration(found['duration_s'])} of music: {states or 'empty'}"
    )
    waits = sum(found["queued"].values())
    if waits or found["retrying"] or found["running"]:
        table = Table("level", "queued")
        for level, count in found["queued"].items():
            table.add_row(level, f"{count:,}")
        console.print(table)
        console.print(f"{found['retrying']:,} waiting for another try, {len(found['running']):,} running")
    for run in found["runs"]:
        ended = run["discovered"] - run["pending"]
        console.print(
            f"Run {run['run']} is {run['state']}: {ended:,} of {run['discovered']:,} files ended, "
            f"{run['failed']:,} failed"
        )
    _print_services(console, found)
    _print_work(console, app, found)


def _print_services(console: Console, found: dict[str, Any]) -> None:
    if not found["services"]:
        return
    table = Table("service", "now", "answers in", "its breaker, by worker", "")
    for name, service in found["services"].items():
        states = {worker["worker"]: worker["breakers"].get(name, "–") for worker in found.get("workers", ())}
        notes = [service["reason"] or ""]
        if name == "Neo4j" and service["owed"]:
            notes.append(f"{plural(service['owed'], 'file')} to learn of")
        latency = "–" if service["latency_ms"] is None else f"{service['latency_ms']:.1f} ms"
        differ = {state for state in states.values() if state != "closed"}
        breakers = "\n".join(f"{worker} {state}" for worker, state in states.items()) if differ else "closed"
        colour = "green" if service["state"] == "up" else "red"
        table.add_row(
            name,
            Text(service["state"], colour),
            latency,
            breakers if states else "–",
            Text("\n".join(note for note in notes if note)),
        )
    console.print(table)
    if found["broker"]:
        queued = sum(found["queued"].values())
        console.print(
            f"Waiting in the database: {plural(queued, 'job')}, {found['owed']:,} to be sent; at the broker:"
        )
        for queue in found["broker"]:
            console.print(
                f"  {queue['name']}: {queue['ready']:,} ready, {queue['unacknowledged']:,} in hand, "
                f"{queue['acknowledged_per_s']:.1f} done a second",
                markup=False,
                highlight=False,
            )


def _print_work(console: Console, app: App, found: dict[str, Any]) -> None:
    if not is_analysing(app):
        waits = sum(found["queued"].values()) + found["retrying"]
        go_on = "`tonearm worker`" if app.database.shared else "`tonearm analyze`"
        console.print("Nothing is analysing now." + (f" {go_on} goes on." if waits else ""))
        return
    if app.database.shared:
        slots = [worker for worker in found["workers"] if worker["slots"]]
        who = f"{plural(len(slots), 'worker')} at work (`tonearm workers` tells more)"
    else:
        who = f"Process {found['process']} is at work"
    console.print(who + (":" if found["running"] else ", with nothing in hand now."))
    for job in found["running"]:
        console.print(
            f"  {job['stage'] or 'start':9} {printable(job['path'])}", markup=False, highlight=False
        )
