"""Opens a library and serves it over HTTP."""

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from tonearm.analysis.catalog import analysers
from tonearm.bootstrap.activity import Watched
from tonearm.bootstrap.background import running
from tonearm.bootstrap.graph import graph_of
from tonearm.bootstrap.health import Health, broker_probe, place_probes, probing_servers
from tonearm.bootstrap.library import open_library
from tonearm.bootstrap.servers import Servers
from tonearm.bootstrap.service_states import service_states
from tonearm.errors import ConfigurationError
from tonearm.events.report import unheard
from tonearm.library.access_tokens import AccessTokens
from tonearm.library.data_version import data_version
from tonearm.settings import Settings
from tonearm.telemetry.metrics_text import MetricsPage
from tonearm.views.revision import read_revision
from tonearm.web.activity_feed import ActivityFeed
from tonearm.web.app import make_app
from tonearm.web.audio_decoding import AudioDecoding
from tonearm.web.bulk_actions import BulkActions
from tonearm.web.guard import Guard
from tonearm.web.http_metrics import HttpMetrics
from tonearm.web.json_response import read_json
from tonearm.web.server import is_loopback, serving
from tonearm.web.service_parts import Parts
from tonearm.web.shared_counts import Counted
from tonearm.web.shared_responses import at_once


@contextlib.contextmanager
def open_service(settings: Settings, listen: str) -> Iterator[str]:
    """Serve the library that the settings name until the ``with`` block ends; yields the URL.

    Raises:
        StorageError: the database can't be opened.
        ConfigurationError: the address can't be used, or settings that contradict each other.
    """
    health = Health(is_shown=True, analyses=False)
    servers = Servers(settings, unheard, read_json=read_json)
    registry = CollectorRegistry()
    with contextlib.ExitStack() as opened:
        opened.enter_context(probing_servers(health, settings, servers, unheard))
        library = opened.enter_context(open_library(settings, servers))
        progress = opened.enter_context(servers.open_progress())
        probed = place_probes(health, library) | broker_probe(health, servers)
        opened.enter_context(running(probed, unheard, health.turns))
        watched = Watched(library, progress, lambda: service_states(health.checks))
        shared = opened.enter_context(servers.open_shared())
        feed = ActivityFeed(watched.read, shared=shared, services=watched.services)
        guard = _guard(AccessTokens(library.database), listen, settings.public_url)
        graph = graph_of(library, opened.enter_context(servers.open_graph()), unheard).graph
        metrics = HttpMetrics(registry)
        counted = Counted(lambda: read_revision(library.database), shared, metrics.counted)
        parts = Parts(
            watched,
            feed,
            BulkActions(),
            metrics,
            tuple(analysers().values()),
            guard,
            AudioDecoding(settings),
            graph,
            counted,
            opened.enter_context(contextlib.closing(data_version(library.database))),
        )
        parts.metrics.count_clients(lambda: feed.clients)
        room = at_once(settings.database_connections if library.database.shared else None)
        app = make_app(parts, {"/metrics": MetricsPage(registry), **health.routes()}, room)
        opened.callback(parts.actions.close)
        url = opened.enter_context(serving(app, listen))
        opened.callback(feed.close)  # before the server, which waits for its streams
        yield url


def _guard(tokens: AccessTokens, listen: str, public_url: str | None) -> Guard:
    """What asks for tokens where others can reach the service. Raises ConfigurationError where there are none."""
    is_asked_for = not is_loopback(listen)
    if is_asked_for and not tokens.each():
        raise ConfigurationError(
            f"{listen}: others can reach the service there, and there is no token yet; "
            "make one first with `tonearm token make NAME`, or listen on 127.0.0.1"
        )
    return Guard(tokens, is_asked_for, public_url)
