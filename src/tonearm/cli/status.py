"""``tonearm status``: what the library holds, what is going on, and how the servers are."""

import dataclasses
import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tonearm.bootstrap.library import Library
from tonearm.bootstrap.probes import LiveState, ask, probe_servers
from tonearm.cli import runs, workers
from tonearm.cli.formatting import duration, plural
from tonearm.cli.opened import is_analysing, library
from tonearm.cli.options import data_option, json_option, print_json
from tonearm.graph.relay import pending_files
from tonearm.jobs.job import JobState
from tonearm.jobs.liveness import INTERRUPTED, read_liveness
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


def _gathered(app: Library) -> dict[str, Any]:
    """Everything that is shown, as it is printed as JSON."""
    alive = read_liveness(app.database)
    known = app.tracks.totals()
    depth = app.job_store.depth(None)
    running = [alive.job(job) for job in app.queue_admin.jobs(("running",), None, None, 100)]
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
            if job.state == JobState.RUNNING
        ],
        "interrupted": sum(job.state == INTERRUPTED for job in running),
        "process": None if app.database.shared else holder(app.settings.data_dir),
        "run": latest[0].id if latest else None,
        "runs": [runs.as_fields(alive.run(run)) for run in app.runs.every(5) if run.finished_at is None],
    }
    if app.database.shared:
        found |= {
            "owed": app.job_store.owed(),
            "workers": [workers.as_fields(worker) for worker in app.workers.every()],
        }
    return found | _server_fields(app)


def _server_fields(app: Library) -> dict[str, Any]:
    """How each server answers this very call; what the broker and the live view say."""
    report = probe_servers(app.settings)
    services: dict[str, dict[str, Any]] = {}
    if app.database.shared:
        services["PostgreSQL"] = dataclasses.asdict(ask(app.job_store.ping)[0])
    services |= {name: dataclasses.asdict(state) for name, state in report.services.items()}
    if "Neo4j" in services:
        services["Neo4j"]["owed"] = ask(lambda: pending_files(app.database))[1]
    return {
        "services": services,
        "broker": None if report.queues is None else [dataclasses.asdict(queue) for queue in report.queues],
        "live": None if report.live is None else _live_fields(report.live),
    }


def _live_fields(live: LiveState) -> dict[str, Any]:
    snapshot = None if live.snapshot is None else json.loads(snapshot_to_json(live.snapshot))
    return {"snapshot": snapshot, "running": [_file_fields(file) for file in live.running]}


def _file_fields(file: RunningFile) -> dict[str, Any]:
    fields = {name: getattr(file, name) for name in file.__slots__ if name != "path"}
    return path_fields(file.path) | fields


def _print(app: Library, found: dict[str, Any]) -> None:
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


def _print_work(console: Console, app: Library, found: dict[str, Any]) -> None:
    if found["interrupted"]:
        were = "file was" if found["interrupted"] == 1 else "files were"
        console.print(
            f"{found['interrupted']:,} {were} being analysed by a process that has ended; "
            + ("another worker takes over." if app.database.shared else "`tonearm analyze` takes over.")
        )
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
