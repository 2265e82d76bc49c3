"""What the servers have answered, as JSON values."""

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from tonearm.bootstrap.probes import LiveState, ServerReport, ServerState, ask
from tonearm.library.database import Database
from tonearm.names import path_fields

if TYPE_CHECKING:
    from tonearm.progress.port import RunningFile


def server_fields(
    report: ServerReport, postgres: ServerState | None, database: Database | None
) -> dict[str, Any]:
    """Whether each server answers now; the broker's own figures; what the live view holds."""
    states = ({} if postgres is None else {"PostgreSQL": postgres}) | dict(report.services)
    services: dict[str, dict[str, Any]] = {name: dataclasses.asdict(state) for name, state in states.items()}
    if "Neo4j" in services:
        from tonearm.graph.relay import pending_files  # what makes the graph is not needed without one

        services["Neo4j"]["pending"] = None if database is None else ask(lambda: pending_files(database))[1]
    return {
        "services": services,
        "broker": None if report.queues is None else [dataclasses.asdict(queue) for queue in report.queues],
        "live": None if report.live is None else _live_fields(report.live),
    }


def _live_fields(live: LiveState) -> dict[str, Any]:
    from tonearm.progress.json_codec import snapshot_to_json  # not needed without a live view

    snapshot = None if live.snapshot is None else json.loads(snapshot_to_json(live.snapshot))
    return {"snapshot": snapshot, "running": [_file_fields(file) for file in live.running]}


def _file_fields(file: "RunningFile") -> dict[str, Any]:
    fields = {name: getattr(file, name) for name in file.__slots__ if name != "path"}
    return path_fields(file.path) | fields
