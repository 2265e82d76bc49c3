"""The main program of a child that plays one file: opens it, seals itself, and sends samples as 16-bit stereo.

The service starts it as ``python -I -c … SOCKET PARENT`` and sends one message: which file, which samples, and the
limits. The answer is one message, with ``failed`` if there is nothing to play, then the samples. It ends after the last
one, or when the other side closes the connection.
"""

import gc
import io
import signal
import socket
import sys
import wave
from collections.abc import Iterator
from typing import Any

from tonearm.analysis.decode import AudioSource, open_audio
from tonearm.analysis.stereo import to_stereo
from tonearm.errors import Fault, FileFault
from tonearm.names import to_bytes
from tonearm.worker.child_protocol import encode, receive
from tonearm.worker.limits import allow_cpu, be_killed_first, confine, die_with_parent
from tonearm.worker.safe_open import failure_of, open_inside
from tonearm.worker.sandbox import seal

CHANGED = "The file was changed since it was analysed."
FRAME_BYTES = 4
SILENCE = bytes(1 << 16)


def main() -> None:
    """Play one file."""
    link = socket.socket(fileno=int(sys.argv[1]))
    be_killed_first()
    die_with_parent(int(sys.argv[2]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    received = receive(link)
    if received is None:
        return
    _warm_up()
    gc.enable()
    try:
        _play(link, received[0])
    except (BrokenPipeError, ConnectionResetError):
        return  # the listener has gone


def _play(link: socket.socket, wanted: dict[str, Any]) -> None:
    """``wanted``: root, path, follow_links, size and mtime_ns as the library has them; rate_hz of the samples, first,
    count; memory_mb, cpu_s.
    """
    try:
        descriptor, status = open_inside(
            to_bytes(wanted["root"]), to_bytes(wanted["path"]), wanted["follow_links"]
        )
    except OSError as error:
        link.sendall(encode({"failed": failure_of(error.errno or 0).reason}))
        return
    confine(wanted["memory_mb"])
    allow_cpu(wanted["cpu_s"])
    seal()
    if (status.size, status.mtime_ns) != (wanted["size"], wanted["mtime_ns"]):
        link.sendall(encode({"failed": CHANGED, "changed": True}))
        return
    try:
        with open_audio(io.FileIO(descriptor, "r")) as source:
            if source.sound.sample_rate_hz != wanted["rate_hz"]:
                link.sendall(encode({"failed": CHANGED, "changed": True}))
                return
            link.sendall(encode({"playing": True}))
            _send(link, source, wanted["first"], wanted["count"])
    except FileFault as fault:
        link.sendall(encode({"failed": fault.reason}))
    except MemoryError:
        link.sendall(encode({"failed": FileFault(Fault.OUT_OF_MEMORY).reason}))


def _send(link: socket.socket, source: AudioSource, first: int, count: int) -> None:
    """Send ``count`` samples from the ``first`` on; silence stands for those that can't be decoded this time."""
    left = count * FRAME_BYTES
    try:
        for piece in _from(source, first):
            data = memoryview(piece)[:left]
            link.sendall(data)
            left -= len(data)
            if not left:
                return
    except (FileFault, MemoryError):
        pass  # it was announced that the samples come, so silence does
    while left:
        link.sendall(SILENCE[:left])
        left -= min(left, len(SILENCE))


def _from(source: AudioSource, first: int) -> Iterator[bytes]:
    passed = 0
    for piece in source.samples():
        wanted = piece[max(0, first - passed) :]
        passed += len(piece)
        if len(wanted):
            yield to_stereo(wanted, source.speakers).tobytes()


def _warm_up() -> None:
    """Decode a moment of silence, so that everything is loaded before the process is sealed."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8_000)
        writer.writeframes(bytes(1_600))
    file.seek(0)
    with open_audio(file) as source:
        for _ in _from(source, 0):
            pass
