"""Proposed names and tags as people and programs read them."""

import dataclasses
from typing import Any

from tonearm.library.proposal import Proposal, ProposalKind, Selection
from tonearm.names import path_fields, printable

_OF_A_CHANGE = ("field", "name", "before", "after")


def proposal_json(proposal: Proposal) -> dict[str, Any]:
    """The JSON object of a proposal."""
    found: dict[str, Any] = {"id": proposal.id, "batch": proposal.batch, **path_fields(proposal.source)}
    if proposal.kind is ProposalKind.TAGS:
        found["changes"] = [{name: change[name] for name in _OF_A_CHANGE} for change in proposal.changes]
    elif proposal.target is None:
        found["proposed_path"] = None
    else:
        found |= path_fields(proposal.target, "proposed_path")
    return found | {
        "confidence": proposal.confidence,
        "costs": list(proposal.costs),
        "conflicts": [{"code": each.code, **path_fields(each.path)} for each in proposal.conflicts],
        "warnings": list(proposal.warnings),
        "status": proposal.status,
        "goes_with": proposal.along,
        "follows": proposal.follows,
        "changed_at": proposal.changed_at,
        "refusal": proposal.refusal,
    }


def selection_json(wanted: Selection) -> dict[str, Any]:
    """The JSON object of what selects proposals, with names that can be printed."""
    given = {field.name: getattr(wanted, field.name) for field in dataclasses.fields(wanted)}
    return {
        name: printable(value)
        if isinstance(value, bytes)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in given.items()
    }
