"""Reads a decoder's configuration, without the parts that change no sample: comments, lengths, checksums."""

from tonearm.analysis.container import Opened
from tonearm.analysis.file_window import Window, os_reason
from tonearm.analysis.kinds import ASF
from tonearm.errors import Fault, FileFault

USUAL_SPEAKERS = (("FC",), ("FL", "FR"))
"""Layouts that follow from the number of channels: mono and stereo."""

ASF_HEADER_BYTES = 1 << 20
ASF_HEADER_START = 30
ASF_STREAM_PROPERTIES = bytes.fromhex("9107dcb7b7a9cf118ee600c00c205365")


def decoder_setup(opened: Opened) -> bytes:
    """Return the decoder's settings in one form: format, sample rate, channels with their speakers, configuration.

    The speakers change no sample, but loudness weighs channels by them. Raises ``FileFault(READ_ERROR)``.
    """
    context = opened.stream.codec_context
    name = context.name if opened.codec == "pcm" else opened.codec
    speakers = opened.speakers
    places = "" if speakers in USUAL_SPEAKERS or "NONE" in speakers else ",".join(speakers)
    form = f"{name} {context.sample_rate} {len(speakers)} {places}\n".encode()
    return form + _configuration(opened, context.extradata or b"")


def _configuration(opened: Opened, extradata: bytes) -> bytes:
    """The part of FFmpeg's ``extradata`` that changes which samples come out."""
    codec = opened.codec
    if codec in ("pcm", "mp2", "mp3"):
        return b""
    if codec == "flac":
        return flac_configuration(extradata)
    if codec == "opus":
        return opus_configuration(extradata)
    if codec == "vorbis":
        return vorbis_configuration(extradata)
    if codec.startswith("wma"):
        rate = opened.stream.codec_context.bit_rate or 0
        return b"%d " % rate + (_asf_stream(opened.window) if opened.kind is ASF else b"") + extradata
    if codec == "tta":
        return extradata[:14]  # without its length and checksum
    return extradata


def flac_configuration(stream_info: bytes) -> bytes:
    """The largest block, sample rate, channels and bits a sample of a STREAMINFO block (RFC 9639, 8.2).

    Without its total length, frame sizes and checksum: programs fill those in later, and the frames stay as they are.
    """
    return (
        stream_info[2:4] + stream_info[10:13] + bytes([stream_info[13] & 0xF0])
        if len(stream_info) >= 18
        else b""
    )


def opus_configuration(head: bytes) -> bytes:
    """Channels, output gain and channel mapping of an OpusHead packet (RFC 7845, 5.1).

    Without its pre-skip, which the packets carry as samples to drop, and the rate of the original recording.
    """
    return head[9:10] + head[16:]


def vorbis_configuration(extradata: bytes) -> bytes:
    """The identification and setup headers of Vorbis, without the comments that lie between them.

    The three headers follow two lengths in Xiph lacing: bytes of 255 and one below 255, which are added up.
    """
    at, sizes = 1, []
    for _ in range(extradata[0] if extradata[:1] == b"\2" else 0):
        size = 0
        while at < len(extradata) and extradata[at] == 255:
            size, at = size + 255, at + 1
        size, at = size + (extradata[at] if at < len(extradata) else 0), at + 1
        sizes.append(size)
    if len(sizes) != 2:
        return extradata
    comments = at + sizes[0]
    return extradata[at:comments] + extradata[comments + sizes[1] :]


def _asf_stream(window: Window) -> bytes:
    """The stream properties of an ASF file: block size and configuration of its streams (ASF specification, 3.3)."""
    try:
        header = window.part(0, ASF_HEADER_BYTES)
    except OSError as error:
        raise FileFault(Fault.READ_ERROR, os_reason(error)) from error
    at, found = ASF_HEADER_START, []
    while at + 24 <= len(header):
        size = int.from_bytes(header[at + 16 : at + 24], "little")
        if header[at : at + 16] == ASF_STREAM_PROPERTIES:
            found.append(header[at + 24 : at + size])
        at += max(size, 24)
    return b"".join(sorted(found))
