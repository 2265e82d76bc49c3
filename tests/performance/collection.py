"""A collection of many short files: ``python -m tests.performance collection MUSIC FOLDER``.

Takes the cuts of four minutes that ``material`` makes (``--cuts`` says where they are kept) and writes ``--files``
cuts of ``--seconds`` out of them, each from a place of its own, so that no two have the same sound: of 20 files 14 are
MP3, 4 FLAC and 2 AAC, in albums of 12. Nothing is encoded anew; so 10,000 files of 30 seconds need a minute of a core,
and 13 GB. Files that are there already are kept.
"""

import argparse
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import av

from tests.performance.material import ENCODINGS, SIZES, make, music_in, place
from tests.performance.throughput import CUTS

SIZE = "4 min"
ORDER = ("MP3",) * 14 + ("FLAC 16/44",) * 4 + ("AAC",) * 2
"""Formats of 20 files, which are taken in turn."""
ALBUM = 12
ALBUMS = 25
"""Albums in a folder."""


def named(folder: Path, number: int, encoding: str) -> Path:
    """Where a file of the collection is."""
    album = number // ALBUM
    name = f"{number % ALBUM + 1:02} {number:05}.{ENCODINGS[encoding].form.extension}"
    return folder / f"artist {album // ALBUMS:02}" / f"album {album:03}" / name


def parts(files: int, seconds: float) -> Iterator[tuple[int, str, int, float]]:
    """Each file's number, its format, the number of the cut it is from, and the second where it begins there."""
    counts = Counter[str]()
    for number in range(files):
        encoding = ORDER[number * 7 % len(ORDER)]
        among = counts[encoding]
        counts[encoding] += 1
        room_s = SIZES[SIZE].seconds - seconds - 1
        yield number, encoding, among, room_s * among * len(ORDER) / (ORDER.count(encoding) * files)


def write(folder: Path, cuts: Path, files: int, seconds: float, processes: int) -> None:
    """Write the files that are missing."""
    sources = {encoding: music_in(place(cuts, SIZE, encoding)) for encoding in set(ORDER)}
    with multiprocessing.Pool(processes) as pool:
        for number, encoding, among, start_s in parts(files, seconds):
            path = named(folder, number, encoding)
            if not path.exists():
                source = sources[encoding][among % len(sources[encoding])]
                pool.apply_async(_cut, (source, path, encoding, start_s, seconds), error_callback=_failed)
        pool.close()
        pool.join()


def _failed(error: BaseException) -> None:
    raise error


def _cut(source: Path, path: Path, encoding: str, start_s: float, seconds: float) -> None:
    """Write one cut; it has its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    if encoding == "AAC":
        _copy(source, unfinished, encoding, start_s, seconds)
    else:
        unfinished.write_bytes(_frames(source, start_s, seconds))
    unfinished.rename(path)


@cache
def _places(source: Path) -> tuple[bytes, list[int]]:
    """A file's bytes, and where each packet of it begins."""
    with av.open(str(source)) as found:
        places = [packet.pos for packet in found.demux(audio=0) if packet.pos is not None and packet.size]
    return source.read_bytes(), places


def _frames(source: Path, start_s: float, seconds: float) -> bytes:
    """A part of an MP3 or FLAC file: frames as they are, for FLAC behind a header that tells how many follow."""
    content, places = _places(source)
    rate = len(places) / SIZES[SIZE].seconds
    first = round(start_s * rate)
    count = round(seconds * rate)
    frames = content[places[first] : places[first + count]]
    return _header(content, count) + frames if content.startswith(b"fLaC") else frames


def _header(content: bytes, frames: int) -> bytes:
    """The first block of a FLAC file with the samples of so many frames, and no checksum of them."""
    block = int.from_bytes(content[8:10])
    upper = int.from_bytes(content[18:26]) >> 36 << 36
    return b"fLaC\x80" + content[5:18] + (upper | frames * block).to_bytes(8) + bytes(16)


def _copy(source: Path, path: Path, encoding: str, start_s: float, seconds: float) -> None:
    """A part of a file in MP4: packets as they are, with times from 0 on."""
    form = ENCODINGS[encoding].form
    with (
        av.open(str(source)) as found,
        av.open(str(path), "w", format=form.muxer, container_options=dict(form.muxer_options)) as made,
    ):
        made.metadata.update({"title": path.stem, "album": path.parent.name})
        stream = found.streams.audio[0]
        copied = made.add_stream_from_template(stream)
        found.seek(int(start_s / (stream.time_base or 1)), stream=stream)
        begun: int | None = None
        for packet in found.demux(stream):
            if packet.pts is None or packet.pts * packet.time_base < start_s:
                continue
            begun = packet.pts if begun is None else begun
            if (packet.pts - begun) * packet.time_base >= seconds:
                break
            packet.pts = packet.dts = packet.pts - begun
            packet.stream = copied
            made.mux(packet)


@contextmanager
def some(folder: Path, number: int) -> Iterator[tuple[Path, list[Path]]]:
    """A folder with links to the first files of a collection, and those files."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        links = [
            Path(place) / f"{index:05} {path.name}" for index, path in enumerate(music_in(folder)[:number])
        ]
        for link, path in zip(links, music_in(folder), strict=False):
            link.hardlink_to(path)
        yield Path(place), links


def main() -> int:
    """Write the collection."""
    parser = argparse.ArgumentParser(description="A collection of many short files.")
    parser.add_argument("music", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cuts", type=Path, default=CUTS)
    options = parser.parse_args()
    make(options.music, options.cuts, {(SIZE, encoding) for encoding in set(ORDER)})
    write(options.folder, options.cuts, options.files, options.seconds, options.processes)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
