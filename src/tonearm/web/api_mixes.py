"""``/api/v1/tracks/{id}/mixes`` and ``similar``: tracks that go with one."""

from typing import Annotated

from fastapi import APIRouter, Query

from tonearm.views.similar import MOST_SIMILAR
from tonearm.web.api_models import track_model
from tonearm.web.json_response import Json
from tonearm.web.listings import mixes_with, similar_to
from tonearm.web.response_docs import Id, described
from tonearm.web.server_models import Listed, MixesModel, similar_model
from tonearm.web.service_parts import Parts

USUAL, USUAL_TEMPO, MOST_TEMPO = 20, 6.0, 50.0
"""How many tracks, and how large a change of tempo in percent: where nothing else is asked for, and at most."""
Number = Annotated[int, Query(ge=1, le=MOST_SIMILAR, description="Maximum number of tracks.")]
Tempo = Annotated[float, Query(ge=0, le=MOST_TEMPO, description="Maximum change of tempo, in percent.")]


def routes(parts: Parts) -> APIRouter:
    """The routes over tracks that go with one."""
    router = APIRouter(prefix="/tracks", tags=["tracks"])
    near = similar_model(track_model(parts.analysers))

    @router.get(
        "/{id}/mixes", responses=described(MixesModel, 400, 404), summary="List what mixes with a track"
    )
    def mixes(id: Id, limit: Number = USUAL, tempo: Tempo = USUAL_TEMPO) -> Json:  # noqa: A002  the API's name
        """Tracks with a related key and a similar tempo, the best first; as `tonearm mix`."""
        return Json({"items": mixes_with(parts, id, limit, tempo)})

    @router.get("/{id}/similar", responses=described(Listed[near], 404), summary="List similar tracks")  # type: ignore[valid-type]  # made from the analysers
    def similar(id: Id, limit: Number = USUAL) -> Json:  # noqa: A002  the API's name
        """Of the tracks of about its tempo, its half or double, those nearest in energy, brightness and loudness."""
        return Json({"items": similar_to(parts, id, limit)})

    return router
