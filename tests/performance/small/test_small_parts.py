"""The small parts that a file or a page goes through, measured by pytest-benchmark: ``make bench-small``.

In the suite each runs once, unmeasured. What each part must return is asserted by tests of its own.
"""

import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.material import RATE_HZ, good, music
from tests.unit.library_fixture import Library, opened, result
from tonearm.analysis import kernels, kernels_numpy
from tonearm.analysis.filters import k_weighting
from tonearm.analysis.identity import audio_hash
from tonearm.analysis.tags import read_tags
from tonearm.jobs.priority import level_for, rank
from tonearm.library.database import open_sqlite
from tonearm.names import PathMap, printable
from tonearm.scan.patterns import Patterns
from tonearm.scan.walk import walk
from tonearm.settings import EXTENSIONS, Level, load_settings
from tonearm.views.tracks import TrackQuery
from tonearm.worker.child_protocol import MessageBuffer, encode

Benchmark = Callable[..., Any]

BLOCK = 16_384
FILES = 1_000
TRACKS = 50


@pytest.fixture(scope="module", params=["kernels", "kernels_numpy"])
def loops(request: pytest.FixtureRequest) -> Any:
    """The inner loops as they run here, and in NumPy."""
    return {"kernels": kernels, "kernels_numpy": kernels_numpy}[request.param]


@pytest.fixture(scope="module")
def block() -> Any:
    """Some stereo samples."""
    return np.ascontiguousarray(music(BLOCK / RATE_HZ)[:BLOCK])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand files in ten folders."""
    top = tmp_path_factory.mktemp("walk")
    for number in range(FILES):
        place = top / f"{number % 10}"
        place.mkdir(exist_ok=True)
        (place / f"{number:04}.flac").touch()
    return top


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """A library of a page of tracks."""
    empty = tmp_path_factory.mktemp("empty")
    open_sqlite(empty).close()
    with opened(tmp_path_factory.mktemp("page"), (empty / "tonearm.db").read_bytes()) as made:
        run = made.run()
        for number in range(TRACKS):
            tags = {"title": f"Title {number}", "artist": "An artist", "year": 1990}
            made.finish(run, b"%03d.flac" % number, result(f"{number}", tags=tags))
        yield made


def test_mix(benchmark: Benchmark, loops: Any, block: Any) -> None:
    assert len(benchmark(loops.mix, block)[0]) == BLOCK


def test_halve(benchmark: Benchmark, loops: Any, block: Any) -> None:
    mono = np.ascontiguousarray(block[:, 0])
    benchmark(loops.halve, mono, np.empty(BLOCK // 2 - 32, np.float32))


def test_band_powers(benchmark: Benchmark, loops: Any, block: Any) -> None:
    weights = np.abs(np.random.default_rng(1).normal(size=(48, 513))).astype(np.float32)
    window, samples = np.hanning(1024).astype(np.float32), np.ascontiguousarray(block[:, 0])
    assert benchmark(loops.band_powers, samples, 1024, window, weights, BLOCK // 1024).shape == (
        BLOCK // 1024,
        48,
    )


def test_weigh(benchmark: Benchmark, loops: Any, block: Any) -> None:
    ends = np.array([BLOCK // 2, BLOCK], np.int64)
    coefficients = k_weighting(RATE_HZ)
    assert benchmark(lambda: loops.weigh(block, coefficients, np.zeros((2, 4)), ends)).shape == (2, 2)


def test_true_peak(benchmark: Benchmark, loops: Any, block: Any) -> None:
    assert benchmark(loops.true_peak, block, 0.0) > 0.4


@pytest.mark.parametrize("form", ["flac", "mp3", "vorbis", "aac", "wav"])
def test_identity(benchmark: Benchmark, form: str) -> None:
    with raw(good(form)) as file:
        assert benchmark(audio_hash, file)


@pytest.mark.parametrize("form", ["flac", "mp3", "vorbis", "aac"])
def test_tags(benchmark: Benchmark, form: str) -> None:
    with raw(good(form)) as file:
        assert benchmark(read_tags, file) is not None


def raw(data: bytes) -> io.FileIO:
    """A file without a name, as a child gets it."""
    descriptor = os.memfd_create("music")
    file = io.FileIO(descriptor, "rb+")
    file.write(data)
    file.seek(0)
    return file


def test_walk(benchmark: Benchmark, folder: Path) -> None:
    patterns = Patterns((), (), EXTENSIONS)
    assert len(benchmark(lambda: list(walk(os.fsencode(folder), b"", patterns)))) >= FILES


def test_level_and_rank(benchmark: Benchmark) -> None:
    rules = load_settings({}).rules
    assert benchmark(lambda: rank(level_for(rules, 5_000_000, "flac", 1), 1e9, 3600.0)) > 0


def test_rank_alone(benchmark: Benchmark) -> None:
    assert benchmark(rank, Level.NORMAL, 1e9, 3600.0) > 1e9


def test_message_of_a_child(benchmark: Benchmark) -> None:
    message = {"findings": {"tempo": {"series": {"beats": [number * 0.5 for number in range(500)]}}}}
    assert benchmark(lambda: MessageBuffer().feed(encode(message))) == [message]


def test_path_map(benchmark: Benchmark) -> None:
    paths = PathMap(("/music=/mnt/nas",))
    assert benchmark(paths.here, b"/music/an album/a title.flac") == b"/mnt/nas/an album/a title.flac"


def test_printable_name(benchmark: Benchmark) -> None:
    assert benchmark(printable, "Künstler/Stück \udcff.flac".encode("utf-8", "surrogateescape"))


def test_page_of_tracks(benchmark: Benchmark, library: Library) -> None:
    assert len(benchmark(library.tracks.page, TrackQuery()).tracks) == TRACKS


def test_json_of_a_page(benchmark: Benchmark, library: Library) -> None:
    tracks = library.tracks.page(TrackQuery()).tracks
    assert len(json.loads(benchmark(lambda: json.dumps([track.to_json() for track in tracks])))) == TRACKS
