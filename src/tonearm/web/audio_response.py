"""Sends the bytes of a WAV file while they are decoded."""

import asyncio
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tonearm.events.report import report
from tonearm.views.playable import Playable
from tonearm.web.access import is_still_admitted
from tonearm.web.audio_decoding import AudioDecoding, Playing
from tonearm.web.wav import FRAME_BYTES, HEAD_BYTES, Wav

IDLE_S = 20.0
"""Seconds after which the child of a listener who takes nothing is ended; another one goes on when it is needed."""
SILENCE = bytes(1 << 16)


class AudioResponse(Response):
    """The bytes of a sound from ``first`` up to ``end``. ``playing``: decodes those of its samples."""

    media_type = "audio/wav"

    def __init__(
        self,
        decoding: AudioDecoding,
        sound: Playable,
        wav: Wav,
        span: tuple[int, int],
        playing: Playing | None,
        status: int,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(None, status, headers)
        del self.headers["content-length"]
        self.headers["content-length"] = str(span[1] - span[0])
        self._decoding, self._sound, self._wav, self._playing = decoding, sound, wav, playing
        self._at, self._end = span
        self._skipped = max(0, self._at - HEAD_BYTES) % FRAME_BYTES
        """Bytes of the first sample that are not wanted."""
        self._is_silent = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end, or until the client has gone or its token is revoked."""
        sending = asyncio.ensure_future(self._send_all(scope, send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                await sending
        finally:
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            if self._playing is not None:
                self._playing.close()

    async def _send_all(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self._at < HEAD_BYTES:
            head = self._wav.head[self._at : self._end]
            await self._send(send, head)
        while self._at < self._end:
            if not await is_still_admitted(scope):
                return
            await self._send(send, await self._samples())
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _samples(self) -> bytes:
        """The next bytes. Silence stands for what a child did not decode: the length was announced."""
        if self._is_silent:
            return SILENCE[: self._end - self._at]
        if self._playing is None:
            self._playing = await self._decoding.go_on(self._sound, *samples_in(self._at, self._end))
            self._skipped = (self._at - HEAD_BYTES) % FRAME_BYTES
        piece = await self._playing.read()
        if not piece:
            report(
                f"the decoder of a sound has ended before its time; the rest is silent: {self._sound.audio}"
            )
            self._is_silent = True
            piece = SILENCE
        skipped = min(self._skipped, len(piece))
        self._skipped -= skipped
        return piece[skipped : skipped + self._end - self._at]

    async def _send(self, send: Send, piece: bytes) -> None:
        """Send a piece; end the child if the listener takes nothing for long."""
        self._at += len(piece)
        sent = asyncio.ensure_future(send({"type": "http.response.body", "body": piece, "more_body": True}))
        try:
            await asyncio.wait({sent}, timeout=IDLE_S)
            if not sent.done() and self._playing is not None:
                self._playing.close()
                self._playing = None
            await sent
        finally:
            sent.cancel()


def samples_in(first: int, end: int) -> tuple[int, int]:
    """The first sample and the one after the last that bytes of a WAV file belong to."""
    return max(0, first - HEAD_BYTES) // FRAME_BYTES, max(0, -(-(end - HEAD_BYTES) // FRAME_BYTES))


async def _gone(receive: Receive) -> None:
    """Wait until the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
