"""AIFF files of more than 4 GiB."""

import struct
from pathlib import Path

from tests.cases.aiff import sized
from tonearm.analysis.aiff import presented_aiff
from tonearm.analysis.file_window import Window


def test_the_sound_of_a_huge_file_without_sizes_is_as_large_as_32_bits_tell(tmp_path: Path) -> None:
    data = sized(0, 0, 0)
    path = tmp_path / "huge.aiff"
    path.write_bytes(data)
    size = 5 << 30
    with path.open("r+b") as file:
        file.truncate(size)
        presented = presented_aiff(Window(file, 0, size))
        assert presented.part(4, 4) == b"\xff" * 4
        at = data.index(b"SSND") + 4
        assert presented.part(at, 12) == struct.pack(">I", 0xFFFFFFFF) + data[at + 4 : at + 12]
