"""A folder is stored by its real path, and every file belongs to one root."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.unit.library_fixture import Library
from tonearm.library.canonical import canonical
from tonearm.library.roots import Place, Roots, below, in_place
from tonearm.library.schema import file_table
from tonearm.names import PathMap


@pytest.fixture
def music(tmp_path: Path) -> bytes:
    """A folder of music on the disk."""
    for folder in ("music/jazz/live", "music/jazzy"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "music/jazz/blue.flac").write_bytes(b"x")
    return os.fsencode(tmp_path / "music")


def known_files(library: Library, place: Place) -> list[bytes]:
    with library.database.read() as connection:
        return sorted(connection.execute(select(file_table.c.path).where(in_place(place))).scalars())


def test_a_folder_becomes_a_root_once(library: Library, music: bytes) -> None:
    first = library.roots.ensure(music)
    again = library.roots.ensure(music)
    assert (first.root, first.root_path, first.scope) == (again.root, music, b"")
    assert [place.root_path for place in library.roots.every()] == [music]


def test_a_folder_inside_a_root_is_a_part_of_it(library: Library, music: bytes) -> None:
    root = library.roots.ensure(music)
    inside = library.roots.ensure(music + b"/jazz/live")
    assert (inside.root, inside.scope) == (root.root, b"jazz/live")
    assert len(library.roots.every()) == 1


def test_a_folder_whose_name_only_begins_like_a_roots_is_another_root(library: Library, music: bytes) -> None:
    jazz = library.roots.ensure(music + b"/jazz")
    jazzy = library.roots.ensure(music + b"/jazzy")
    assert jazz.root != jazzy.root
    assert jazzy.scope == b""


def test_a_single_file_makes_its_folder_the_root(library: Library, music: bytes) -> None:
    place = library.roots.ensure(music + b"/jazz/blue.flac")
    assert (place.root_path, place.scope) == (music + b"/jazz", b"blue.flac")


def test_a_single_file_of_a_known_root_is_found_there(library: Library, music: bytes) -> None:
    root = library.roots.ensure(music)
    place = library.roots.ensure(music + b"/jazz/blue.flac")
    assert (place.root, place.scope) == (root.root, b"jazz/blue.flac")


def test_a_folder_that_holds_older_roots_takes_over_their_files(library: Library, music: bytes) -> None:
    for name in (b"/jazz", b"/jazzy"):
        library.roots.ensure(music + name)
        library.meet(library.run(), b"1.flac", b"cd/2.flac", root=music + name)
    ids = {row["id"] for row in library.rows("SELECT id FROM files")}
    whole = library.roots.ensure(music)
    assert [place.root_path for place in library.roots.every()] == [music]
    assert known_files(library, whole) == [
        b"jazz/1.flac",
        b"jazz/cd/2.flac",
        b"jazzy/1.flac",
        b"jazzy/cd/2.flac",
    ]
    assert {row["id"] for row in library.rows("SELECT id FROM files")} == ids


def test_a_root_that_takes_over_leaves_its_neighbours_alone(library: Library, music: bytes) -> None:
    jazzy = library.roots.ensure(music + b"/jazzy")
    library.meet(library.run(), b"1.flac", root=music + b"/jazzy")
    library.roots.ensure(music + b"/jazz")
    assert known_files(library, jazzy) == [b"1.flac"]


def test_what_was_known_of_mount_points_survives_being_taken_over(library: Library, music: bytes) -> None:
    jazz = library.roots.ensure(music + b"/jazz")
    library.roots.scanned(jazz, 5, [b"live"])
    library.roots.ensure(music)
    assert b"jazz/live" in library.roots.ensure(music).mounts


def test_a_link_to_a_folder_is_known_as_the_folder(library: Library, music: bytes, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(os.fsdecode(music))
    place = library.roots.ensure(os.fsencode(tmp_path / "link"))
    assert place.root_path == music
    assert library.roots.ensure(os.fsencode(tmp_path / "link" / "jazz")).scope == b"jazz"
    assert library.roots.locate(os.fsencode(tmp_path / "link" / "jazz" / "gone.flac")) == Place(
        place.root, music, b"jazz/gone.flac", here=music
    )


def test_a_link_to_a_file_is_known_as_the_file(library: Library, music: bytes, tmp_path: Path) -> None:
    (tmp_path / "other.flac").symlink_to(os.fsdecode(music + b"/jazz/blue.flac"))
    place = library.roots.ensure(os.fsencode(tmp_path / "other.flac"))
    assert (place.root_path, place.scope) == (music + b"/jazz", b"blue.flac")


def test_a_path_may_be_relative_or_untidy(
    library: Library, music: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(os.fsdecode(music))
    library.roots.ensure(b".")
    assert library.roots.locate(b"jazz/../jazz//live/") == library.roots.locate(music + b"/jazz/live")


def test_a_path_below_no_root_is_not_located(library: Library, music: bytes, tmp_path: Path) -> None:
    library.roots.ensure(music)
    assert library.roots.locate(os.fsencode(tmp_path)) is None
    assert library.roots.locate(music + b"x") is None


def test_a_file_that_is_gone_can_still_be_located(library: Library, music: bytes) -> None:
    root = library.roots.ensure(music)
    place = library.roots.locate(music + b"/jazz/gone.flac")
    assert place is not None
    assert (place.root, place.scope) == (root.root, b"jazz/gone.flac")


def test_the_whole_file_system_can_be_a_root(library: Library) -> None:
    place = library.roots.ensure(b"/")
    assert (place.root_path, place.scope) == (b"/", b"")
    inside = library.roots.locate(b"/proc/self")
    assert inside is not None
    assert inside.root == place.root


def test_names_that_are_not_utf8_are_kept_exactly(library: Library, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/K\xf6ln\n"
    os.mkdir(odd)
    assert library.roots.ensure(odd).root_path == odd
    assert library.roots.every()[0].root_path == odd


def test_what_a_scan_saw_of_devices_is_remembered(library: Library, music: bytes) -> None:
    place = library.roots.ensure(music)
    assert (place.device, place.mounts) == (None, ())
    library.roots.scanned(place, 77, [b"usb", b"K\xf6ln"])
    again = library.roots.ensure(music)
    assert (again.device, again.mounts) == (77, (b"usb", b"K\xf6ln"))
    assert library.rows("SELECT scanned_at IS NOT NULL AS said FROM roots") == [{"said": 1}]


@pytest.fixture
def mapped(library: Library, music: bytes) -> Roots:
    """The roots as a host sees them that has mounted at ``music`` what the library knows as /srv/music."""
    return Roots(library.database, PathMap([f"/srv/music={os.fsdecode(music)}"]))


def test_a_mapped_folder_is_kept_under_the_librarys_name_and_read_where_it_is_mounted(
    mapped: Roots, music: bytes
) -> None:
    place = mapped.ensure(music)
    assert (place.root_path, place.scope, place.here) == (b"/srv/music", b"", music)
    inside = mapped.ensure(music + b"/jazz/live")
    assert (inside.root, inside.root_path, inside.scope, inside.here) == (
        place.root,
        b"/srv/music",
        b"jazz/live",
        music,
    )
    file = mapped.locate(music + b"/jazz/gone.flac")
    assert file is not None
    assert (file.root, file.scope, file.here) == (place.root, b"jazz/gone.flac", music)
    assert [(root.root_path, root.here) for root in mapped.every()] == [(b"/srv/music", music)]


def test_hosts_with_different_mounts_share_one_root(library: Library, mapped: Roots, music: bytes) -> None:
    place = mapped.ensure(music)
    other = library.roots.every()  # a host where it lies at the library's own name
    assert [(root.root, root.root_path, root.here) for root in other] == [
        (place.root, b"/srv/music", b"/srv/music")
    ]
    assert library.roots.locate(b"/srv/music/jazz") == Place(
        place.root, b"/srv/music", b"jazz", here=b"/srv/music"
    )


def test_a_part_of_a_mapped_folder_can_be_the_root(mapped: Roots, music: bytes) -> None:
    place = mapped.ensure(music + b"/jazz")
    assert (place.root_path, place.here) == (b"/srv/music/jazz", music + b"/jazz")
    whole = mapped.ensure(music)
    assert (whole.root_path, whole.here) == (b"/srv/music", music)
    assert [root.root_path for root in mapped.every()] == [b"/srv/music"]


def test_what_is_not_mapped_keeps_its_name(mapped: Roots, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    place = mapped.ensure(os.fsencode(tmp_path / "else"))
    assert place.root_path == place.here == os.fsencode(tmp_path / "else")


def test_a_single_mapped_file_is_known_by_the_librarys_name(mapped: Roots, music: bytes) -> None:
    place = mapped.ensure(music + b"/jazz/blue.flac")
    assert (place.root_path, place.scope, place.here) == (b"/srv/music/jazz", b"blue.flac", music + b"/jazz")


NAMES = st.lists(st.sampled_from([b"a", b"a ", b"a!", b"a0", b"b", b"\xff", b"a.b"]), min_size=1, max_size=3)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=st.lists(NAMES, unique_by=tuple, max_size=12), scope=NAMES)
def test_below_is_the_folder_and_all_in_it_and_nothing_beside_it(
    library: Library, paths: list[list[bytes]], scope: list[bytes]
) -> None:
    joined = [b"/".join(path) for path in paths]
    folder = b"/".join(scope)
    library.change("DELETE FROM attempts")
    library.change("DELETE FROM jobs")
    library.change("DELETE FROM files")
    library.meet(library.run(), *joined)
    with library.database.read() as connection:
        met = set(connection.execute(select(file_table.c.path).where(below(folder))).scalars())
    assert met == {path for path in joined if path == folder or path.startswith(folder + b"/")}


def test_the_last_part_of_a_path_may_be_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "dead").symlink_to("nowhere")
    assert canonical(os.fsencode(tmp_path / "dead")) == os.fsencode(tmp_path / "dead")
