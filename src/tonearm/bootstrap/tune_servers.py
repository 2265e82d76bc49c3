"""Measures how long calls of the servers take that the settings name. Nothing is written to them but one log record."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator

from tonearm.bootstrap.server_probes import RABBITMQ, SERVERS, Call, ask_connected, server_calls
from tonearm.bootstrap.servers import Servers
from tonearm.errors import TonearmError
from tonearm.library.commit_probe import commit_nothing
from tonearm.settings import Settings
from tonearm.tuning.measured import ServerTime

CALLS = 15
CALLS_S = 2.0
"""Seconds after which no further call of a server is made."""


def measure_servers(
    settings: Settings, tell: Callable[[str], None], stopping: Callable[[], bool]
) -> Iterator[ServerTime]:
    """Call each server several times over one connection.

    Raises:
        ConfigurationError: settings that contradict each other, or a driver that is not installed.
    """
    servers = Servers(settings, lambda _: None).for_probes()
    names = {each.component: each.service for each in SERVERS}
    with contextlib.ExitStack() as parts:
        for component, call in server_calls(servers, parts).items():
            if not stopping():
                tell(f"calls of {names[component]}")
                yield _timed(names[component], "a question", call)
        if settings.database_url is not None and not stopping():
            database = parts.enter_context(contextlib.closing(servers.reach_postgres()))
            yield _timed("PostgreSQL", "a commit", lambda: commit_nothing(database))
        if settings.rabbitmq_url is not None and not stopping():
            tell("calls of RabbitMQ")
            broker = parts.enter_context(servers.open_broker(0, lambda: None, "tonearm tune"))
            assert broker is not None  # noqa: S101  the settings name it
            broker.wait_until_known(settings.connect_timeout_s)
            gate = servers.gate(RABBITMQ.service)
            yield _timed("RabbitMQ", "a question", lambda: ask_connected(broker, gate))


def _timed(server: str, what: str, call: Call) -> ServerTime:
    """Call once to connect, then several times, and measure these."""
    took: list[float] = []
    try:
        call()
        end = time.monotonic() + CALLS_S
        while len(took) < CALLS and (not took or time.monotonic() < end):
            began = time.perf_counter()
            call()
            took.append((time.perf_counter() - began) * 1000)
    except TonearmError as error:
        return ServerTime(server, what, reason=str(error))
    return ServerTime(server, what, statistics.median(took), min(took), max(took))
