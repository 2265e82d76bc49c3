"""Matroska files: cut out of something longer, and the depth of the samples in them."""

import io
from fractions import Fraction

import av

from tests import material
from tests.cases.case import Case, Kind
from tests.unit.analysis.test_identity import remuxed

LATE = Kind("matroska-from-the-middle-on", "RFC 9559, 11: the time of the first block need not be 0")
DEPTH = Kind("bit-depth-in-matroska", "RFC 9559, 27: codecs without their own file headers")
FOUR = {"duration_s": (4.0, 0.1)}
BEGINS = {**FOUR, "remark": "its audio begins 5.0 s after the start of the file"}


def late(name: str, form: str = "matroska", seconds: int = 5) -> bytes:
    """A file whose first packet has a later time than 0."""
    out = io.BytesIO()
    with (
        av.open(io.BytesIO(material.good(name)), "r") as source,
        av.open(out, "w", format=form) as target,
    ):
        stream = source.streams.audio[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                assert packet.time_base is not None
                shift = int(Fraction(seconds) / packet.time_base)
                packet.pts = (packet.pts or 0) + shift
                packet.dts = (packet.dts or 0) + shift
                packet.stream = copy
                target.mux(packet)
    return out.getvalue()


def by_another_program(data: bytes) -> bytes:
    """A file that names another library than FFmpeg's as what wrote it."""
    at = data.index(b"Lavf")
    return data[:at] + b"libm" + data[at + 4 :]


def true_audio(bits: int) -> bytes:
    """True Audio in Matroska."""
    form = material.Format("mka", "matroska", "tta", sample_format="s16" if bits == 16 else "s32")
    return material.encode_as(material.music(4.0), form)


# fmt: off
CASES = (
    Case(LATE, "flac.mka", lambda: late("flac"), FOUR),
    Case(LATE, "vorbis.mka", lambda: late("vorbis"), BEGINS),
    Case(LATE, "opus.webm", lambda: late("opus", "webm"), BEGINS),
    Case(LATE, "mp3.mka", lambda: late("mp3"), BEGINS),
    Case(LATE, "cut.mka", lambda: material.truncated(late("vorbis"), 0.5), {"state": "partial", "says": "s of audio instead of the 4.0 s"}),
    Case(LATE, "other.mka", lambda: by_another_program(late("vorbis")), BEGINS),
    Case(LATE, "other-cut.mka", lambda: by_another_program(material.truncated(late("vorbis"), 0.5)), {"remark": BEGINS["remark"]}),
    Case(DEPTH, "16.mka", lambda: true_audio(16), {**FOUR, "bit_depth": 16}),
    Case(DEPTH, "24.mka", lambda: true_audio(24), {**FOUR, "bit_depth": 24}),
    Case(DEPTH, "flac.mka", lambda: remuxed(material.good("flac"), "matroska"), {**FOUR, "bit_depth": 16}),
    Case(DEPTH, "wavpack.mka", lambda: remuxed(material.good("wavpack"), "matroska"), {**FOUR, "bit_depth": None}),
)
# fmt: on
