"""``/api/v1/tracks/{id}/mixes`` and ``similar``: tracks that go with one."""

from typing import Annotated

from fastapi import APIRouter, Query

from tonearm.errors import ConfigurationError, NotFound
from tonearm.views.mix_fields import mix_fields
from tonearm.views.similar import MOST_SIMILAR, similar_tracks
from tonearm.web.answer_models import MixesModel, SimilarModel
from tonearm.web.answers import Id, described
from tonearm.web.json_response import Json
from tonearm.web.parts import Parts

Number = Annotated[int, Query(ge=1, le=MOST_SIMILAR, description="Maximum number of tracks.")]
Tempo = Annotated[float, Query(ge=0, le=50, description="Maximum change of tempo, in percent.")]


def routes(parts: Parts) -> APIRouter:
    """The routes over tracks that go with one."""
    router = APIRouter(prefix="/tracks", tags=["tracks"])
    library = parts.library

    @router.get(
        "/{id}/mixes", responses=described(MixesModel, 400, 404), summary="List what mixes with a track"
    )
    def mixes(id: Id, limit: Number = 20, tempo: Tempo = 6.0) -> Json:  # noqa: A002  the API's name
        """Tracks with a related key and a similar tempo, the best first; as `tonearm mix`."""
        track = parts.graph.track(library.tracks.detail(id).track.path)
        if track is None:
            raise NotFound(f"track {id}: missing since the last scan, or not analysed yet")
        if track.camelot is None or track.tempo is None:
            raise ConfigurationError(f"track {id}: it has no key or no tempo to mix by")
        return Json({"items": [mix_fields(each) for each in parts.graph.mixes(track, limit, tempo)]})

    @router.get("/{id}/similar", responses=described(SimilarModel, 404), summary="List similar tracks")
    def similar(id: Id, limit: Number = 20) -> Json:  # noqa: A002  the API's name
        """Of the tracks of about its tempo, its half or double, those nearest in energy, brightness and loudness."""
        found = similar_tracks(library.tracks, library.tracks.detail(id).track, limit)
        return Json({"items": [{"distance": each.distance, **each.track.to_json()} for each in found]})

    return router
