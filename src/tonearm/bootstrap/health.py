"""Composes what a process knows of its own health: the turns of its loops, and probes of what it depends on."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tonearm.bootstrap.background import running
from tonearm.bootstrap.library import Library
from tonearm.bootstrap.server_probes import (
    RABBITMQ,
    SERVERS,
    Call,
    Server,
    ask_broker,
    ask_connected,
    server_calls,
)
from tonearm.bootstrap.servers import Servers
from tonearm.errors import StorageError
from tonearm.events.bus import EventBus
from tonearm.events.event import Announce
from tonearm.library.data_folder import DATABASE
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.resilience.threads import Body
from tonearm.settings import Settings
from tonearm.telemetry.probes import EVERY_S, Checks, ProbeLoop, asked

if TYPE_CHECKING:
    from tonearm.bootstrap.servers import BrokerConnection
    from tonearm.telemetry.http import Route
    from tonearm.telemetry.probes_findings import Place

FILES = 20
"""Number of known files of a root that are looked for."""
CHILDREN_FIRST_S = 2.0
"""Seconds in which waiting jobs may have children started, before one is started for a probe."""
CHILDREN_S = 60.0
"""Seconds between two checks of whether children start; few of them start one."""
CHILDREN_LIMIT_S = 90.0
BROKER_S = 60.0
"""Seconds between two probes of RabbitMQ that each make a connection."""
BROKER_FAILING_S = 10.0
"""The same after one that failed."""


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of the health of this process, from its start to its end.

    is_shown: whether anybody can ask for it. Servers are probed in any case, for the sake of their breakers.
    analyses: whether this process analyses files; another one does its work without RabbitMQ.
    """

    is_shown: bool = False
    analyses: bool = True
    turns: LoopTurns = field(default_factory=LoopTurns)
    checks: Checks = field(default_factory=Checks)

    def routes(self) -> "Mapping[str, Route]":
        """The routes of the HTTP server that show it."""
        from tonearm.telemetry.health import Liveness, Readiness

        return {"/health": Liveness(self.turns), "/ready": Readiness(self.checks)}


@contextlib.contextmanager
def probing_servers(
    health: Health, settings: Settings, servers: Servers, announce: Announce
) -> Iterator[None]:
    """Probe the servers, also while the database that is to be opened does not answer."""
    for each in SERVERS:
        if each.service in servers.breakers:
            health.checks.expect(each.component, each.required and (health.analyses or each is not RABBITMQ))
    with contextlib.ExitStack() as parts:
        calls = server_calls(servers.for_probes(), parts)
        bodies = {
            f"probe {each.component}": _server_loop(each, calls[each.component], health, settings, servers)
            for each in SERVERS
            if each.component in calls
        }
        with running(bodies, announce, health.turns):
            yield


def probes(
    health: Health, library: Library, servers: Servers, broker: "BrokerConnection | None", bus: EventBus
) -> dict[str, Body]:
    """The bodies of the threads that probe what is known once the library is open: RabbitMQ, places, children."""
    bodies: dict[str, Body] = {}
    if broker is not None:
        gate = servers.for_probes().gate(RABBITMQ.service)
        bodies["probe rabbitmq"] = _server_loop(
            RABBITMQ, lambda: ask_connected(broker, gate), health, library.settings, servers
        )
    if health.is_shown:
        from tonearm.telemetry.probes_rest import RestCheck

        bodies |= place_probes(health, library)
        if library.settings.workers:
            bodies["probe children"] = _children_loop(health, library.settings, bus)
            bus.subscribe(RestCheck(health.checks), "the check of rests")
    return bodies


def broker_probe(health: Health, servers: Servers) -> dict[str, Body]:
    """The body of the thread that probes RabbitMQ in a process that keeps no connection to it; empty without one."""
    if RABBITMQ.service not in servers.breakers:
        return {}
    probing = servers.for_probes()
    loop = ProbeLoop(
        RABBITMQ.component,
        lambda: asked(lambda: ask_broker(probing), RABBITMQ.advice),
        health.checks,
        every_s=BROKER_S,
        failing_s=BROKER_FAILING_S,
    )
    return {"probe rabbitmq": loop.run}


def place_probes(health: Health, library: Library) -> dict[str, Body]:
    """The body of the thread that probes the disks and folders that this process depends on."""
    from tonearm.telemetry.probes_places import PlacesLoop

    return {"probe places": PlacesLoop(_places(library), health.checks).run}


def _server_loop(server: Server, call: Call, health: Health, settings: Settings, servers: Servers) -> Body:
    breaker = servers.breakers[server.service]
    often_enough_s = settings.breaker_window_s / (settings.breaker_minimum_calls + 1)
    return ProbeLoop(
        server.component,
        lambda: asked(call, server.advice),
        health.checks,
        every_s=min(EVERY_S, often_enough_s),
        is_urgent=lambda: breaker.wants_call,
    ).run


def _children_loop(health: Health, settings: Settings, bus: EventBus) -> Body:
    from tonearm.telemetry.probes_children import ChildrenProbe
    from tonearm.worker.child_process import ChildProcess

    probe = ChildrenProbe(lambda: ChildProcess(settings))
    bus.subscribe(probe, "the probe of children")
    health.checks.expect("children", required=True)
    return ProbeLoop(
        "children",
        probe.ask,
        health.checks,
        every_s=CHILDREN_S,
        failing_s=CHILDREN_S / 2,
        limit_s=CHILDREN_LIMIT_S,
        first_s=CHILDREN_FIRST_S,
    ).run


def _places(library: Library) -> "Callable[[], Sequence[Place]]":
    """The places that this process depends on. The roots are read from the library before each round."""
    from tonearm.telemetry.probes_findings import Place

    folder = os.fsencode(library.settings.data_dir)
    embedded = not library.database.shared
    fixed = [
        Place("disk:data", "disk", folder, required=embedded),
        Place("disk:tmp", "disk", os.fsencode(tempfile.gettempdir())),
    ]
    if embedded:
        fixed.append(Place("sqlite", "sqlite", os.path.join(folder, os.fsencode(DATABASE)), required=True))
    roots: list[Place] = []

    def places() -> Sequence[Place]:
        nonlocal roots
        with contextlib.suppress(StorageError):  # those that are known are checked meanwhile
            roots = [
                Place(
                    f"root:{root.root}",
                    "root",
                    root.here,
                    files=library.job_store.sample_paths(root.root, FILES),
                    mounts=root.mounts,
                )
                for root in library.roots.every()
            ]
        return [*fixed, *roots]

    return places
