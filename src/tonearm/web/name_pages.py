"""The pages on which a person decides about proposed names and tags, and the page of an action over many rows."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from tonearm.errors import ConfigurationError, NotFound, TonearmError
from tonearm.library.audit import Actor
from tonearm.library.proposal import DECIDABLE, Proposal, ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.names import printable
from tonearm.views.reading import PAGE
from tonearm.web import cursors
from tonearm.web.access import Who
from tonearm.web.forms import form_of
from tonearm.web.ids import id_of
from tonearm.web.name_difference import Piece, differences
from tonearm.web.renaming import APPLY, DECISIONS, UNDO, Prepared, changing, decide, deciding
from tonearm.web.rendering import Pages, link
from tonearm.web.response_docs import Cursor, IsPart
from tonearm.web.service_parts import Parts

ALL = "all"
EVERY = "every"
"""As the batch of a filter: those of every batch."""
REPLACED = "characters-replaced"


@dataclass(frozen=True, slots=True)
class Review:
    """A page on which a person decides. path: where it is."""

    kind: ProposalKind
    path: str
    title: str


NAMES = Review(ProposalKind.RENAME, "/names", "Names")
TAGS = Review(ProposalKind.TAGS, "/tags", "Tags")
REVIEWS = {str(review.kind): review for review in (NAMES, TAGS)}


class NameFilter:
    """Which proposals the page shows, as the fields of its form say it."""

    def __init__(
        self, batch: str = "", status: str = "", sure: str = "", unsure: str = "", conflicts: str = ""
    ) -> None:
        self.values = {
            "batch": batch,
            "status": status,
            "sure": sure,
            "unsure": unsure,
            "conflicts": conflicts,
        }

    def selection(self, kind: ProposalKind) -> Selection:
        """The proposals of a kind that match. Raises ConfigurationError."""
        values = self.values
        try:
            return Selection(
                batch=id_of(values["batch"]) if values["batch"] not in ("", EVERY) else None,
                statuses=(ProposalStatus(values["status"]),) if values["status"] else (),
                least=_share(values["sure"]),
                most=_share(values["unsure"]),
                conflicted={"with": True, "without": False}.get(values["conflicts"]),
                kind=kind,
            )
        except ValueError as error:
            raise ConfigurationError("batch is a number; confidence is from 0 to 1") from error


def _share(text: str) -> float | None:
    if not text:
        return None
    if not 0 <= float(text) <= 1:
        raise ValueError(text)
    return float(text)


@dataclass(frozen=True, slots=True)
class ShownChange:
    """A text before and after, in pieces. name: of the tag; empty for the name of the file."""

    name: str
    old: list[Piece]
    new: list[Piece]


@dataclass(frozen=True, slots=True)
class ShownProposal:
    """A proposal as rows of the table, one for each change.

    to_folder: where the file goes; empty if it stays where it is. name: of the file.
    """

    proposal: Proposal
    folder: str
    name: str
    to_folder: list[Piece]
    changes: list[ShownChange]

    @property
    def decidable(self) -> bool:
        """Whether a person can still decide."""
        return self.proposal.status in DECIDABLE

    @property
    def notes(self) -> list[str]:
        """Conflicts, warnings, and what the confidence was reduced by."""
        proposal = self.proposal
        found = [f"{each.code}: {printable(each.path)}" for each in proposal.conflicts]
        found += [f"refused: {proposal.refusal}"] if proposal.refusal else []
        for warning in proposal.warnings:
            if warning["code"] == REPLACED:  # what the confidence was reduced by says so
                continue
            found.append(": ".join(filter(None, (warning["code"], printable(warning["detail"])))))
        fields: dict[str, list[str]] = {}
        for cost in proposal.costs:
            fields.setdefault(cost["reason"], []).append(cost["field"])
        return found + [f"{', '.join(named)}: {reason}" for reason, named in fields.items()]


def shown(proposal: Proposal) -> ShownProposal:
    """A proposal as rows of the table."""
    folder, name = map(printable, os.path.split(proposal.source))
    if proposal.kind is ProposalKind.TAGS:
        return ShownProposal(proposal, folder, name, [], [_change(each) for each in proposal.changes])
    if proposal.target is None:
        return ShownProposal(proposal, folder, name, [], [ShownChange("", [Piece(name, False)], [])])
    to_folder, to_name = map(printable, os.path.split(proposal.target))
    moved = differences(folder, to_folder)[1] if to_folder != folder else []
    return ShownProposal(proposal, folder, name, moved, [ShownChange("", *differences(name, to_name))])


def _change(change: Mapping[str, Any]) -> ShownChange:
    old, new = (printable("; ".join(change[side])) for side in ("before", "after"))
    return ShownChange(printable(change["name"]), *differences(old, new))


def add_names(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Add the routes of proposals and of actions."""
    proposals = Proposals(parts.library.database)
    for review in REVIEWS.values():
        _add_table(router, pages, proposals, review)
        _add_changes(router, parts, pages, review)

    @router.get("/actions/{id}")
    def action(id: str, of: str = "", hx_request: IsPart = None) -> Response:  # noqa: A002  the API's name
        try:
            found = parts.actions.get(id)
        except TonearmError as error:
            return pages.problem(error)
        review = REVIEWS.get(of, NAMES)
        view = {"action": found, "here": review.path, "title": found.what, "review": review}
        return HTMLResponse(pages.text("action_part.html" if hx_request else "action.html", **view))


def _add_table(router: APIRouter, pages: Pages, proposals: Proposals, review: Review) -> None:
    @router.get(review.path)
    def table(given: Annotated[NameFilter, Depends()], cursor: Cursor = None) -> Response:
        try:
            batch = _latest(proposals, review.kind)
            if batch is not None and not given.values["batch"]:
                given.values["batch"] = str(batch)
            wanted = given.selection(review.kind)
            found = proposals.page(wanted, cursors.to_id("proposals", cursor) or 0, PAGE + 1)
            view: dict[str, Any] = {
                "review": review,
                "given": given.values,
                "statuses": list(ProposalStatus),
                "counts": proposals.count(wanted),
                "batch": wanted.batch or batch,
                "can": {verb: proposals.decidable(wanted, DECISIONS[verb]) for verb in ("approve", "reject")},
                "proposals": [shown(each) for each in found[:PAGE]],
                "following": None,
                "every": link(review.path, batch=EVERY),
            }
            of_batch = proposals.count(Selection(batch=view["batch"], kind=review.kind))
            view |= {name: of_batch.get(name, 0) for name in ("approved", "applied")}
        except TonearmError as error:
            return pages.problem(error, review.path)
        if len(found) > PAGE:
            view["following"] = link(
                review.path, **given.values, cursor=cursors.of_id("proposals", found[PAGE - 1].id)
            )
        return pages.page("names.html", review.path, review.title, **view)


def _add_changes(router: APIRouter, parts: Parts, pages: Pages, review: Review) -> None:
    @router.post(review.path + "/{verb}")
    async def change(verb: str, request: Request, who: Who) -> Response:
        if verb not in DECISIONS and verb not in (APPLY, UNDO):
            return HTMLResponse(status_code=404)
        try:
            where = await run_in_threadpool(_done, parts, review, verb, await form_of(request), who)
        except TonearmError as error:
            return pages.problem(error, review.path)
        return RedirectResponse(where, 303)


def _done(parts: Parts, review: Review, verb: str, form: Mapping[str, str], who: Actor) -> str:
    """Do what a form asks for: decide on one proposal at once, everything else as an action; returns where to look.

    Raises NotFound, ConfigurationError and StorageError.
    """
    fields = {name: form.get(name, "") for name in NameFilter().values}
    wanted = NameFilter(**fields).selection(review.kind)
    if verb in (APPLY, UNDO):
        if wanted.batch is None:
            raise NotFound("there is no such batch")
        return _started(parts, changing(parts, verb, wanted.batch, who), review)
    if ALL in form:
        return _started(parts, deciding(parts, verb, wanted, who), review)
    number = id_of(form.get("id", ""))
    decide(parts, verb, Selection(ids=(number,), kind=review.kind), who)
    return f"{link(review.path, **fields, cursor=form.get('cursor'))}#{number}"


def _started(parts: Parts, action: Prepared, review: Review) -> str:
    started = parts.actions.start(action.what, action.work, action.total)
    return link(f"/actions/{started.id}", of=str(review.kind))


def _latest(proposals: Proposals, kind: ProposalKind) -> int | None:
    """The batch that a person most likely means."""
    likely = (ProposalStatus.APPROVED, ProposalStatus.PENDING, ProposalStatus.APPLIED)
    for status in (*likely, ProposalStatus.REJECTED, ProposalStatus.UNDONE):
        if (batch := proposals.latest_batch(status, kind)) is not None:
            return batch
    return None
