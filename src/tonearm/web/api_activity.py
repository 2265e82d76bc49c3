"""``/api/v1``: the state of the library, what goes on, and its changes as server-sent events."""

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import StreamingResponse

from tonearm.analysis.catalog import versions
from tonearm.views.status import read_status
from tonearm.web.access import while_admitted
from tonearm.web.api_models import ActivityModel, StatusModel
from tonearm.web.json_response import Json
from tonearm.web.response_docs import described
from tonearm.web.service_parts import Parts

STILL_THERE = b": still there\n\n"
LastId = Annotated[str | None, Header(max_length=100)]


def routes(parts: Parts) -> APIRouter:
    """The routes over the state of the library."""
    router = APIRouter(tags=["library"])

    @router.get("/status", responses=described(StatusModel), summary="Show the state of the library")
    def status() -> Json:
        """What the library holds, what is queued and running, and the workers."""
        return Json(read_status(parts.library.database, versions()).to_json())

    @router.get("/activity", responses=described(ActivityModel), summary="Show what goes on")
    def activity() -> Json:
        """The queue, the open runs, the files being analysed, rates and the latest failures, at this moment."""
        return Json(parts.watched.read().to_json())

    @router.get(
        "/events",
        response_class=StreamingResponse,
        responses=described(None)
        | {200: {"content": {"text/event-stream": {}}, "description": "The events."}},
        summary="Follow what goes on",
    )
    async def events(request: Request, last_event_id: LastId = None) -> StreamingResponse:
        """What `activity` answers, sent whenever it changes, as server-sent events with ids.

        `activity` has the whole state. `trouble` says why it can't be read now, and what is wrong with which server.
        After `reset` nothing that was sent before may be relied on. A comment is sent every 15 s. Ends when the token
        is revoked.
        """
        lines = while_admitted(request, _lines(parts, last_event_id))
        return StreamingResponse(lines, media_type="text/event-stream")

    return router


async def _lines(parts: Parts, last_id: str | None) -> AsyncGenerator[bytes]:
    async for event in parts.feed.events(last_id):
        yield STILL_THERE if event is None else encoded(event.id, event.data, event.name)


def encoded(id: str, data: str, name: str = "") -> bytes:  # noqa: A002  the standard's name
    """An event in the form of the HTML standard, section 9.2.6. name: empty for an event without one."""
    lines = [
        f"id: {id}",
        *([f"event: {name}"] if name else []),
        *(f"data: {line}" for line in data.splitlines()),
    ]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")
