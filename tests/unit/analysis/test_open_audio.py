"""A file that was examined is decoded from the packets that were read, or is read again, with the same outcome."""

import io
from typing import Any

import numpy as np
import pytest

from tests import material
from tonearm.analysis import open_audio as module
from tonearm.analysis.analyser import Float32
from tonearm.analysis.decode import DecodeReport, open_audio
from tonearm.analysis.open_audio import PacketsAhead, examined


class CountedReads(io.BytesIO):
    """A file that knows how many bytes were read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def decoded(data: bytes) -> tuple[Float32, DecodeReport]:
    with open_audio(io.BytesIO(data)) as source:
        return np.concatenate(list(source.samples())), source.report


@pytest.mark.parametrize("name", material.FORMATS)
@pytest.mark.parametrize("most", [module.MOST_PACKETS, 3])
def test_an_examined_file_is_decoded_as_any_other(
    name: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_PACKETS", most)
    data = material.good(name, seconds=2)
    samples, report = decoded(data)
    with examined(io.BytesIO(data)) as found, found.audio() as source:
        assert np.array_equal(np.concatenate(list(source.samples())), samples)
        assert source.report == report


def test_a_short_file_is_read_once_and_a_long_one_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    data = material.good("mp3", seconds=20)
    for most, least in ((module.MOST_BYTES, 0.0), (1000, 0.9)):
        monkeypatch.setattr(module, "MOST_BYTES", most)
        file = CountedReads(data)
        with examined(file) as found:
            before = file.taken
            with found.audio() as source:
                assert sum(map(len, source.samples())) > 0
            assert file.taken - before >= least * len(data)
            assert (file.taken == before) == (least == 0)


class Piece:
    """A part of a packet, or one that says something beside its sound."""

    def __init__(self, size: int, *beside: "Piece") -> None:
        self.size = self.buffer_size = size
        self.iter_sidedata = lambda: iter(beside)


def test_what_packets_say_beside_their_sound_counts_too() -> None:
    def kept(*packets: Any) -> bool:
        return PacketsAhead(iter(packets)).read()

    half = module.MOST_BYTES // 2
    assert kept(Piece(half), Piece(1, Piece(half - 1)))
    assert not kept(Piece(half), Piece(1, Piece(half - 1), Piece(1)))
