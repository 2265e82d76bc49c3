"""Every music file is found once, in order, and nothing but regular files is ever opened."""

import errno
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.scan.sick import make_dead
from tonearm.library.found_file import FoundFile
from tonearm.library.left_out import add_counts
from tonearm.names import extension_of
from tonearm.scan.patterns import Patterns
from tonearm.scan.walk import Ignored, InvalidLine, LeftOut, Skipped, Unreadable, WalkItem, walk
from tonearm.settings import EXTENSIONS, Settings

ALL = Patterns((), (), EXTENSIONS)


def met(root: Path | bytes, scope: bytes = b"", patterns: Patterns = ALL) -> list[WalkItem]:
    return list(walk(os.fsencode(root), scope, patterns))


def music(root: Path | bytes, scope: bytes = b"", patterns: Patterns = ALL) -> list[bytes]:
    return [item.path for item in met(root, scope, patterns) if isinstance(item, FoundFile)]


def reasons(root: Path) -> dict[bytes, str]:
    return {item.path: item.reason for item in met(root) if isinstance(item, Skipped | Unreadable)}


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")


NAME = st.one_of(
    st.sampled_from(
        [b"a", b"a ", b"a!", b"a-b", b"a.b", b"a0", b"A", b"b", b"\xff", b"\xc3\xa9", b"e\xcc\x81"]
    ),
    st.binary(min_size=1, max_size=6).filter(
        lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."}
    ),
)


def planted(root: bytes, tree: list[tuple[list[bytes], bytes]]) -> set[bytes]:
    """Make the files of a tree, as far as their names are not taken already."""
    made = set()
    for folders, name in tree:
        path = b"/".join([*folders, name + b".mp3"])
        try:
            os.makedirs(os.path.join(root, *folders), exist_ok=True)
            with open(os.path.join(root, path), "xb"):
                made.add(path)
        except OSError:  # the name is taken by a folder or a file
            continue
    return made


TREE = st.lists(st.tuples(st.lists(NAME, max_size=3), NAME), max_size=25)


@settings(deadline=None)
@given(TREE)
@example([([b"a"], b"1"), ([b"a!"], b"1"), ([b"a "], b"1"), ([], b"a"), ([], b"a0"), ([b"a"], b"\xff")])
@example([([], b"x\n\x1b[2J"), ([b"\xff\xfe"], b"\x80")])
def test_music_is_met_in_the_order_of_its_paths_bytes(tree: list[tuple[list[bytes], bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = planted(os.fsencode(folder), tree)
        assert music(os.fsencode(folder)) == sorted(made)


def test_what_is_met_is_described_as_the_disk_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "Song.MP3"
    put(tmp_path, "a/Song.MP3")
    os.utime(path, ns=(1, 1_234_567_890_123_456_789))
    assert met(tmp_path) == [
        FoundFile(b"a/Song.MP3", 1, 1_234_567_890_123_456_789, path.stat().st_ino, "mp3")
    ]


def test_what_is_not_music_is_counted_only(tmp_path: Path) -> None:
    put(tmp_path, "cover.jpg", "notes", ".mp3", "song.mp3.part", "mp3")
    assert met(tmp_path) == [LeftOut(b"", {"none": 2, ".jpg": 1, ".part": 1})]


def test_an_ending_that_is_configured_as_music_is_music(tmp_path: Path) -> None:
    put(tmp_path, "1.w64", "2.tak")
    patterns = Patterns((), ("*.tak",), (*EXTENSIONS, "w64"))
    assert [item.path for item in met(tmp_path, patterns=patterns)] == music(tmp_path, patterns=patterns)
    assert music(tmp_path, patterns=patterns) == [b"1.w64"]


def test_links_are_passed_with_a_reason_and_not_followed(tmp_path: Path) -> None:
    put(tmp_path, "outside/secret.mp3", "music/real.mp3")
    root = tmp_path / "music"
    (root / "file.mp3").symlink_to("real.mp3")
    (root / "dead.mp3").symlink_to("nowhere")
    (root / "folder").symlink_to(tmp_path / "outside")
    assert music(root) == [b"real.mp3"]
    told = reasons(root)
    assert set(told) == {b"file.mp3", b"dead.mp3", b"folder"}
    assert all(reason.startswith("a symbolic link") for reason in told.values())


def test_loops_of_links_end(tmp_path: Path) -> None:
    put(tmp_path, "a/1.mp3")
    (tmp_path / "a" / "up").symlink_to("..")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    assert music(tmp_path) == [b"a/1.mp3"]
    assert set(reasons(tmp_path)) == {b"a/up", b"self", b"one", b"two"}


def test_pipes_sockets_and_devices_are_passed_with_a_reason_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.mp3")
    monkeypatch.chdir(tmp_path)  # a socket's path may not be long
    wanted = {b"pipe.mp3": "a named pipe", b"socket.mp3": "a socket"}
    if os.geteuid() == 0:
        os.mknod(tmp_path / "null.mp3", 0o600 | 0o020000, os.makedev(1, 3))
        wanted[b"null.mp3"] = "a device"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.mp3")
        told = reasons(tmp_path)
    assert music(tmp_path) == []
    assert {path: reason.split(",")[0] for path, reason in told.items()} == wanted


def test_a_reason_shows_no_raw_name(tmp_path: Path) -> None:
    os.symlink(b"nowhere", os.fsencode(tmp_path) + b"/\x1b[2J\xff.mp3")
    [reason] = reasons(tmp_path).values()
    assert "\\x1b[2J\\xff.mp3" in reason


def test_a_folder_named_like_a_file_is_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "live.mp3/1.mp3")
    assert music(tmp_path) == [b"live.mp3/1.mp3"]


def test_a_part_of_a_root_is_walked_with_paths_from_the_root(tmp_path: Path) -> None:
    put(tmp_path, "a/b/1.mp3", "a/b2/2.mp3", "c/3.mp3")
    assert music(tmp_path, b"a/b") == [b"a/b/1.mp3"]
    assert music(tmp_path, b"c/3.mp3") == [b"c/3.mp3"]


def test_a_single_entry_that_is_not_music_is_passed_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.mp3")
    (tmp_path / "c.mp3").symlink_to("b.mp3")
    assert met(tmp_path, b"a.jpg") == [Skipped(b"a.jpg", "not a music file extension")]
    [link] = met(tmp_path, b"c.mp3")
    assert isinstance(link, Skipped)


def test_a_place_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        met(tmp_path, b"gone")


def test_a_tree_deeper_than_the_interpreters_stack_is_walked(tmp_path: Path) -> None:
    depth = 1200
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=folder)
        deeper = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(os.open("1.mp3", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    try:
        assert music(tmp_path) == [b"d/" * depth + b"1.mp3"]
    finally:
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


UNREADABLE = """
import os, sys
from tonearm.scan.patterns import Patterns
from tonearm.scan.walk import walk
if os.geteuid() == 0:
    os.setuid(65534)  # rights do not bind root
for met in walk(b".", b"", Patterns((), (), ("mp3",))):
    print(type(met).__name__, met.path.decode(), getattr(met, "reason", ""))
"""


def test_a_folder_that_cannot_be_read_is_told_and_the_walk_goes_on(tmp_path: Path) -> None:
    put(tmp_path, "a/1.mp3", "b/2.mp3", "c/3.mp3", "d/4.mp3")
    (tmp_path / "b").chmod(0)
    (tmp_path / "c").chmod(0o444)  # its names can be listed, but not looked at
    tmp_path.chmod(0o755)
    try:
        said = subprocess.run(
            [sys.executable, "-c", UNREADABLE], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
    finally:
        for name in "bc":
            (tmp_path / name).chmod(0o755)
    assert said.splitlines() == [
        "FoundFile a/1.mp3 ",
        "Unreadable b the folder can't be read: Permission denied",
        "Unreadable c the folder can't be read: Permission denied",
        "FoundFile d/4.mp3 ",
    ]


def test_an_entry_that_cannot_be_looked_at_is_told_and_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "1.mp3", "dead.mp3", "dead/2.mp3", "a/3.mp3", "a/dead/4.mp3", "b/dead/5.mp3")
    make_dead(monkeypatch, b"dead", b"dead.mp3")
    assert music(tmp_path) == [b"1.mp3", b"a/3.mp3"]
    told = reasons(tmp_path)
    assert set(told) == {b"dead.mp3", b"dead", b"a/dead", b"b"}  # in b there is nothing else
    assert all(os.strerror(errno.ENOTCONN) in reason for reason in told.values())


def test_nothing_is_told_of_an_entry_that_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "1.mp3", "dead/2.mp3", "dead.txt")
    make_dead(monkeypatch, b"dead", b"dead.txt")
    found = met(tmp_path, patterns=Patterns((), ("dead",), EXTENSIONS))
    assert found == [LeftOut(b"", {".txt": 1}), *met(tmp_path, b"1.mp3")]


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        ((), (), ["._1.mp3", "a/1.mp3", "a/2.flac", "b/1.mp3"]),
        ((), ("._*",), ["a/1.mp3", "a/2.flac", "b/1.mp3"]),
        ((), ("b",), ["._1.mp3", "a/1.mp3", "a/2.flac"]),
        ((), ("a/*.mp3",), ["._1.mp3", "a/2.flac", "b/1.mp3"]),
        (("*.flac",), (), ["a/2.flac"]),
        (("a/*",), (), ["a/1.mp3", "a/2.flac"]),
        (("1.*",), ("b",), ["a/1.mp3"]),
        (("*.flac", "b/*"), (), ["a/2.flac", "b/1.mp3"]),
    ],
)
def test_patterns_choose_files_and_leave_out_folders(
    tmp_path: Path, include: tuple[str, ...], exclude: tuple[str, ...], wanted: list[str]
) -> None:
    put(tmp_path, "._1.mp3", "a/1.mp3", "a/2.flac", "b/1.mp3")
    patterns = Patterns(include, exclude, EXTENSIONS)
    assert [path.decode() for path in music(tmp_path, patterns=patterns)] == wanted


def test_names_that_are_not_utf8_or_hold_newlines_can_be_matched(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/K\xf6ln\n.mp3", "xb"):
        pass
    assert music(tmp_path, patterns=Patterns(("K*",), (), EXTENSIONS)) == [b"K\xf6ln\n.mp3"]
    assert music(tmp_path, patterns=Patterns((), ("K?ln*",), EXTENSIONS)) == []


@settings(max_examples=50)
@given(
    tree=st.lists(st.tuples(st.lists(NAME, max_size=3), NAME), max_size=12),
    exclude=st.lists(st.sampled_from(["a", "a*", "*/b", "b.mp3", "?"]), max_size=2).map(tuple),
    include=st.lists(st.sampled_from(["a*", "*b*", "*/a*"]), max_size=1).map(tuple),
)
def test_a_path_is_wanted_exactly_when_the_walk_meets_it(
    tree: list[tuple[list[bytes], bytes]], exclude: tuple[str, ...], include: tuple[str, ...]
) -> None:
    patterns = Patterns(include, exclude, EXTENSIONS)
    with tempfile.TemporaryDirectory() as folder:
        made = planted(os.fsencode(folder), tree)
        assert music(os.fsencode(folder), patterns=patterns) == sorted(filter(patterns.wants, made))


@given(st.sampled_from(EXTENSIONS), NAME.filter(lambda name: name.strip(b".") != b""))
def test_a_files_ending_is_known_in_any_case(extension: str, name: bytes) -> None:
    for written in (extension, extension.upper(), extension.title()):
        assert ALL.music(name + b"." + written.encode()) == extension
    assert ALL.music(name + b"." + extension.encode() + b"x") == ""


@given(st.lists(st.sampled_from([b"a", b".", b"/", b"B"])).map(b"".join))
def test_dots_at_the_start_of_a_name_begin_no_ending(path: bytes) -> None:
    assert extension_of(path) == os.path.splitext(path)[1][1:].lower()


def test_endings_may_be_configured_with_or_without_their_dot() -> None:
    assert Patterns((), (), (".XM",)).music(b"song.xm") == "xm"


LEAVINGS = (
    "@Recycle/song.mp3",
    "#snapshot/GMT-1/song.mp3",
    "@Recently-Snapshot/song.mp3",
    "__MACOSX/song.mp3",
    ".stversions/song.mp3",
    ".snapshots/1/song.mp3",
    "System Volume Information/song.mp3",
    ".@__thumb/song.mp3",
    ".AppleDouble/song.mp3",
    "$RECYCLE.BIN/song.mp3",
    "lost+found/song.mp3",
    "a/@eaDir/song.mp3",
    "a/._song.mp3",
)


def test_what_systems_leave_behind_is_left_out_unless_it_is_wanted(tmp_path: Path) -> None:
    put(tmp_path, "song.mp3", *LEAVINGS)
    by_default = Patterns((), Settings().excluded, EXTENSIONS)
    assert music(tmp_path, patterns=by_default) == [b"song.mp3"]
    wanted = Patterns((), Settings(default_excludes=False).excluded, EXTENSIONS)
    assert len(music(tmp_path, patterns=wanted)) == len(LEAVINGS) + 1


def counted(root: Path | bytes, scope: bytes = b"", patterns: Patterns = ALL) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in met(root, scope, patterns):
        if isinstance(item, LeftOut):
            add_counts(counts, item.counts)
    return counts


def test_files_of_other_kinds_are_counted_unless_they_are_hidden_or_excluded(tmp_path: Path) -> None:
    put(tmp_path, "a/song.mp3", "a/cover.jpg", "a/b/1.mid", "a/b/2.MID", "LIESMICH", "z/thumbs.db")
    put(tmp_path, ".hidden.mid", "a/.git/objects/12ab", "no/3.mid", "4.nfo")
    os.mkfifo(tmp_path / "pipe.xyz")
    (tmp_path / "link.xyz").symlink_to("LIESMICH")
    patterns = Patterns((), ("no", "*.nfo"), EXTENSIONS)
    assert counted(tmp_path, patterns=patterns) == {".jpg": 1, ".mid": 2, "none": 1, ".db": 1}
    assert counted(tmp_path, b"a", patterns) == {".jpg": 1, ".mid": 2}


def test_a_marker_leaves_out_its_folder_and_an_ignore_file_what_it_names(tmp_path: Path) -> None:
    put(
        tmp_path, "1.mp3", "2.wav", "a/3.mp3", "a/4.wav", "a/b/5.wav", "no/.nomedia", "no/6.mp3", "no/c/7.mp3"
    )
    put(tmp_path, "z/8.mp3", "z/9.txt")
    (tmp_path / ".tonearmignore").write_text("*.wav\n/z\n")
    (tmp_path / "a/.tonearmignore").write_text("!4.wav\n[bad\n")
    assert music(tmp_path) == [b"1.mp3", b"a/3.mp3", b"a/4.wav"]
    assert [item.path for item in met(tmp_path) if isinstance(item, Ignored)] == [
        *(b"2.wav", b"a/b/5.wav", b"no/", b"z/"),
    ]
    [invalid] = [item for item in met(tmp_path) if isinstance(item, InvalidLine)]
    assert (invalid.path, invalid.reason.partition(":")[0]) == (b"a/", "line 2")
    assert counted(tmp_path) == {}
    assert music(tmp_path, patterns=Patterns((), (), EXTENSIONS, ignore_files=False)) == [
        *(b"1.mp3", b"2.wav", b"a/3.mp3", b"a/4.wav", b"a/b/5.wav", b"no/6.mp3", b"no/c/7.mp3", b"z/8.mp3"),
    ]


def test_what_is_named_is_left_out_by_the_ignore_files_above_it(tmp_path: Path) -> None:
    put(tmp_path, "a/b/1.mp3", "a/b/2.wav", "c/.nomedia", "c/d/3.mp3")
    (tmp_path / "a/.tonearmignore").write_text("*.wav\n")
    assert music(tmp_path, b"a/b") == [b"a/b/1.mp3"]
    assert [type(item) for item in met(tmp_path, b"a/b/2.wav")] == [Skipped, Ignored]
    assert met(tmp_path, b"c/d")[1:] == [Ignored(b"c/d/")]
    assert met(tmp_path, b"c")[1:] == [Ignored(b"c/")]
    assert met(tmp_path / "c")[1:] == [Ignored(b"")]


def test_an_ignore_file_that_cannot_be_read_makes_its_folder_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a/.tonearmignore", "a/1.mp3", "b/2.mp3")
    opened = os.open

    def refusing(path: bytes, flags: int) -> int:
        if path.endswith(b"/.tonearmignore"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refusing)
    assert music(tmp_path) == [b"b/2.mp3"]
    assert ".tonearmignore: Input/output error" in reasons(tmp_path)[b"a"]


LINKS = Patterns((), (), EXTENSIONS, follow_links=True)


def test_links_are_followed_on_request_and_each_folder_is_read_once(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    put(root, "a/1.mp3", "z/2.mp3")
    put(other, "3.mp3", "deep/4.mp3")
    for name, target in {
        "link": other,
        "more": other / "deep",
        "up": tmp_path,
        "loop": root,
        "inner": root / "z",
        "file.mp3": other / "3.mp3",
        "gone.mp3": other / "gone",
        "self.mp3": root / "self.mp3",
    }.items():
        (root / name).symlink_to(target)
    (other / "back").symlink_to(root)
    (other / "round").symlink_to(other)
    assert music(root) == [b"a/1.mp3", b"z/2.mp3"]
    followed = [b"a/1.mp3", b"file.mp3", b"link/3.mp3", b"link/deep/4.mp3", b"z/2.mp3"]
    assert music(root, patterns=LINKS) == followed
    left_out = {item.path for item in met(root) if isinstance(item, Ignored)}
    assert {b"link/", b"more/", b"file.mp3"} <= left_out


def test_patterns_and_ignore_files_hold_for_what_links_lead_to(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    put(other, "3.mp3", "no/4.mp3", "5.wav")
    put(root, "6.mp3")
    (other / ".tonearmignore").write_text("no/\n")
    for name in ("a", "b"):
        (root / name).symlink_to(other)
    (root / ".tonearmignore").write_text("*.wav\n")
    patterns = Patterns((), ("a",), EXTENSIONS, follow_links=True)
    assert music(root, patterns=patterns) == [b"6.mp3", b"b/3.mp3"]
