"""Answers whether this process is alive (``/health``) and whether it can do its work (``/ready``).

The answers have the form of the expired draft "Health Check Response Format for HTTP APIs" (health+json). A process is
alive while each of its loops turns; it is ready while everything works that it needs to analyse a file.
"""

import datetime
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from tonearm import __version__
from tonearm.names import printable
from tonearm.resilience.loop_watchdog import CALL_S, STUCK_S, LoopTurn, LoopTurns
from tonearm.telemetry.http import Request, Response
from tonearm.telemetry.probes import Check, Checks, Finding, Status

CONTENT_TYPE = "application/health+json"
FIRST_S = 1.0
"""Seconds that a request waits for components that were not checked yet."""
RESTART = "restart this process; its jobs go back to the queue and nothing is lost"

Fields = dict[str, Any]


class Liveness:
    """The route ``/health``: whether the loops of this process turn."""

    def __init__(
        self,
        turns: LoopTurns,
        stuck_s: float = STUCK_S,
        call_s: float = CALL_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``call_s``: longer than any call of a server may take."""
        self._turns = turns
        self._stuck_s = stuck_s
        self._call_s = call_s
        self._clock = clock

    def __call__(self, _: Request) -> Response:
        """Answer a request: status 200 while every loop turns, else 503."""
        now = self._clock()
        turns = self._turns.snapshot()
        stuck = [name for name, turn in turns.items() if turn.is_stuck(self._stuck_s, self._call_s)]
        output = f"no turn for {self._stuck_s:.0f} s: {', '.join(stuck)}" if stuck else None
        checks = {f"loop:{name}": _loop_fields(turn, name in stuck, now) for name, turn in turns.items()}
        return _response(Status.FAIL if stuck else Status.PASS, checks, output)


class Readiness:
    """The route ``/ready``: whether the components that this process depends on work, as the last probes found."""

    def __init__(self, checks: Checks, first_s: float = FIRST_S) -> None:
        self._checks = checks
        self._first_s = first_s

    def __call__(self, _: Request) -> Response:
        """Answer a request: status 503 while a required component fails, else 200."""
        self._checks.wait_until_known(self._first_s)
        checks = self._checks.snapshot()
        status = overall(checks)
        not_well = [name for name, check in checks.items() if check.finding.status is not Status.PASS]
        output = f"see {', '.join(not_well)}" if not_well else None
        return _response(status, {name: _fields(check) for name, check in checks.items()}, output)


def overall(checks: Mapping[str, Check]) -> Status:
    """``fail`` if a required component fails, ``warn`` if any component does not pass, else ``pass``."""
    if any(check.required and check.finding.status is Status.FAIL for check in checks.values()):
        return Status.FAIL
    well = all(check.finding.status is Status.PASS for check in checks.values())
    return Status.PASS if well else Status.WARN


def _fields(check: Check) -> Fields:
    return _finding_fields(check.finding, check.time, check.since) | {"required": check.required}


def _loop_fields(turn: LoopTurn, is_stuck: bool, now: float) -> Fields:
    value = round(turn.turned_s, 1)
    finding = Finding(Status.PASS, value, "s")
    if is_stuck:
        text = "a call inside this loop does not return"
        finding = Finding(Status.FAIL, value, "s", text, RESTART)
    elif turn.calling_s is not None:
        finding = Finding(Status.PASS, value, "s", f"waiting for a server for {turn.calling_s:.1f} s")
    return _finding_fields(finding, now)


def _finding_fields(finding: Finding, at: float, since: float | None = None) -> Fields:
    """The fields of a check; those without a value are left out."""
    fields: Fields = {
        "status": finding.status,
        "observedValue": finding.value,
        "observedUnit": None if finding.value is None else finding.unit,
        "time": _rfc3339(at),
        "since": None if since is None else _rfc3339(since),
        "output": None if finding.output is None else printable(finding.output),
        "advice": finding.advice,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _response(status: Status, checks: Mapping[str, Fields], output: str | None) -> Response:
    document: Fields = {"status": status, "version": "1", "releaseId": __version__}
    if output is not None:
        document["output"] = printable(output)
    document["checks"] = {name: [fields] for name, fields in checks.items()}
    code = HTTPStatus.SERVICE_UNAVAILABLE if status is Status.FAIL else HTTPStatus.OK
    return Response(json.dumps(document, indent=1).encode("ascii") + b"\n", CONTENT_TYPE, code)


def _rfc3339(at: float) -> str:
    moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
