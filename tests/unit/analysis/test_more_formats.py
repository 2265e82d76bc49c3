"""Formats that fewer people have are decoded, tagged and held to what they declare like the others."""

import io
import subprocess
from fractions import Fraction
from pathlib import Path
from shutil import which

import av
import numpy as np
import pytest

from tests import material
from tests.tag_bytes import ape, frame, id3v1, id3v2, text
from tonearm.analysis.decode import AudioSource, open_audio
from tonearm.analysis.identity import identify
from tonearm.analysis.tags import read_tags
from tonearm.errors import Fault, FileFault
from tonearm.library.completeness import is_complete

SECONDS = 3.0
TAG = id3v2(frame("TIT2", text("Song")), frame("TPE1", text("Band")))
SPEEX = ("-v", "error", "-y", "-i", "IN", "-c:a", "libspeex", "-ar", "32000", "-ac", "1", "OUT")
EXPECTED = {
    "wavpack": ("wavpack", "wavpack", 16, True),
    "tta": ("tta", "tta", 16, True),
    "raw-aac": ("aac", "aac", None, False),
    "ac3": ("ac3", "ac3", None, False),
    "eac3": ("ac3", "eac3", None, False),
    "mp2": ("mp3", "mp2", None, False),
    "au": ("au", "pcm", 16, True),
    "caf": ("caf", "pcm", 16, True),
    "matroska": ("matroska", "flac", 16, True),
    "webm": ("matroska", "opus", None, True),
    "mp4": ("mp4", "aac", None, True),
    "dsf": ("dsf", "dsd", 1, True),
    "dff": ("dff", "dsd", 1, True),
}
"""Container, codec, bits a sample, and whether the header declares the length."""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """A file of each format."""
    music = material.music(SECONDS)
    encoded = {name: material.encode(music, name) for name in material.MORE_FORMATS}
    return encoded | {"dsf": material.dsf(music), "dff": material.dff(music)}


def heard(data: bytes) -> tuple[AudioSource, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    with open_audio(io.BytesIO(data)) as source:
        samples = np.concatenate(list(source.samples()))
    return source, samples


@pytest.mark.parametrize("name", list(EXPECTED))
def test_the_music_comes_out_of_every_format(name: str, files: dict[str, bytes]) -> None:
    source, samples = heard(files[name])
    container, codec, bits, declares = EXPECTED[name]
    assert (source.file.container, source.sound.codec) == (container, codec)
    assert source.sound.bit_depth == bits
    assert source.report.facts.decoded_s == pytest.approx(SECONDS, abs=0.08)
    assert source.file.declared_exact == declares
    if declares:
        assert source.file.declared_s == pytest.approx(SECONDS, abs=0.08)
    assert is_complete(source.file, source.report.facts)
    assert source.report.facts.warnings == []
    loud = np.sqrt(np.mean(samples**2))
    reference = np.sqrt(np.mean(material.music(SECONDS) ** 2))
    assert 20 * np.log10(loud / reference) == pytest.approx(0, abs=1.0)


@pytest.mark.parametrize("name", [name for name, (_, _, _, declares) in EXPECTED.items() if declares])
@pytest.mark.parametrize("part", [0.3, 0.55, 0.8])
def test_a_missing_end_is_told_wherever_a_length_is_declared(
    name: str, part: float, files: dict[str, bytes]
) -> None:
    told = False
    try:
        source, _ = heard(material.truncated(files[name], part))
        told = not is_complete(source.file, source.report.facts)
    except FileFault as fault:
        told = fault.fault in (Fault.NO_SAMPLES, Fault.DAMAGED_HEADER)
    assert told


@pytest.mark.parametrize("name", [*material.MORE_FORMATS, "dsf", "dff"])
def test_tags_change_no_identity_and_are_read(name: str, files: dict[str, bytes]) -> None:
    data = files[name]
    if name in ("dsf", "dff"):
        write = material.dsf if name == "dsf" else material.dff
        tagged = write(material.music(SECONDS), tag=TAG)
    elif name in ("au", "caf", "matroska", "webm", "mp4"):
        tagged = TAG + data
    else:
        tagged = data + ape([("Title", b"Song"), ("Artist", b"Band")]) + id3v1(b"So")
    tags = read_tags(io.BytesIO(tagged))
    assert (tags.title, tags.artist, tags.warning) == ("Song", "Band", None)
    assert identify(io.BytesIO(tagged)).hash == identify(io.BytesIO(data)).hash


def with_metadata(name: str) -> bytes:
    form = material.MORE_FORMATS[name]
    file = io.BytesIO()
    with av.open(file, "w", format=form.muxer) as container:
        container.metadata.update(
            {"title": "Song", "artist": "Band", "album": "Al", "date": "1999", "genre": "Rock"}
        )
        stream = container.add_stream(form.encoder, rate=form.only_rate_hz or 44_100)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "stereo"
        if form.sample_format:
            stream.codec_context.format = av.AudioFormat(form.sample_format)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 88_200), np.float32), "flt", "stereo")
        silence.sample_rate, silence.pts, silence.time_base = 44_100, 0, Fraction(1, 44_100)
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("name", ["matroska", "webm", "caf", "mp4"])
def test_the_tags_of_the_container_are_read(name: str) -> None:
    tags = read_tags(io.BytesIO(with_metadata(name)))
    assert (tags.title, tags.artist, tags.album) == ("Song", "Band", "Al")
    assert tags.genre == "Rock"
    assert name == "caf" or tags.year == 1999


def test_a_video_is_told_from_music() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream("libmp3lame", rate=44_100)
        assert isinstance(sound, av.AudioStream)
        sound.layout = "stereo"
        container.mux(picture.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(picture.encode(None))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 88_200), np.float32), "flt", "stereo")
        silence.sample_rate, silence.pts, silence.time_base = 44_100, 0, Fraction(1, 44_100)
        container.mux(sound.encode(silence))
        container.mux(sound.encode(None))
    with pytest.raises(FileFault) as caught, open_audio(io.BytesIO(file.getvalue())):
        pass
    assert caught.value.fault is Fault.VIDEO


@pytest.mark.parametrize(
    ("program", "arguments", "ending", "codec"),
    [
        (
            "ffmpeg",
            SPEEX,
            "spx",
            "speex",
        ),
        ("mpcenc", ("--silent", "--overwrite", "IN", "OUT"), "mpc", "musepack"),
    ],
)
def test_formats_that_other_programs_write_are_read(
    program: str, arguments: tuple[str, ...], ending: str, codec: str, tmp_path: Path
) -> None:
    if which(program) is None:
        pytest.skip(f"needs {program}")
    source, made = tmp_path / "in.wav", tmp_path / f"out.{ending}"
    source.write_bytes(material.wav(material.int16(material.music(SECONDS))))
    named = [{"IN": str(source), "OUT": str(made)}.get(word, word) for word in arguments]
    done = subprocess.run([program, *named], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{program} can't write it: {done.stderr[-100:]}")
    opened, _ = heard(made.read_bytes())
    assert opened.sound.codec == codec
    assert opened.report.facts.decoded_s == pytest.approx(SECONDS, abs=0.08)
    assert opened.file.declared_s == pytest.approx(SECONDS, abs=0.08)
    assert is_complete(opened.file, opened.report.facts)
