"""Decodes sounds for players in sealed children, a few at once.

A child lives as long as somebody takes its samples, and waits while nobody does, so memory is bounded by their number.
"""

import asyncio
import contextlib
import os
import socket
import struct
import subprocess
import sys
import threading

from tonearm.errors import ServiceUnavailable, TonearmError
from tonearm.names import PathMap, to_text
from tonearm.settings import Settings
from tonearm.views.playable import Playable
from tonearm.worker.child_process import environment
from tonearm.worker.child_protocol import InvalidReply, MessageBuffer, encode

CHILD = ("-c", "import gc; gc.disable(); from tonearm.worker.audio_child import main; main()")
AT_ONCE = 4
"""Maximum number of sounds that are decoded at the same time."""
FREE_S = 5.0
"""Seconds that a listener waits for one of them to end."""
PIECE_BYTES = 1 << 16
HEAD = struct.Struct("!I")
"""The length before a message of the child."""


class Unplayable(TonearmError):
    """A file that can't be played now."""


class Changed(TonearmError):
    """A file that is not the one that was analysed."""


class AudioDecoding:
    """Starts the children of a service. Used in one thread, that of its event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._paths = PathMap(settings.path_map)
        self._free = asyncio.Semaphore(AT_ONCE)

    async def start(self, sound: Playable, first: int, end: int) -> "Playing":
        """Begin to decode the samples from ``first`` up to ``end``.

        Raises Unplayable, Changed, and ServiceUnavailable where too many are decoded already.
        """
        try:
            await asyncio.wait_for(self._free.acquire(), FREE_S)
        except TimeoutError:
            raise ServiceUnavailable(f"{AT_ONCE} sounds are decoded already; try again later") from None
        return await self._started(sound, first, end)

    async def go_on(self, sound: Playable, first: int, end: int) -> "Playing":
        """The same for a listener who has taken samples already, and who waits however long it takes."""
        await self._free.acquire()
        return await self._started(sound, first, end)

    async def _started(self, sound: Playable, first: int, end: int) -> "Playing":
        settings = self._settings
        allowed_s = settings.deadline_base_s + end / sound.rate_hz / settings.deadline_speed
        wanted = {
            "root": to_text(self._paths.here(sound.root)),
            "path": to_text(sound.path),
            "follow_links": settings.follow_links,
            "size": sound.size,
            "mtime_ns": sound.mtime_ns,
            "rate_hz": sound.rate_hz,
            "first": first,
            "count": end - first,
            "memory_mb": settings.memory_mb,
            "cpu_s": allowed_s,
        }
        playing: Playing | None = None
        try:
            playing = Playing(self._free, allowed_s)
            await playing.begin(encode(wanted))
        except BaseException:
            if playing is None:
                self._free.release()
            else:
                playing.close()
            raise
        return playing


class Playing:
    """A child that decodes, and its samples. The one who has it closes it."""

    def __init__(self, free: asyncio.Semaphore, allowed_s: float) -> None:
        """``allowed_s``: seconds in which the next samples have to come."""
        self._link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and our own module
                [sys.executable, "-I", *CHILD, str(theirs.fileno()), str(os.getpid())],
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=environment(),
            )
        self._link.setblocking(False)
        self._free = free
        self._allowed_s = allowed_s
        self._is_closed = False

    async def begin(self, wanted: bytes) -> None:
        """Send what is wanted, and wait for the answer. Raises Unplayable and Changed."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._allowed_s):
                await loop.sock_sendall(self._link, wanted)
                head = await self._exactly(HEAD.size)
                [answer] = MessageBuffer().feed(head + await self._exactly(HEAD.unpack(head)[0]))
        except (TimeoutError, InvalidReply, ValueError, OSError) as error:
            raise Unplayable("the decoder does not answer") from error
        if "failed" in answer:
            raise (Changed if answer.get("changed") else Unplayable)(str(answer["failed"]))

    async def _exactly(self, count: int) -> bytes:
        """So many bytes of the answer. Raises InvalidReply where there are not as many."""
        loop = asyncio.get_running_loop()
        data = b""
        while len(data) < min(count, PIECE_BYTES):
            piece = await loop.sock_recv(self._link, count - len(data))
            if not piece:
                raise InvalidReply("it has ended")
            data += piece
        return data

    async def read(self) -> bytes:
        """The next samples; nothing at the end, or where the child does not go on."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._allowed_s):
                return await loop.sock_recv(self._link, PIECE_BYTES)
        except (TimeoutError, OSError):
            return b""

    def close(self) -> None:
        """End the child."""
        if self._is_closed:
            return
        self._is_closed = True
        self._link.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._free.release()
        # It ends at once, but not while a mount does not answer, so nothing else waits for it.
        threading.Thread(target=self._process.wait, name="end-of-decoder", daemon=True).start()
