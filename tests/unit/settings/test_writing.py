"""Settings are written into the file without a change of anything else in it."""

import os
from pathlib import Path

import pytest

from tonearm.errors import ConfigurationError
from tonearm.settings.writing import write_numbers

WRITTEN = """\
# Settings of the studio.

workers = 2   # the fan is loud
exclude = [
  "Audiobooks", # workers = 9
]
"memory_mb"=1024
nice = "19"

# Long files come last.
[[rules]]
level = "low"
larger_than_mb = 200
"""


def test_comments_and_layout_stay(tmp_path: Path) -> None:
    file = tmp_path / "tonearm.toml"
    file.write_text(WRITTEN)
    file.chmod(0o600)
    write_numbers(file, {"workers": 3, "memory_mb": 512, "recycle_files": 800})
    assert file.read_text() == WRITTEN.replace("workers = 2 ", "workers = 3 ").replace("1024", "512").replace(
        'nice = "19"\n', 'nice = "19"\nrecycle_files = 800\n'
    )
    assert file.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["tonearm.toml"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "workers = 3\n"),
        ("# nothing yet\n", "workers = 3\n# nothing yet\n"),
        ("nice = 5", "nice = 5\nworkers = 3\n"),
        ('[[rules]]\nlevel = "low"\n', 'workers = 3\n[[rules]]\nlevel = "low"\n'),
        ("workers = 4\r\nnice = 5\r\n", "workers = 3\r\nnice = 5\r\n"),
    ],
)
def test_a_setting_is_replaced_or_added_above_all_tables(tmp_path: Path, before: str, after: str) -> None:
    file = tmp_path / "tonearm.toml"
    file.write_bytes(before.encode())
    write_numbers(file, {"workers": 3})
    assert file.read_bytes() == after.encode()


def test_a_file_is_made_with_its_folder_and_a_link_stays_one(tmp_path: Path) -> None:
    file = tmp_path / "config" / "tonearm.toml"
    write_numbers(file, {"workers": 3})
    assert file.read_text() == "workers = 3\n"
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    write_numbers(link, {"workers": 4})
    assert link.is_symlink()
    assert file.read_text() == "workers = 4\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"workers = \n", "not valid TOML"),
        (b"\xff", "not valid TOML"),
        (b'rules = """\nworkers = 2\n"""\n', "set these by hand: workers = 3"),
    ],
)
def test_a_file_that_can_not_be_changed_safely_is_left_alone(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    file = tmp_path / "tonearm.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=complaint):
        write_numbers(file, {"workers": 3})
    assert file.read_bytes() == content
    with pytest.raises(ConfigurationError, match="not a file"):
        write_numbers(Path(os.devnull), {"workers": 3})
