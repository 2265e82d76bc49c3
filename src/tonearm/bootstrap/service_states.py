"""What the probes of a process have found: the state of each server, and of places with which something is wrong."""

from tonearm.bootstrap.server_probes import SERVERS
from tonearm.names import printable
from tonearm.telemetry.probes import NOT_YET, REFUSED, Check, Checks, Status
from tonearm.views.activity import ServiceState

_NAMES = {server.component: server.service for server in SERVERS}
_KINDS = {"disk": "disk", "root": "folder", "sqlite": "database"}
"""What a place is, by the beginning of its component; its path is in the reason."""


def service_states(checks: Checks) -> tuple[ServiceState, ...]:
    """The servers that were asked, then the disks and folders that are not as they should be."""
    known = {name: check for name, check in checks.snapshot().items() if check.finding is not NOT_YET}
    servers = [_state(_NAMES[name], check) for name, check in known.items() if name in _NAMES]
    places = [
        _state(_KINDS[name.partition(":")[0]], check)
        for name, check in known.items()
        if name not in _NAMES and check.finding.status is not Status.PASS
    ]
    return (*servers, *places)


def _state(name: str, check: Check) -> ServiceState:
    found = check.finding
    match found.status:
        case Status.PASS:
            return ServiceState(name, "up", check.since)
        case Status.WARN:
            state = "slow" if name in _NAMES.values() else "warning"
        case Status.FAIL:
            state = "misconfigured" if found.code == REFUSED else "unavailable"
    return ServiceState(name, state, check.since, _printable(found.output), _printable(found.advice))


def _printable(text: str | None) -> str | None:
    return None if text is None else printable(text)
