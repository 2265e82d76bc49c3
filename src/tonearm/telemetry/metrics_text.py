"""Writes metrics as text: the answer to a scrape, and node_exporter's textfile."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from tonearm.telemetry.http import Request, Response, Route


def metrics_route(registry: CollectorRegistry) -> Route:
    """The route ``/metrics``: OpenMetrics with exemplars where the client asks for it, else Prometheus' own text."""

    def answer(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), content_type)

    return answer
