"""``/api/v1/tracks/{id}/audio``: the sound of a track, for players."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tonearm.views.playable import playable
from tonearm.web.audio_decoding import Changed, Unplayable
from tonearm.web.audio_response import AudioResponse, samples_in
from tonearm.web.problems import problem
from tonearm.web.response_docs import Id, described
from tonearm.web.service_parts import Parts
from tonearm.web.wav import HEAD_BYTES, NotSatisfiable, TooLong, Wav, range_of

PATH = "/tracks/{id}/audio"
Form = Annotated[Literal["wav"], Query(description="16-bit stereo at the sample rate of the file.")]
Wanted = Annotated[str | None, Header(alias="range", max_length=200, description="Such as `bytes=44-`.")]
Unchanged = Annotated[str | None, Header(alias="if-range", max_length=200)]
_BYTES = {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}
ANSWERS = described(None, 404, 409, 416) | {
    200: {"description": "The whole file.", **_BYTES},
    206: {"description": "The bytes that were asked for.", **_BYTES},
}


def routes(parts: Parts) -> APIRouter:
    """The route of the API."""
    router = APIRouter(tags=["tracks"])
    _add(router, parts)
    return router


def add_audio(router: APIRouter, parts: Parts) -> None:
    """Add the same route for pages."""
    _add(router, parts)


def _add(router: APIRouter, parts: Parts) -> None:
    @router.head(PATH, include_in_schema=False)
    @router.get(PATH, response_class=Response, responses=ANSWERS, summary="Play a track")
    async def audio(
        request: Request,
        id: Id,  # noqa: A002  the API's name
        format: Form = "wav",  # noqa: A002, ARG001  the API's name; there is one form
        wanted: Wanted = None,
        if_range: Unchanged = None,
    ) -> Response:
        """The decoded sound as a WAV file. Ranges are exact: byte 44 + 4 n is the first one of sample n."""
        sound = await run_in_threadpool(playable, parts.library.database, id)
        try:
            wav = Wav(sound.rate_hz, sound.samples)
        except TooLong as error:
            return problem(HTTPStatus.CONFLICT, str(error))
        tag = f'"{sound.audio}-{sound.samples}"'
        headers = {"Accept-Ranges": "bytes", "ETag": tag, "Cache-Control": "private, no-cache"}
        try:
            span = range_of(wanted if if_range in (None, tag) else None, wav.size)
        except NotSatisfiable:
            answer = problem(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"it has {wav.size:,} bytes")
            answer.headers["Content-Range"] = f"bytes */{wav.size}"
            return answer
        status = HTTPStatus.OK if span is None else HTTPStatus.PARTIAL_CONTENT
        first, end = span or (0, wav.size)
        if span is not None:
            headers["Content-Range"] = f"bytes {first}-{end - 1}/{wav.size}"
        if request.method == "HEAD" or end <= HEAD_BYTES:
            body = wav.head[first:end] if request.method != "HEAD" else b""
            made = Response(body, status, headers, media_type="audio/wav")
            made.headers["Content-Length"] = str(end - first)
            return made
        try:
            playing = await parts.audio.start(sound, *samples_in(first, end))
        except (Changed, Unplayable) as error:
            return problem(HTTPStatus.CONFLICT, _advised(error))
        return AudioResponse(parts.audio, sound, wav, (first, end), playing, status, headers)


def _advised(error: Changed | Unplayable) -> str:
    return f"{error} Run `tonearm analyze`." if isinstance(error, Changed) else str(error)
