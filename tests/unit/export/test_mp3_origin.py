"""The times of beats in MP3 files are those at which each program plays them, whatever header the file has."""

import io
import os
import tempfile

import numpy as np
import pytest

from tests.unit.export.mp3_files import CLICK_S, mp3_files
from tonearm.analysis.decode import open_audio
from tonearm.export.mp3_origin import HeaderCase, Program, read_origin

CASES = {
    "none": HeaderCase.NONE,
    "xing": HeaderCase.XING,
    "lavf": HeaderCase.XING,
    "lame-zero": HeaderCase.LAME_INVALID,
    "lame-wrong": HeaderCase.LAME_INVALID,
    "lame": HeaderCase.LAME,
}
FRAME_S = 1152 / 44_100


def click_s(data: bytes) -> float:
    """Where Tonearm's decoder has the click."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        with io.FileIO(os.dup(file.fileno())) as raw, open_audio(raw) as audio:
            samples = np.concatenate(list(audio.samples()))[:, 0]
            return float(np.argmax(np.abs(samples) > 0.45)) / audio.sound.sample_rate_hz


@pytest.mark.parametrize(("name", "case"), CASES.items())
def test_every_program_finds_the_click_where_it_plays_it(name: str, case: HeaderCase) -> None:
    data = mp3_files()[name]
    origin = read_origin(io.BytesIO(data))
    assert origin is not None
    assert origin.case is case
    ours = click_s(data)
    played_s = click_s(mp3_files()["none"])  # every frame with music, from its first sample on
    assert ours == pytest.approx(CLICK_S if name in ("lavf", "lame-zero", "lame-wrong", "lame") else played_s)
    assert ours + origin.shift_s(Program.DECODED) == ours
    assert ours + origin.shift_s(Program.REKORDBOX) == pytest.approx(played_s, abs=1e-6)
    header_s = FRAME_S if case in (HeaderCase.XING, HeaderCase.LAME_INVALID) else 0.0
    assert ours + origin.shift_s(Program.TRAKTOR) == pytest.approx(played_s + header_s, abs=1e-6)


def test_traktor_is_26_ms_later_than_rekordbox_where_it_plays_the_header() -> None:
    origins = {name: read_origin(io.BytesIO(data)) for name, data in mp3_files().items()}
    apart = {
        name: round(1000 * (origin.shift_s(Program.TRAKTOR) - origin.shift_s(Program.REKORDBOX)))
        for name, origin in origins.items()
        if origin is not None
    }
    assert apart == {"none": 0, "xing": 26, "lavf": 26, "lame-zero": 26, "lame-wrong": 26, "lame": 0}


def test_without_frames_nothing_is_known() -> None:
    assert read_origin(io.BytesIO(b"")) is None
    assert read_origin(io.BytesIO(b"no music" * 1000)) is None


def test_tags_of_any_length_are_passed_over() -> None:
    music = mp3_files()["none"]
    tag = b"ID3\x04\0\0\0\x06\0\0" + bytes(6 << 14)  # 98,304 bytes
    origin = read_origin(io.BytesIO(tag + tag + music))
    assert origin is not None
    assert origin.case is HeaderCase.NONE
