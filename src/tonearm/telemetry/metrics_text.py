"""Writes metrics as text: the answer to a scrape, and node_exporter's textfile."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, write_to_textfile
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from tonearm.telemetry.http import Request, Response


class MetricsPage:
    """The route ``/metrics``: OpenMetrics with exemplars where the client asks for it, else Prometheus' own text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._all = _Both(registry, ProcessCollector(registry=None))

    def __call__(self, request: Request) -> Response:
        """Answer a scrape."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._all), content_type)


class _Both(Collector):
    """The metrics of this program, then those that every process has: memory, processor time, open files."""

    def __init__(self, ours: Collector, of_the_process: Collector) -> None:
        self._collectors = ours, of_the_process

    def collect(self) -> Iterator[Metric]:
        for collector in self._collectors:
            yield from collector.collect()


def write_metrics(registry: CollectorRegistry, path: str) -> None:
    """Write a file for node_exporter's textfile collector, in one step. Raises OSError.

    The metrics that every process has are left out, because node_exporter has them of itself.
    """
    write_to_textfile(path, registry)
