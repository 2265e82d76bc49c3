"""Puts the routes together into one application."""

from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from tonearm import __version__
from tonearm.telemetry.http import Request as PlainRequest
from tonearm.telemetry.http import Route
from tonearm.web import (
    api_activity,
    api_audio,
    api_audit,
    api_graphql,
    api_mixes,
    api_proposals,
    api_queue,
    api_runs,
    api_servers,
    api_tracks,
    pages,
)
from tonearm.web.access import Access
from tonearm.web.etag_and_compression import Packed
from tonearm.web.idempotency import AnsweredOnce
from tonearm.web.openapi import describe
from tonearm.web.problems import answer_errors
from tonearm.web.service_parts import Parts
from tonearm.web.shared_responses import SharedAnswers

STATIC = Path(__file__).parent / "static"


def make_app(parts: Parts, process_routes: Mapping[str, Route], room: int) -> FastAPI:
    """The application. process_routes: metrics and health of this process, by path. room: lists made at a time."""
    app = FastAPI(
        title="Tonearm",
        version=__version__,
        summary="A music library: its tracks, its queue and what its workers do.",
        docs_url=None,
        redoc_url=None,
    )
    answer_errors(app)
    api = APIRouter(prefix="/api/v1")
    for part in (
        api_activity,
        api_servers,
        api_tracks,
        api_audio,
        api_mixes,
        api_runs,
        api_queue,
        api_proposals,
        api_audit,
    ):
        api.include_router(part.routes(parts))
    app.include_router(api)
    app.include_router(api_graphql.routes(parts))
    app.include_router(pages.routes(parts))
    for path, route in process_routes.items():
        app.add_api_route(path, _adapted(route), include_in_schema=False)
    describe(app)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(
        SharedAnswers,
        version=parts.version,
        seen=parts.metrics.listed,
        ended=lambda: parts.actions.ended,
        room=room,
    )
    app.add_middleware(AnsweredOnce)
    app.add_middleware(Packed)
    app.add_middleware(Access, metrics=parts.metrics, guard=parts.guard)
    return app


def _adapted(route: Route) -> Callable[[Request], Response]:
    """A route of the small server that every process has, as one of this application."""

    def endpoint(request: Request) -> Response:
        found = route(PlainRequest(request.url.path, dict(request.query_params), dict(request.headers)))
        return Response(found.body, found.status, media_type=found.content_type)

    return endpoint
