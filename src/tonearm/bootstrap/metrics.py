"""Composes what a process exports: its metrics, and the HTTP server that they and its health are read from."""

import contextlib
import functools
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.health import Health
from tonearm.bootstrap.servers import Servers
from tonearm.bootstrap.traces import Tracing
from tonearm.errors import ConfigurationError
from tonearm.events.bus import EventBus
from tonearm.events.facts import Listening, Warned
from tonearm.events.report import report
from tonearm.events.states import WarningCode
from tonearm.library.database import Database
from tonearm.names import printable
from tonearm.settings import Settings
from tonearm.telemetry.log_handler import LogHandler
from tonearm.telemetry.probes import NOT_YET, Status

if TYPE_CHECKING:
    from tonearm.progress.reporter import Reporter
    from tonearm.telemetry.http import Route
    from tonearm.telemetry.metrics import Metrics
    from tonearm.telemetry.metrics_process import ProcessSources


@dataclass(slots=True)
class Exporter:
    """What this process exports, from its start to its end.

    routes: served over HTTP; a path can be added at any time. url: where; ``None`` if nowhere. trouble: why not there
    where it was asked for. file: where the metrics are written at the end, if they are.
    """

    health: Health
    metrics: "Metrics"
    process: "ProcessSources"
    routes: "dict[str, Route]"
    file: str | None
    url: str | None = None
    trouble: str | None = None
    _written: bool = False

    def join(self, bus: EventBus, servers: Servers, tracing: Tracing) -> None:
        """Count the facts of a bus, and announce where the metrics are served."""
        self.metrics.current_ids = tracing.current_ids
        self.metrics.expect_services(servers.breakers)
        self.process.breakers = lambda: {name: each.state for name, each in servers.breakers.items()}
        self.process.dropped = lambda: _dropped(bus, tracing, None)
        bus.subscribe(self.metrics, "the metrics")
        bus.subscribe(self.process.children, "the metrics of children")
        if self.url is not None:
            bus(Listening(self.url))
        if self.trouble is not None:
            bus(Warned(WarningCode.CANNOT_LISTEN, self.trouble))

    @contextlib.contextmanager
    def observing(
        self,
        database: Database,
        servers: Servers,
        bus: EventBus,
        tracing: Tracing,
        reporter: "Reporter | None",
    ) -> Iterator[None]:
        """Export figures of an open library, which this process holds or shares; at the end write the file."""
        from tonearm.telemetry.metrics_library import LibraryFigures

        self.process.dropped = lambda: _dropped(bus, tracing, reporter)
        self.process.connections = database.connections
        management = servers.management()
        library = LibraryFigures(
            servers.open_leadership(database),
            has_outbox=servers.has_broker,
            ask_broker=management.figures if management is not None else None,
        )
        self.metrics.registry.register(library)
        try:
            yield
        finally:
            if self.file is not None:
                library.expire()
            self.write()
            self.metrics.registry.unregister(library)
            self.process.connections = dict
            library.close()

    def write(self) -> None:
        """Write the file once, if there is to be one. An error is reported."""
        if self.file is None or self._written:
            return
        from tonearm.telemetry.metrics_text import write_metrics

        self._written = True
        try:
            write_metrics(self.metrics.registry, self.file)
        except OSError as error:
            report(f"{printable(self.file)}: the metrics can't be written: {error.strerror}")


@contextlib.contextmanager
def open_exporter(
    settings: Settings, must_listen: bool, file: str | None = None
) -> Iterator[Exporter | None]:
    """Export metrics where the settings say so, and to a file at the end; ``None`` where neither is wanted.

    Raises:
        ConfigurationError: the address can't be listened on, and ``must_listen``; or there can't be such a file.
    """
    if settings.listen is None and file is None:
        yield None
        return
    if file is not None and not os.path.isdir(os.path.dirname(os.path.abspath(file))):
        raise ConfigurationError(f"{printable(file)}: the folder for the metrics does not exist")
    if file is not None and (not file or os.path.isdir(file)):
        raise ConfigurationError(f"{printable(file) or '(empty)'}: not the name of a file for the metrics")
    exporter = _exporter(settings, file)
    with contextlib.ExitStack() as parts:
        if settings.listen is not None:
            exporter.trouble = _listen(settings.listen, exporter, parts.callback, must_listen)
        parts.callback(exporter.write)
        yield exporter


def _exporter(settings: Settings, file: str | None) -> Exporter:
    from tonearm.telemetry.metrics import Metrics
    from tonearm.telemetry.metrics_process import ProcessFigures, ProcessSources
    from tonearm.telemetry.metrics_text import MetricsPage

    health = Health(is_shown=settings.listen is not None)
    metrics = Metrics(versions())
    places = {"tmp": tempfile.gettempdir()}
    if settings.database_url is None:
        places["data"] = str(settings.data_dir)
    process = ProcessSources(
        settings.workers,
        places=places,
        turns=functools.partial(_last_turns, health),
        mounted=functools.partial(_mounted, health),
    )
    metrics.registry.register(ProcessFigures(process))
    routes: dict[str, Route] = {"/metrics": MetricsPage(metrics.registry), **health.routes()}
    return Exporter(health, metrics, process, routes, file)


def _dropped(bus: EventBus, tracing: Tracing, reporter: "Reporter | None") -> dict[str, int]:
    """What was not delivered, by subscriber: events, of the log its lines, and of traces the spans."""
    dropped = bus.dropped()
    if reporter is not None:
        dropped |= {"reporter": reporter.dropped}
    if tracing.counts is not None:
        dropped |= {"traces": tracing.counts.lost}
    for handler in logging.getLogger("tonearm").handlers:
        if isinstance(handler, LogHandler):
            dropped |= {"log": handler.missing}
    return dropped


def _last_turns(health: Health) -> dict[str, float]:
    """When each loop last began a turn, in seconds since 1970."""
    now = time.time()
    return {name: now - loop.turned_s for name, loop in health.turns.snapshot().items()}


def _mounted(health: Health) -> dict[str, bool]:
    """Whether each root that was checked is mounted on this host and answers, by its id."""
    return {
        component.removeprefix("root:"): check.finding.status == Status.PASS
        for component, check in health.checks.snapshot().items()
        if component.startswith("root:") and check.finding is not NOT_YET
    }


def _listen(
    address: str, exporter: Exporter, at_end: Callable[[Callable[[], None]], object], must_listen: bool
) -> str | None:
    """Start the HTTP server; returns why that is not possible. Raises ConfigurationError if it must be."""
    from tonearm.telemetry.http import CannotListen, HttpServer

    try:
        server = HttpServer(address, exporter.routes)
    except CannotListen as error:
        if must_listen:
            raise ConfigurationError(str(error)) from error
        return str(error)
    at_end(server.close)
    exporter.url = server.url
    return None
