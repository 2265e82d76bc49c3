"""Sizes of data that 32 bits can't tell."""

import struct
from pathlib import Path

import pytest

from tests.cases.riff import form
from tonearm.analysis.file_window import Window
from tonearm.analysis.wav import wav_layout

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
