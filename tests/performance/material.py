"""Cuts of real music to measure with: ``python -m tests.performance material MUSIC FOLDER``.

Takes all music below a folder as one long tape and writes cuts of it in each size and format, each from a place of its
own, so that no two have the same sound. Cuts that are there already are kept. Needs about 7 GB, and 20 minutes of a
core; ``--sizes`` and ``--formats`` take fewer.
"""

import argparse
import itertools
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from tests.material import FORMATS, Format
from tonearm.settings import EXTENSIONS


@dataclass(frozen=True)
class Cuts:
    """Cuts of one size: how long each is and how many there are of a format."""

    seconds: float
    number: int


@dataclass(frozen=True)
class Encoding:
    """A format with the rate (Hz) and the sample format that it is written with; ``None``: the encoder's first."""

    form: Format
    rate_hz: int
    sample_format: str | None = None


SIZES = {"30 s": Cuts(30, 24), "4 min": Cuts(240, 16), "60 min": Cuts(3600, 1)}
ENCODINGS = {
    "FLAC 16/44": Encoding(FORMATS["flac"], 44_100, "s16"),
    "MP3": Encoding(replace(FORMATS["mp3"], bit_rate_bps=256_000), 44_100),
    "FLAC 24/96": Encoding(FORMATS["flac"], 96_000, "s32"),
    "WAV": Encoding(FORMATS["wav"], 44_100),
    "Ogg Vorbis": Encoding(FORMATS["vorbis"], 44_100),
    "Opus": Encoding(replace(FORMATS["opus"], bit_rate_bps=128_000), 48_000),
    "AAC": Encoding(replace(FORMATS["aac"], bit_rate_bps=256_000), 44_100),
}
STEP_S = 37.0
"""A cut starts so many seconds of the tape behind the one before it of the same size."""
UNUSABLE = 1.0
"""Files of the tape shorter than so many seconds are left out."""


class Tape:
    """All music below a folder, in the order of its names, over and over."""

    def __init__(self, music: Path) -> None:
        self._parts = [
            (path, seconds) for path in music_in(music) if (seconds := duration_s(path)) > UNUSABLE
        ]
        self.length_s = sum(seconds for _, seconds in self._parts)

    def frames(self, start_s: float, rate_hz: int) -> Iterator[AudioFrame]:
        """Stereo frames from a place of the tape on, without end."""
        start_s %= self.length_s
        while True:
            for path, seconds in self._parts:
                if start_s < seconds:
                    yield from decoded(path, start_s, rate_hz)
                start_s = max(0.0, start_s - seconds)


def music_in(folder: Path) -> list[Path]:
    """Music files below a folder, in the order of their names."""
    return sorted(
        Path(place) / name
        for place, _, names in os.walk(folder)
        for name in names
        if name.rsplit(".", 1)[-1].lower() in EXTENSIONS
    )


def duration_s(path: Path) -> float:
    """The declared length of a file; 0 where it has none or no sound."""
    try:
        with av.open(str(path)) as container:
            return (container.duration or 0) / av.time_base if container.streams.audio else 0.0
    except av.FFmpegError:
        return 0.0


def decoded(path: Path, start_s: float, rate_hz: int) -> Iterator[AudioFrame]:
    """A file's frames from a second on, as planar floats in stereo."""
    resampler = AudioResampler("fltp", "stereo", rate_hz)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            if (frame.time or 0.0) >= start_s:
                yield from resampler.resample(frame)


def write(tape: Tape, path: Path, encoding: Encoding, start_s: float, seconds: float, title: str) -> None:
    """Write one cut; it has its name only when it is whole."""
    form, rate_hz = encoding.form, encoding.rate_hz
    unfinished = path.with_name(f".{path.name}")
    left = round(seconds * rate_hz)
    with av.open(
        str(unfinished), "w", format=form.muxer, container_options=dict(form.muxer_options)
    ) as container:
        container.metadata.update(
            {"title": title, "artist": path.parent.name, "album": path.parent.parent.name}
        )
        stream = container.add_stream(form.encoder, rate=rate_hz, options=dict(form.encoder_options))
        assert isinstance(stream, av.AudioStream)
        stream.codec_context.layout = "stereo"
        if encoding.sample_format:
            stream.codec_context.format = encoding.sample_format
        if form.bit_rate_bps:
            stream.codec_context.bit_rate = form.bit_rate_bps
        for frame in tape.frames(start_s, rate_hz):
            if frame.samples > left:
                frame = AudioFrame.from_ndarray(frame.to_ndarray()[:, :left].copy(), "fltp", "stereo")
                frame.sample_rate = rate_hz
            frame.pts, frame.time_base = round(seconds * rate_hz) - left, Fraction(1, rate_hz)
            left -= frame.samples
            container.mux(stream.encode(frame))
            if not left:
                break
        container.mux(stream.encode(None))
    unfinished.rename(path)


def place(folder: Path, size: str, name: str) -> Path:
    """The folder of the cuts of a size and a format."""
    return folder / size / name.replace("/", "-")


def make(music: Path, folder: Path, wanted: Collection[tuple[str, str]]) -> None:
    """Write the cuts of these sizes and formats that are not there yet. Raises ValueError where there is no music."""
    missing = [cut for cut in _cuts(folder, wanted) if not cut[-1].exists()]
    if not missing:
        return
    tape = Tape(music)
    if not tape.length_s:
        raise ValueError(f"{music}: no music")
    for size, name, number, path in missing:
        path.parent.mkdir(parents=True, exist_ok=True)
        start_s = STEP_S * (number * len(ENCODINGS) + list(ENCODINGS).index(name))
        write(tape, path, ENCODINGS[name], start_s, SIZES[size].seconds, f"{size} {name} {number}")


def _cuts(folder: Path, wanted: Collection[tuple[str, str]]) -> Iterator[tuple[str, str, int, Path]]:
    for size, name in itertools.product(SIZES, ENCODINGS):
        if (size, name) in wanted:
            for number in range(SIZES[size].number):
                yield (
                    size,
                    name,
                    number,
                    place(folder, size, name) / f"{number:03}.{ENCODINGS[name].form.extension}",
                )


def main() -> int:
    """Write all cuts."""
    parser = argparse.ArgumentParser(description="Cuts of real music in several sizes and formats.")
    parser.add_argument("music", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--formats", nargs="+", choices=list(ENCODINGS), default=list(ENCODINGS))
    options = parser.parse_args()
    make(options.music, options.folder, set(itertools.product(options.sizes, options.formats)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
