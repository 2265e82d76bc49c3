"""The container formats, and how their first bytes tell them apart."""

from dataclasses import dataclass

HEAD_BYTES = 20


@dataclass(frozen=True, slots=True)
class ContainerFormat:
    """A container format: its name in results, for people and in FFmpeg, and whether tags may surround it."""

    name: str
    title: str
    demuxer: str
    tagged_around: bool = False


MP3 = ContainerFormat("mp3", "MP3", "mp3", tagged_around=True)
FLAC = ContainerFormat("flac", "FLAC", "flac", tagged_around=True)
WAV = ContainerFormat("wav", "WAV", "wav")
AIFF = ContainerFormat("aiff", "AIFF", "aiff")
MP4 = ContainerFormat("mp4", "M4A", "mov")
OGG = ContainerFormat("ogg", "Ogg", "ogg")
ASF = ContainerFormat("asf", "WMA", "asf")
WAVPACK = ContainerFormat("wavpack", "WavPack", "wv", tagged_around=True)
APE = ContainerFormat("ape", "Monkey's Audio", "ape", tagged_around=True)
MUSEPACK = ContainerFormat("musepack", "Musepack", "mpc", tagged_around=True)
MUSEPACK8 = ContainerFormat("musepack", "Musepack", "mpc8", tagged_around=True)
TTA = ContainerFormat("tta", "True Audio", "tta", tagged_around=True)
AAC = ContainerFormat("aac", "AAC", "aac", tagged_around=True)
AC3 = ContainerFormat("ac3", "AC-3", "ac3", tagged_around=True)
EAC3 = ContainerFormat("ac3", "AC-3", "eac3", tagged_around=True)
DSF = ContainerFormat("dsf", "DSF", "dsf")
DFF = ContainerFormat("dff", "DSDIFF", "iff")
AU = ContainerFormat("au", "Sun audio", "au")
CAF = ContainerFormat("caf", "Core Audio", "caf")
MATROSKA = ContainerFormat("matroska", "Matroska", "matroska,webm")

BY_FIRST_BYTES = {
    b"fLaC": FLAC,
    b"OggS": OGG,
    b"wvpk": WAVPACK,
    b"MAC ": APE,
    b"MPCK": MUSEPACK8,
    b"TTA1": TTA,
    b"DSD ": DSF,
    b".snd": AU,
    b"caff": CAF,
    b"\x1aE\xdf\xa3": MATROSKA,
}

_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")
_SPARE_BOXES = (b"free", b"skip")
_MOST_AC3_ID, _MOST_EAC3_ID = 10, 16


def kind_of(head: bytes) -> ContainerFormat | None:
    """Return the kind by the first bytes; ``None`` for MPEG audio and raw AAC, which have no signature."""
    if head[:4] in (b"RIFF", b"RF64", b"RIFX", b"BW64") and head[8:12] == b"WAVE":
        return WAV
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return AIFF
    if head[:4] == b"FRM8" and head[12:16] == b"DSD ":
        return DFF
    if head[4:8] in _MP4_BOXES or (head[4:8] in _SPARE_BOXES and head[:2] == b"\0\0"):
        return MP4
    if head[:16] == _ASF:
        return ASF
    if head[:3] == b"MP+":
        return MUSEPACK
    if head[:2] == b"\x0b\x77":
        return ac3_kind(head)
    return BY_FIRST_BYTES.get(head[:4])


def ac3_kind(head: bytes) -> ContainerFormat | None:
    """AC-3 or Enhanced AC-3 by the identification of the bit stream (ETSI TS 102 366, 4.4.2.1 and E.1.3.1.6)."""
    if len(head) < 6:
        return None
    stream_id = head[5] >> 3
    if stream_id <= _MOST_AC3_ID:
        return AC3
    return EAC3 if stream_id <= _MOST_EAC3_ID else None
