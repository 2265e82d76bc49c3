"""Counts the requests of the service, and how long their answers took."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class HttpMetrics:
    """The metrics of the service."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._requests = Counter(
            "tonearm_http_requests",
            "Requests that were answered, by route, method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._duration = Histogram(
            "tonearm_http_request_duration_seconds",
            "How long it took to answer a request, by route; event streams are not among them.",
            ("route",),
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._clients = Gauge(
            "tonearm_sse_clients", "Clients that receive server-sent events now.", registry=registry
        )

        self._counts = Counter(
            "tonearm_count_cache",
            "Numbers of tracks and plots that were asked for: known here, known to another instance, or counted.",
            ("result",),
            registry=registry,
        )

        self._lists = Counter(
            "tonearm_list_cache",
            "Lists of tracks that were asked for: kept, being made for another reader, or made.",
            ("result",),
            registry=registry,
        )

    def listed(self, result: str) -> None:
        """Count a list that was asked for. result: ``kept``, ``awaited`` or ``made``."""
        self._lists.labels(result).inc()

    def counted(self, result: str) -> None:
        """Count a number that was asked for. result: ``here``, ``shared`` or ``miss``."""
        self._counts.labels(result).inc()

    def answered(self, route: str, method: str, status: int, duration_s: float | None) -> None:
        """Count a request. route: the template of its path. duration_s: ``None`` for a stream."""
        self._requests.labels(route, method, str(status)).inc()
        if duration_s is not None:
            self._duration.labels(route).observe(duration_s)

    def count_clients(self, clients: Callable[[], int]) -> None:
        """``clients``: asked at each scrape for the number of clients that receive events."""
        self._clients.set_function(clients)
