"""``/api/v1/proposals``: proposed names and tags, decisions about them, and carrying them out."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from tonearm.errors import ConfigurationError, NotFound
from tonearm.library.proposal import ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.views.proposals import proposal_json
from tonearm.views.reading import PAGE
from tonearm.web import cursors
from tonearm.web.access import Who
from tonearm.web.api_models import ActionModel, Batch, Page, ProposalFilter, ProposalModel, TotalModel
from tonearm.web.json_response import Json
from tonearm.web.renaming import DECISIONS, Prepared, changing, deciding
from tonearm.web.response_docs import Cursor, DryRun, Id, Limit, described, place_at, started
from tonearm.web.service_parts import Parts

Kind = Annotated[ProposalKind, Query(description="Names, or what is to be written into tags.")]


def routes(parts: Parts) -> APIRouter:
    """The routes over proposed names and tags."""
    router = APIRouter(prefix="/proposals", tags=["proposals"])
    proposals = Proposals(parts.library.database)
    _lists(router, parts, proposals)
    for verb in DECISIONS:
        _decision(router, parts, verb)
    _renames(router, parts)
    return router


def _lists(router: APIRouter, parts: Parts, proposals: Proposals) -> None:
    @router.get("", responses=described(Page[ProposalModel], 400, 404), summary="List proposals")
    def listed(
        batch: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        status: Annotated[list[ProposalStatus] | None, Query(max_length=10)] = None,
        below: Annotated[str | None, Query(max_length=4096, description="Files at or below it.")] = None,
        sure: Annotated[float | None, Query(ge=0, le=1, description="At least this confidence.")] = None,
        unsure: Annotated[float | None, Query(ge=0, le=1, description="At most this confidence.")] = None,
        conflicts: Annotated[
            bool | None, Query(description="Only those with, or without, conflicts.")
        ] = None,
        kind: Kind = ProposalKind.RENAME,
        limit: Limit = PAGE,
        cursor: Cursor = None,
    ) -> Json:
        """Proposed names, or tags, in the order of their numbers."""
        wanted = Selection(
            batch=batch,
            statuses=tuple(status or ()),
            below=_below(parts, below),
            least=sure,
            most=unsure,
            conflicted=conflicts,
            kind=kind,
        )
        found = proposals.page(wanted, cursors.to_id("proposals", cursor) or 0, limit + 1)
        following = cursors.of_id("proposals", found[limit - 1].id if len(found) > limit else None)
        return Json({"items": [proposal_json(each) for each in found[:limit]], "next": following})

    @router.get("/{id:int}", responses=described(ProposalModel, 404), summary="Show a proposal")
    def one(id: Id) -> Json:  # noqa: A002  the API's name
        """One proposed name, with what each field costs, or the proposed tags of one file."""
        for kind in ProposalKind:
            if found := proposals.page(Selection(ids=(id,), kind=kind), 0, 1):
                return Json(proposal_json(found[0]))
        raise NotFound(f"there is no proposal {id}")


def _decision(router: APIRouter, parts: Parts, verb: str) -> None:
    @router.post(
        f"/{verb}",
        name=verb,
        response_model=None,
        responses=described(TotalModel, 400, 404, said="With `dry_run`: how many would be changed.")
        | described(ActionModel, 400, 404, status=202, said="The action was started.", changes=True),
        status_code=202,
        summary=f"{verb.capitalize()} proposals",
    )
    def decide(wanted: ProposalFilter, who: Who, dry_run: DryRun = False) -> Response:
        """Decide on the proposals that match, with the files that go along. No file is changed."""
        return _started(parts, deciding(parts, verb, selected(parts, wanted), who), dry_run)


def _renames(router: APIRouter, parts: Parts) -> None:
    described_both = described(TotalModel, 404, said="With `dry_run`: how many files.") | described(
        ActionModel, 404, status=202, said="The action was started.", changes=True
    )

    @router.post(
        "/apply",
        response_model=None,
        responses=described_both,
        status_code=202,
        summary="Rename files, or write tags",
    )
    def apply(wanted: Batch, who: Who, dry_run: DryRun = False) -> Response:
        """Rename the files of a batch whose proposals are approved, or write their tags. Nothing is overwritten."""
        return _started(parts, changing(parts, "apply", wanted.batch, who), dry_run)

    @router.post(
        "/undo",
        response_model=None,
        responses=described_both,
        status_code=202,
        summary="Undo renames, or tags",
    )
    def undo(wanted: Batch, who: Who, dry_run: DryRun = False) -> Response:
        """Give the files of a batch their old names, or tags, again."""
        return _started(parts, changing(parts, "undo", wanted.batch, who), dry_run)


def _started(parts: Parts, action: Prepared, dry_run: bool) -> Response:
    if dry_run:
        return Json({"count": action.total})
    return started(parts, action.what, action.work, action.total)


def selected(parts: Parts, wanted: ProposalFilter) -> Selection:
    """What a body selects. Raises NotFound, and ConfigurationError for one that selects nothing in particular."""
    given = wanted.model_dump(exclude_defaults=True, exclude={"kind"})
    if not given:
        raise ConfigurationError('give "ids", a filter, or "all"')
    return Selection(
        ids=tuple(wanted.ids),
        batch=wanted.batch,
        statuses=tuple(wanted.status),
        below=_below(parts, wanted.below),
        least=wanted.sure,
        most=wanted.unsure,
        conflicted=wanted.conflicts,
        kind=wanted.kind,
    )


def _below(parts: Parts, path: str | None) -> bytes | None:
    place = place_at(parts, path)
    return None if place is None else place.path
