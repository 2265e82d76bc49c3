"""The page of one track, and what a person decides there about its tempo and key."""

import os
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from tonearm.analysis.value_text import relation_text, tempo_doubt
from tonearm.errors import TonearmError
from tonearm.graph.port import Mix
from tonearm.library.keys import KEYS
from tonearm.names import printable
from tonearm.views import formatting
from tonearm.views.mix_text import change_in_words, relation_in_words
from tonearm.views.track import Track, TrackDetail
from tonearm.web.access import Who
from tonearm.web.attempt_drawing import attempts_of
from tonearm.web.drawings import curves, keys_over_time, marks_of, waveform
from tonearm.web.forms import form_of
from tonearm.web.rendering import Pages
from tonearm.web.response_docs import Id
from tonearm.web.service_parts import Parts
from tonearm.web.track_table import file_facts, result_groups
from tonearm.web.value_locks import change_lock

MIXES = 10
MIX_PERCENT = 6.0
"""Maximum change of tempo of the tracks that are shown as mixing."""
ATTEMPTS = 3
"""Number of attempts that are drawn: the latest ones."""
HERE = "/library"


def add_track(router: APIRouter, parts: Parts, pages: Pages) -> None:
    """Add the routes of one track."""

    @router.get("/tracks/{id}")
    def track(id: Id) -> Response:  # noqa: A002  the API's name
        try:
            detail = parts.library.tracks.detail(id)
            mixes = _mixes(parts, detail.track)
            trace = parts.library.file_traces.of_file(id)
        except TonearmError as error:
            return pages.problem(error, HERE)
        one = detail.track
        attempts = [] if trace is None else list(attempts_of(trace))[-ATTEMPTS:]
        title = one.title or printable(os.path.basename(one.path))
        return pages.page("track.html", HERE, title, **_about(detail, parts), mixes=mixes, attempts=attempts)

    @router.post("/tracks/{id}/locks")
    async def lock(id: Id, request: Request, who: Who) -> Response:  # noqa: A002  the API's name
        form = await form_of(request)
        try:
            await run_in_threadpool(change_lock, parts, who, id, form.get("what", ""), form.get("value", ""))
        except TonearmError as error:
            return pages.problem(error, HERE)
        return RedirectResponse(f"/tracks/{id}", 303)


def _about(detail: TrackDetail, parts: Parts) -> dict[str, Any]:
    one, series = detail.track, detail.series
    length_s = one.decoded_s or 0.0
    return {
        "track": one,
        "name": printable(os.path.basename(one.path)),
        "path": printable(one.path),
        "length": formatting.duration(one.decoded_s),
        "doubt": tempo_doubt(one.to_json()),
        "warnings": list(map(printable, detail.warnings)),
        "remarks": list(map(printable, detail.remarks)),
        "wave": waveform(series, one.results.get("waveform_step_s")),
        "beats": len(series.get("beats") or ()),
        "curves": list(curves(series, length_s)),
        "keys": keys_over_time(series.get("key_windows") or (), length_s),
        "key_marks": marks_of(length_s) if length_s else [],
        "tempi": _tempi(one),
        "key_choices": KEYS,
        "facts": list(file_facts(one)),
        "results": result_groups(detail, parts.analysers),
        "tags": [(printable(name), printable(_said(value))) for name, value in detail.tags.items()],
        "history": [
            (formatting.moment(event["at"]), printable(f"{event['what']} {event.get('reason') or ''}"))
            for event in detail.history
        ],
    }


def _said(value: Any) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _tempi(track: Track) -> Sequence[tuple[str, str]]:
    """The tempi that a person may choose from, and what is said of each: the one that was measured comes first."""
    said = {**track.results, **track.measured}
    bpm = said.get("bpm")
    if bpm is None:
        return ()
    others = said.get("bpm_alternatives") or ()
    return [
        (f"{bpm:.2f}", "measured"),
        *((f"{each['bpm']:.2f}", f"{relation_text(each)}, {each['score']:.0%}") for each in others),
    ]


def _mixes(parts: Parts, track: Track) -> list[dict[str, str]]:
    found = parts.graph.track(track.path)
    mixes: Sequence[Mix] = () if found is None else parts.graph.mixes(found, MIXES, MIX_PERCENT)
    return [
        {
            "link": f"/tracks/{mix.track.file}",
            "title": printable(mix.track.title or os.path.basename(mix.track.path)),
            "artist": printable(mix.track.artist or ""),
            "key": f"{mix.track.key} ({mix.track.camelot})",
            "relation": relation_in_words(mix.relation, mix.track.camelot or ""),
            "bpm": formatting.number(mix.track.bpm),
            "change": change_in_words(mix.change),
            "score": f"{mix.score:.0%}",
        }
        for mix in mixes
    ]
