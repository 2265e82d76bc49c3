"""Composes what a process exports: its metrics, and the HTTP server that they and its health are read from."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tonearm.bootstrap.health import Health
from tonearm.errors import ConfigurationError
from tonearm.events.bus import EventBus
from tonearm.events.facts import Listening, Warned
from tonearm.events.states import WarningCode
from tonearm.settings import Settings

if TYPE_CHECKING:
    from tonearm.telemetry.http import Route
    from tonearm.telemetry.metrics import Metrics


@dataclass(slots=True)
class Exporter:
    """What this process exports, from its start to its end, however often its library has to be opened.

    routes: served over HTTP; a path can be added at any time. url: where; ``None`` if nowhere. trouble: why not there
    where it was asked for.
    """

    metrics: "Metrics"
    health: Health = field(default_factory=lambda: Health(is_shown=True))
    routes: "dict[str, Route]" = field(default_factory=dict)
    url: str | None = None
    trouble: str | None = None
    announced: bool = False

    def join(self, bus: EventBus) -> None:
        """Count the facts of a bus, and announce where the metrics are served."""
        bus.subscribe(self.metrics, "the metrics")
        if self.announced:
            return
        self.announced = True
        if self.url is not None:
            bus(Listening(self.url))
        if self.trouble is not None:
            bus(Warned(WarningCode.CANNOT_LISTEN, self.trouble))


@contextlib.contextmanager
def open_exporter(settings: Settings, must_listen: bool) -> Iterator[Exporter | None]:
    """Export metrics and listen where the settings say so; ``None`` where they do not.

    Raises:
        ConfigurationError: the address can't be listened on, and ``must_listen``.
    """
    if settings.listen is None:
        yield None
        return
    from tonearm.telemetry.http import CannotListen, HttpServer
    from tonearm.telemetry.metrics import Metrics
    from tonearm.telemetry.metrics_text import metrics_route

    exporter = Exporter(Metrics())
    exporter.routes["/metrics"] = metrics_route(exporter.metrics.registry)
    exporter.routes |= exporter.health.routes()
    with contextlib.ExitStack() as parts:
        try:
            server = parts.enter_context(contextlib.closing(HttpServer(settings.listen, exporter.routes)))
            exporter.url = server.url
        except CannotListen as error:
            if must_listen:
                raise ConfigurationError(str(error)) from error
            exporter.trouble = str(error)
        yield exporter
