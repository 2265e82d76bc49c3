"""``tonearm workers drain``: has workers finish what they have and end; waits for that if asked to."""

import contextlib
import math
import socket
import time
from collections.abc import Iterable, Mapping

import click

from tonearm.bootstrap.library import Library
from tonearm.cli.audit_note import noted
from tonearm.cli.opened import library, retried
from tonearm.cli.options import Seconds, data_option, json_option, print_json
from tonearm.cli.terminal import note, say
from tonearm.errors import NotFound, StorageUnavailable
from tonearm.jobs.worker_registry import DrainState
from tonearm.names import printable
from tonearm.views.workers import ALIVE, WorkerView

POLL_S = 0.5
NOT_DRAINED = 1
"""Exit status when a worker has not ended in time, or is lost."""

_ENDINGS = {
    DrainState.ENDED: "has ended.",
    DrainState.LOST: "sends no heartbeat any more; its jobs go to other workers when their leases expire.",
    DrainState.DRAINING: "has not ended yet; it still finishes the files that it is analysing.",
}


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "--here",
    is_flag=True,
    help="The worker that TONEARM_WORKER_NAME names; without it, every worker of this host.",
)
@click.option("--wait", is_flag=True, help="Return when they have ended; status 1 if one does not.")
@click.option(
    "--timeout",
    "timeout_s",
    metavar="TIME",
    type=Seconds(needs_unit=False),
    help="Wait no longer than this: seconds, or such as 10m.",
)
@data_option
@json_option
def drain(
    names: tuple[str, ...],
    here: bool,
    wait: bool,
    timeout_s: float | None,
    data: str | None,
    as_json: bool,
) -> int:
    """Have workers finish the files that they have, take no more, and end."""
    if bool(names) == here:
        raise click.UsageError("give either the names of workers or --here")
    if timeout_s is not None and not wait:
        raise click.UsageError("--timeout is for --wait")
    until = time.monotonic() + (math.inf if timeout_s is None else timeout_s)
    with library(data) as opened:
        chosen = names or _workers_here(opened)
        instances = {name: _ask(opened, name, until) for name in chosen}
        noted(opened, "drain workers", {"workers": list(instances)}, len(instances))
        if not wait:
            for name in instances:
                _show_asked(name, as_json)
            return 0
        states = _wait_for(opened, instances, until)
    for name, state in states.items():
        _show_ending(name, state, as_json)
    return 0 if set(states.values()) <= {DrainState.ENDED} else NOT_DRAINED


def _ask(opened: Library, name: str, until: float) -> str:
    """Ask a worker to drain; returns its instance. Raises NotFound."""
    return retried(lambda: opened.workers.drain(name), lambda: time.monotonic() > until)


def _workers_here(opened: Library) -> list[str]:
    """The name in the settings, or else the workers of this host whose heartbeats arrive. Raises NotFound."""
    if opened.settings.worker_name is not None:
        return [opened.settings.worker_name]
    found = names_on(socket.gethostname(), opened.worker_list.each())
    if not found:
        raise NotFound("no worker of this host is at work; `tonearm workers` lists all")
    return found


def names_on(host: str, workers: Iterable[WorkerView]) -> list[str]:
    """The workers of a host whose heartbeats arrive."""
    return [worker.name for worker in workers if worker.host == host and worker.state in ALIVE]


def _wait_for(opened: Library, instances: Mapping[str, str], until: float) -> dict[str, DrainState]:
    """How far each worker has come when all have ended or are lost, or at ``until``."""
    states = dict.fromkeys(instances, DrainState.DRAINING)
    while True:
        for name, instance in instances.items():
            if states[name] is not DrainState.ENDED:
                with contextlib.suppress(StorageUnavailable):  # it is asked again
                    states[name] = opened.workers.drain_state(name, instance)
        if DrainState.DRAINING not in states.values() or time.monotonic() >= until:
            return states
        time.sleep(min(POLL_S, max(0.0, until - time.monotonic())))


def _show_asked(name: str, as_json: bool) -> None:
    if as_json:
        print_json({"worker": name, "draining": True})
    else:
        say(f"{printable(name)} finishes the files that it is analysing and ends.")


def _show_ending(name: str, state: DrainState, as_json: bool) -> None:
    if as_json:
        print_json({"worker": name, "state": state.value})
    elif state is DrainState.ENDED:
        say(f"{printable(name)} {_ENDINGS[state]}")
    else:
        note(f"{printable(name)} {_ENDINGS[state]}")
