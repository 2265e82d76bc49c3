"""What hangs below a root, or behind a link in it, costs itself alone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hung_mount import hung_mount
from tonearm.library.found_file import FoundFile
from tonearm.library.links import Crossing, crossings
from tonearm.scan import reader
from tonearm.scan.patterns import Patterns
from tonearm.scan.walk import Skipped, Unreadable, WalkItem


@pytest.fixture
def music(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with links to a folder and to files on a mount elsewhere that hangs, and to one that does not."""
    monkeypatch.setattr(reader, "LIMIT_S", 1.5)
    for name in ("music/b", "elsewhere", "good"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("music/a.flac", "music/b/m.flac", "music/z.flac", "good/g.flac"):
        (tmp_path / name).write_bytes(b"a")
    (tmp_path / "chain").symlink_to("elsewhere/album")
    (tmp_path / "music/b/album").symlink_to(tmp_path / "chain")
    (tmp_path / "music/b/n.flac").symlink_to("../../elsewhere/n.flac")
    (tmp_path / "music/c").symlink_to(tmp_path / "good")
    (tmp_path / "music/y.flac").symlink_to(tmp_path / "elsewhere/y.flac")
    with hung_mount(tmp_path / "elsewhere"):
        yield tmp_path / "music"


def walked(root: Path, follow_links: bool) -> list[WalkItem]:
    patterns = Patterns((), (), ("flac",), follow_links=follow_links)
    return [*reader.FolderReader(lambda: False).walk(os.fsencode(root), b"", patterns).items]


def test_links_to_a_mount_that_hangs_are_unreadable_and_the_rest_is_found(music: Path) -> None:
    items = walked(music, follow_links=True)
    found = [item.path for item in items if isinstance(item, FoundFile)]
    assert found == [b"a.flac", b"b/m.flac", b"c/g.flac", b"z.flac"]
    unread = {item.path for item in items if isinstance(item, Unreadable)}
    assert unread == {b"b/album", b"b/n.flac", b"y.flac"}


def test_links_to_a_mount_that_hangs_are_skipped_where_no_link_is_followed(music: Path) -> None:
    items = walked(music, follow_links=False)
    assert [item.path for item in items if isinstance(item, FoundFile)] == [b"a.flac", b"b/m.flac", b"z.flac"]
    assert {item.path for item in items if isinstance(item, Skipped)} >= {b"b/album", b"c"}
    assert not [item for item in items if isinstance(item, Unreadable)]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("one", "/mnt/nas/x"),
        ("two", "../up/one/deeper"),
        ("three", "./one/../../../mnt//nas/./y"),
        ("four", "two"),
    ],
)
def test_the_mounts_on_the_way_of_a_link_are_found(tmp_path: Path, link: str, target: str) -> None:
    folder = tmp_path / "up"
    folder.mkdir()
    (folder / "one").symlink_to("/mnt/nas/x")
    (folder / "two").symlink_to("../up/one/deeper")
    if not (folder / link).is_symlink():
        (folder / link).symlink_to(target)
    way = crossings(os.fsencode(folder / link / "a.flac"), {b"/mnt/nas", b"/srv"})
    assert next(way) == Crossing(b"/mnt/nas", os.fsencode(folder / link))


def test_links_in_a_circle_lead_to_no_mount(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")
    place = os.fsencode(tmp_path)
    assert len([*crossings(place + b"/round", {place})]) == 1
