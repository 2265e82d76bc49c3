"""Converts the values of the live view to JSON and back. File names are percent-encoded bytes."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tonearm.events.states import Obstacle, Outlook
from tonearm.names import from_document, to_document
from tonearm.progress.port import Notice, RunningFile, RunProgress, Snapshot

_FOREIGN = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


class Unreadable(ValueError):
    """The value was not written by this version of this program."""


def files_to_json(files: Sequence[RunningFile]) -> bytes:
    """The running files of a worker."""
    return _written([{**dataclasses.asdict(file), "path": to_document(file.path)} for file in files])


def files_from_json(text: bytes, aged_s: float) -> list[RunningFile]:
    """The running files that a worker reported ``aged_s`` seconds ago. Raises Unreadable."""
    try:
        fields = json.loads(text)
        if not isinstance(fields, list):
            raise TypeError("not a list")
        return [
            RunningFile(
                worker=str(file["worker"]),
                job=int(file["job"]),
                run=int(file["run"]),
                path=from_document(file["path"]),
                extension=str(file["extension"]),
                size=int(file["size"]),
                stage=str(file["stage"]),
                fraction=None if file["fraction"] is None else float(file["fraction"]),
                attempt=int(file["attempt"]),
                since_s=float(file["since_s"]) + aged_s,
            )
            for file in fields
        ]
    except _FOREIGN as error:
        raise Unreadable(str(error)) from error


def snapshot_to_json(snapshot: Snapshot) -> bytes:
    """A snapshot."""
    return _written({**dataclasses.asdict(snapshot), "queued": dict(snapshot.queued)})


def snapshot_from_json(text: bytes) -> Snapshot:
    """The inverse of ``snapshot_to_json``. Raises Unreadable."""
    try:
        fields = json.loads(text)
        return Snapshot(
            at=float(fields["at"]),
            queued={str(level): int(jobs) for level, jobs in fields["queued"].items()},
            retrying=int(fields["retrying"]),
            running=int(fields["running"]),
            unsent=int(fields["unsent"]),
            runs=tuple(_run_from(run) for run in fields["runs"]),
        )
    except _FOREIGN as error:
        raise Unreadable(str(error)) from error


def _run_from(fields: Mapping[str, Any]) -> RunProgress:
    outlook = fields["outlook"]
    return RunProgress(**{**fields, "outlook": None if outlook is None else _outlook_from(outlook)})


def _outlook_from(fields: Mapping[str, Any]) -> Outlook:
    by = fields["held_up_by"]
    return Outlook(**{**fields, "held_up_by": None if by is None else Obstacle(by)})


def notice_to_json(worker: str, message: Mapping[str, Any]) -> bytes:
    """A notice."""
    return _written({"worker": worker, "message": dict(message)})


def notice_from_json(text: bytes) -> Notice:
    """The inverse of ``notice_to_json``. Raises Unreadable."""
    try:
        fields = json.loads(text)
        return Notice(str(fields["worker"]), dict(fields["message"]))
    except _FOREIGN as error:
        raise Unreadable(str(error)) from error


def _written(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")
