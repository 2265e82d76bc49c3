"""Sizes of data that 32 bits can't tell, and data that are no samples."""

import io
import struct
from pathlib import Path

import pytest

from tests import material
from tests.cases.riff import chunk, form, riff
from tonearm.analysis.file_window import Window
from tonearm.analysis.wav import may_be_coded, wav_layout

MORE = (1 << 32) + 1_000_000
"""Bytes of data, more than 4 GiB."""
HEAD = 44


@pytest.mark.parametrize(
    ("said", "declared"),
    [(MORE & 0xFFFFFFFF, MORE), (0xFFFFFFFF, None), (0, None), (0xFFFFFFFE, 0xFFFFFFFE)],
)
def test_data_beyond_four_gigabytes_are_not_lost(tmp_path: Path, said: int, declared: int | None) -> None:
    path = tmp_path / "large.wav"
    head = b"RIFF" + struct.pack("<I", (MORE + 36) & 0xFFFFFFFF) + b"WAVE" + form(44_100, 2, 16)
    path.write_bytes(head + b"data" + struct.pack("<I", said))
    with open(path, "r+b", buffering=0) as file:
        file.truncate(HEAD + MORE)  # the rest takes no room on the disk
        layout = wav_layout(Window(file, 0, HEAD + MORE))
    assert layout is not None
    assert (layout.data_at, layout.declared_bytes) == (HEAD, declared)
    assert layout.data_bytes == (declared or MORE)


@pytest.mark.parametrize("mark", ["fe7f0180", "7ffe8001", "ff1f00e8", "1fffe800", "72f81f4e"])
def test_what_begins_frames_of_dts_or_a_stream_for_a_receiver_is_found_behind_silence(mark: str) -> None:
    assert _may_be_coded(bytes(40_000) + bytes.fromhex(mark) * 1000)


def test_music_is_not_taken_for_a_coded_format() -> None:
    assert not _may_be_coded(material.int16(material.music(4.0)).tobytes())


def _may_be_coded(data: bytes) -> bool:
    file = riff(form(44_100, 2, 16), chunk(b"data", data))
    window = Window(io.BytesIO(file), 0, len(file))
    layout = wav_layout(window)
    assert layout is not None
    return may_be_coded(window, layout)
