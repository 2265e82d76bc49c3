"""The files to measure with stand for all, and are read from the disk."""

import os
from pathlib import Path

from tonearm.scan.patterns import Patterns
from tonearm.settings import EXTENSIONS
from tonearm.tuning.reading import drop, is_in_memory, measure_reading
from tonearm.tuning.sample import SampleFile, bundled, found_below, ordered, still_there

PATTERNS = Patterns((), ("left-out",), EXTENSIONS)


def music(folder: Path, count: int) -> bytes:
    for number in range(count):
        place = folder / f"{number % 7}" / f"{number:03}.flac"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x" * (1000 + number))
    return os.fsencode(folder)


def test_some_of_the_music_below_a_folder_is_chosen_the_same_each_time(tmp_path: Path) -> None:
    folder = music(tmp_path, 200)
    (tmp_path / "cover.jpg").write_bytes(b"x")
    (tmp_path / "empty.flac").touch()
    (tmp_path / "left-out").mkdir()
    (tmp_path / "left-out" / "a.flac").write_bytes(b"x")
    chosen = found_below([folder], PATTERNS, 50, lambda: False)
    assert len({file.path for file in chosen}) == 50
    assert chosen == found_below([folder], PATTERNS, 50, lambda: False)
    assert len({os.path.dirname(file.path) for file in chosen}) == 7
    assert len(found_below([folder], PATTERNS, 500, lambda: False)) == 200
    one = found_below([os.path.join(folder, b"0/000.flac")], PATTERNS, 50, lambda: False)
    assert [(os.path.basename(file.path), file.size, file.extension) for file in one] == [
        (b"000.flac", 1000, "flac")
    ]


def test_files_much_larger_than_most_are_left_out_and_the_order_is_of_chance() -> None:
    files = [SampleFile(b"/%d.mp3" % number, 100 + number, "mp3") for number in range(50)]
    kept = ordered([*files, SampleFile(b"/hour.wav", 5000, "wav")])
    assert {file.path for file in kept} == {file.path for file in files}
    assert kept != files
    assert ordered([]) == []


def test_files_that_are_gone_are_left_out(tmp_path: Path) -> None:
    folder = music(tmp_path, 2)
    (tmp_path / "link.flac").symlink_to(tmp_path / "0" / "000.flac")
    paths = [os.path.join(folder, name) for name in (b"0/000.flac", b"gone.flac", b"link.flac", b"0")]
    assert [os.path.basename(file.path) for file in still_there(paths)] == [b"000.flac"]


def test_the_samples_of_the_source_are_found() -> None:
    folder = bundled()
    assert folder is not None
    assert len(found_below([folder], PATTERNS, 50, lambda: False)) == 6


def test_reading_is_measured_and_files_can_be_dropped_from_memory(tmp_path: Path) -> None:
    folder = music(tmp_path, 5)
    paths = [file.path for file in found_below([folder], PATTERNS, 9, lambda: False)]
    found = measure_reading(paths, 1.0, 2, lambda: False)
    assert found.one_mb_s > 0
    assert found.several_mb_s > 0
    drop(b"/nowhere")
    assert is_in_memory(b"/nowhere") is None
    assert is_in_memory(paths[0]) in {True, None}  # it was read a moment ago
