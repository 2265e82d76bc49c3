"""``/api/v1/audit``: who had what done."""

from typing import Annotated

from fastapi import APIRouter, Query

from tonearm.views.reading import PAGE
from tonearm.web import cursors
from tonearm.web.api_models import AuditModel, Page
from tonearm.web.json_response import Json
from tonearm.web.response_docs import Cursor, Limit, described
from tonearm.web.service_parts import Parts


def routes(parts: Parts) -> APIRouter:
    """The routes over the audit."""
    router = APIRouter(prefix="/audit", tags=["audit"])

    @router.get("", responses=described(Page[AuditModel], 400), summary="List what was done")
    def audit(
        since: Annotated[float | None, Query(description="Only since then; seconds since 1970.")] = None,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> Json:
        """What persons and programs had the library do, the newest first."""
        found = parts.library.audit.latest(limit + 1, since, cursors.to_id("audit", cursor))
        following = cursors.of_id("audit", found[limit - 1].id if len(found) > limit else None)
        return Json({"items": [entry.to_json() for entry in found[:limit]], "next": following})

    return router
