"""Tells how many bits a sample has, as it is coded."""

from av.audio.codeccontext import AudioCodecContext

from tonearm.analysis.file_window import Window, os_reason
from tonearm.analysis.kinds import APE, WAVPACK, ContainerFormat
from tonearm.errors import Fault, FileFault

APE_DESCRIBED = 3980
"""The version of Monkey's Audio from which on a file begins with a descriptor."""


def bit_depth(codec: str, context: AudioCodecContext, kind: ContainerFormat, window: Window) -> int | None:
    """Bits a sample, ``None`` for lossy formats. ``window``: of the audio. Raises ``FileFault(READ_ERROR)``."""
    setup = context.extradata or b""
    if codec == "pcm":
        return int("".join(filter(str.isdigit, context.name)))
    if codec == "flac" and len(setup) >= 18:  # STREAMINFO, RFC 9639, 8.2
        return ((setup[12] & 1) << 4 | setup[13] >> 4) + 1
    if codec == "alac" and len(setup) >= 18:  # ALACSpecificConfig behind 12 bytes of atom header
        return setup[17]
    if codec in ("dsd", "dst"):
        return 1
    if codec == "tta" and len(setup) >= 10:  # the header of the file (True Audio Codec, TTA1 header)
        return int.from_bytes(setup[8:10], "little") or None
    try:
        return _in_header(kind, window)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error


def _in_header(kind: ContainerFormat, window: Window) -> int | None:
    if kind is WAVPACK:  # flags: bytes a sample less one, and how far samples are shifted (WavPack 5, 2.0)
        flags = int.from_bytes(window.part(24, 4), "little")
        return ((flags & 3) + 1) * 8 - (flags >> 13 & 31) or None
    if kind is APE:
        head = window.part(0, 76)
        if int.from_bytes(head[4:6], "little") < APE_DESCRIBED:
            flags = int.from_bytes(head[8:10], "little")
            return 8 if flags & 1 else 24 if flags & 8 else 16
        at = int.from_bytes(head[8:12], "little") + 16
        return int.from_bytes(window.part(at, 2), "little") or None
    return None
