"""Gathers what ``tonearm status --check`` reports: every server, the disk and the library, side by side."""

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tonearm.bootstrap.server_probes import RABBITMQ, SERVERS, ask_broker, server_calls
from tonearm.bootstrap.servers import Servers
from tonearm.bootstrap.side_by_side import unfinished
from tonearm.errors import StorageError, TonearmError
from tonearm.library.database import Database
from tonearm.settings import Settings
from tonearm.telemetry.health_check import (
    CheckStatus,
    Problem,
    Situation,
    library_perfdata,
    library_problems,
    line_of,
    server_perfdata,
    server_problems,
    summary_of,
)
from tonearm.telemetry.probes import Checks, asked
from tonearm.telemetry.probes_findings import Place
from tonearm.telemetry.probes_places import PlacesLoop
from tonearm.views.liveness import read_liveness
from tonearm.views.queue_figures import read_figures
from tonearm.views.totals import count_quarantined
from tonearm.views.workers import WorkerList

LIMIT_S = 8.0
"""Seconds for the whole check; monitoring systems give a plugin ten."""


@dataclass(slots=True)
class _Read:
    """What was read from the library, or why it was not."""

    situation: Situation | None = None
    problem: Problem | None = field(
        default_factory=lambda: Problem(
            CheckStatus.CRITICAL, f"the library was not read within {LIMIT_S:.0f} s"
        )
    )


def check_status(settings: Settings) -> tuple[CheckStatus, str]:
    """The status, and the line to print. Takes a little more than ``LIMIT_S`` at most.

    Raises:
        ConfigurationError: settings that contradict each other.
    """
    servers = Servers(settings, lambda _: None)
    checks, read = Checks(), _Read()
    with contextlib.ExitStack() as parts:
        calls = {
            **_server_checks(servers, checks, parts),
            "library": lambda: _read_library(servers, read),
        }
        if settings.database_url is None:
            place = Place("disk:data", "disk", os.fsencode(settings.data_dir), required=True)
            calls["disk"] = lambda: PlacesLoop(lambda: [place], checks).check(threading.Event())
        if unfinished(calls, LIMIT_S):
            parts.pop_all()  # what hangs is left to end with this process
    found = checks.snapshot()
    problems = [*server_problems(found)]
    perfdata = server_perfdata(found)
    if read.situation is None:
        if read.problem is not None and not any(
            problem.status is CheckStatus.CRITICAL for problem in problems
        ):
            problems.append(read.problem)  # otherwise it follows from the others
        return line_of(problems, "", perfdata)
    problems += library_problems(read.situation)
    return line_of(problems, summary_of(read.situation), [*library_perfdata(read.situation), *perfdata])


def _server_checks(
    servers: Servers, checks: Checks, parts: contextlib.ExitStack
) -> dict[str, Callable[[], None]]:
    """For each server that the settings name, a function that checks it."""
    probing = servers.for_probes()
    calls = server_calls(probing, parts)
    if RABBITMQ.service in servers.breakers:
        calls[RABBITMQ.component] = lambda: ask_broker(probing)

    def check_of(component: str) -> Callable[[], None]:
        call, advice = calls[component], by_component[component].advice
        return lambda: checks.found(component, asked(call, advice))

    by_component = {each.component: each for each in SERVERS}
    for component in calls:
        checks.expect(component, by_component[component].required)
        checks.asking(component, LIMIT_S - 1.0)
    return {component: check_of(component) for component in calls}


def _read_library(servers: Servers, read: _Read) -> None:
    try:
        with contextlib.closing(servers.open_database()) as database:
            read.situation, read.problem = _situation(database), None
    except StorageError as error:
        read.problem = Problem(CheckStatus.CRITICAL, str(error))
    except TonearmError as error:
        read.problem = Problem(CheckStatus.UNKNOWN, str(error))


def _situation(database: Database) -> Situation:
    alive = read_liveness(database)
    workers = tuple(WorkerList(database).each()) if database.shared else ()
    with database.read() as connection:
        figures = read_figures(connection)
        count = count_quarantined(connection)
    resting = alive.rest is not None
    return Situation(database.shared, figures, count, int(alive.analysing), workers, resting)
