"""The page that says how many files have results of which version of each analyser."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from tonearm.errors import TonearmError
from tonearm.web.api_tracks import NONE
from tonearm.web.rendering import Pages, link
from tonearm.web.service_parts import Parts


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """Files by one version. said: what is to be said of it. is_present: whether it is the present version."""

    version: str
    said: str
    is_present: bool
    files: int
    link: str


def rows_of(coverage: Mapping[str, Any]) -> Iterator[tuple[str, list[CoverageRow]]]:
    """The rows of each analyser: the present version, older ones, files without results."""
    for analyser, found in groupby(coverage["results"], key=lambda each: each["analyser"]):
        yield analyser, [_row(each) for each in sorted(found, key=_order)]


def _order(one: Mapping[str, Any]) -> tuple[bool, bool, int]:
    found = one["found"]
    return found is None, found != one["version"], -(found or 0)


def _row(one: Mapping[str, Any]) -> CoverageRow:
    found, present = one["found"], one["version"]
    measured = link("/library", measured=f"{one['analyser']}:{NONE if found is None else found}")
    if found is None:
        said = f"not measured; version {present} is to come"
    elif present is None:
        said = "of an analyser that is there no more"
    else:
        said = "up to date" if found == present else f"older than version {present}"
    return CoverageRow(
        "none" if found is None else str(found), said, found == present, one["files"], measured
    )


def add_coverage(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Add the route of the page."""

    @router.get("/library/coverage")
    def coverage() -> Response:
        try:
            found = parts.coverage()
        except TonearmError as error:
            return pages.problem(error, "/library")
        view = {"files": found["files"], "analysers": list(rows_of(found))}
        return pages.page("coverage.html", "/library", "What is measured", **view)
