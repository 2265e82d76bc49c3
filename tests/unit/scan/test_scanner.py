"""The library follows the disk; moved files are recognised, and unmounted files are kept."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event

from tests.unit.library_fixture import VERSIONS, Library, finish_one, result, take_one
from tests.unit.scan.sick import make_dead
from tonearm.events.batches import JobsEnqueued
from tonearm.events.event import Event
from tonearm.events.facts import FileMoved, FileSkipped, ScanFinished, ScanProgress, ScanStarted, Warned
from tonearm.events.states import RunState
from tonearm.jobs.stale_files import StaleFiles
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan import batch as batch_module
from tonearm.scan import scanner as scanner_module
from tonearm.scan.patterns import Patterns
from tonearm.scan.scanner import Scanner
from tonearm.scan.walk import PlaceUnreadable
from tonearm.settings import EXTENSIONS, Level


def scanner_of(
    library: Library, patterns: Patterns, events: list[Event], stopping: Callable[[], bool]
) -> Scanner:
    storage_retry = StorageRetry(events.append, stopping)
    return Scanner(
        library.files,
        library.intake,
        library.roots,
        library.runs,
        patterns,
        events.append,
        stopping,
        storage_retry,
    )


class Collection:
    """A folder of music and the library that is to know it."""

    def __init__(self, library: Library, folder: Path) -> None:
        self.library = library
        self.folder = folder
        self.events: list[Event] = []
        self.run = 0
        folder.mkdir()

    def put(self, *paths: str) -> None:
        for path in paths:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(path.encode())

    def scan(
        self,
        scope: str = "",
        level: Level | None = None,
        analyse: bool = False,
        exclude: tuple[str, ...] = (),
    ) -> ScanFinished:
        library = self.library
        patterns = Patterns((), exclude, EXTENSIONS)
        scanner = scanner_of(library, patterns, self.events, lambda: False)
        self.events.clear()
        self.run = library.runs.open([])
        place = library.roots.ensure(os.fsencode(self.folder / scope if scope else self.folder))
        scanner.scan(self.run, place, level, fresh=False)
        if analyse:
            while (lease := take_one(library.job_store, "worker", self.run)) is not None:
                status = os.stat(os.path.join(lease.root, lease.path))
                there = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}
                finish_one(library.job_store, lease, result(os.fsdecode(lease.path), **there))
        library.runs.close(self.run, RunState.FINISHED)
        [finished] = [event for event in self.events if isinstance(event, ScanFinished)]
        return finished

    def rows(self) -> list[list[dict[str, object]]]:
        tables = ("files", "jobs", "audio", "history", "tags", "analyses")
        return [self.library.rows(f"SELECT * FROM {table}") for table in tables]  # noqa: S608  our own names

    def missing(self) -> set[bytes]:
        return {
            row["path"] for row in self.library.rows("SELECT path FROM files WHERE missing_since IS NOT NULL")
        }

    def warnings(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Warned)]

    def id(self, path: str) -> int:
        return int(self.library.file(path.encode())["id"])


@pytest.fixture
def music(library: Library, tmp_path: Path) -> Collection:
    return Collection(library, tmp_path / "music")


def kinds(finished: ScanFinished) -> dict[str, int]:
    names = ("new", "changed", "moved", "unchanged", "missing", "skipped")
    return {name: getattr(finished, name) for name in names if getattr(finished, name)}


def test_a_first_scan_meets_every_file(music: Collection) -> None:
    music.put("a/1.mp3", "a/2.flac", "3.ogg", "cover.jpg")
    finished = music.scan()
    assert (finished.discovered, kinds(finished)) == (3, {"new": 3})
    assert finished.root == os.fsencode(music.folder)
    assert {row["path"] for row in music.library.rows("SELECT path FROM files")} == {
        b"a/1.mp3",
        b"a/2.flac",
        b"3.ogg",
    }
    assert music.library.job_store.depth(music.run).open == 3


def test_unchanged_files_cost_no_statement_each(music: Collection) -> None:
    music.put(*(f"{number}.mp3" for number in range(40)))
    music.scan(analyse=True)
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    engines = {music.library.database._engine, music.library.database._writes}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    assert kinds(music.scan()) == {"unchanged": 40}
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    assert len(statements) < 30
    counts = music.library.runs.counts(music.run)
    assert (counts.discovered, counts.skipped) == (40, 40)


def test_a_scan_tells_its_beginning_its_progress_and_its_end(music: Collection) -> None:
    music.put("1.mp3")
    (music.folder / "2.mp3").symlink_to("1.mp3")
    music.scan()
    assert [type(event) for event in music.events] == [
        ScanStarted,
        FileSkipped,
        JobsEnqueued,
        ScanProgress,
        ScanFinished,
    ]
    [progress] = [event for event in music.events if isinstance(event, ScanProgress)]
    assert (progress.discovered, progress.to_analyse) == (2, 1)


def test_what_is_passed_is_counted_in_the_run(music: Collection) -> None:
    music.put("1.mp3")
    (music.folder / "2.mp3").symlink_to("1.mp3")
    os.mkfifo(music.folder / "3.mp3")
    finished = music.scan()
    assert (finished.discovered, finished.skipped) == (3, 2)
    counts = music.library.runs.counts(music.run)
    assert (counts.discovered, counts.skipped, counts.pending) == (3, 2, 1)


def test_what_is_passed_costs_no_transaction_each(music: Collection) -> None:
    for number in range(50):
        (music.folder / f"{number}.mp3").symlink_to("nowhere")
    commits: list[Connection] = []
    event.listen(music.library.database._writes, "commit", commits.append)
    music.scan()
    assert music.library.runs.counts(music.run).skipped == 50
    assert 0 < len(commits) < 10


def test_what_is_passed_before_a_stop_is_counted_all_the_same(music: Collection) -> None:
    music.put("b.mp3", "d.mp3", "f.mp3")
    for name in "aceg":
        (music.folder / f"{name}.mp3").symlink_to("nowhere")
    library = music.library
    looks = iter([False, True, True, True])
    scanner = scanner_of(library, Patterns((), (), EXTENSIONS), music.events, lambda: next(looks))
    run = library.run()
    place = library.roots.ensure(os.fsencode(music.folder))
    assert not scanner.scan(run, place, None, fresh=False).complete
    counts = library.runs.counts(run)
    told = [event for event in music.events if isinstance(event, FileSkipped)]
    assert (counts.discovered, counts.skipped, counts.pending) == (4, 2, 2)
    assert len(told) == 2


def test_a_scan_of_what_has_not_changed_writes_nothing_about_it(music: Collection) -> None:
    music.put("a/1.mp3", "a/2.flac", "3.ogg")
    music.scan(analyse=True)
    before = music.rows()
    finished = music.scan()
    assert kinds(finished) == {"unchanged": 3}
    assert music.rows() == before
    assert music.library.runs.counts(music.run).skipped == 3


def test_a_changed_file_is_known_by_its_size_or_time(music: Collection) -> None:
    music.put("1.mp3", "2.mp3", "3.mp3")
    music.scan(analyse=True)
    (music.folder / "1.mp3").write_bytes(b"longer than before")
    os.utime(music.folder / "2.mp3", ns=(1, 1))
    assert kinds(music.scan()) == {"changed": 2, "unchanged": 1}
    assert music.library.job_store.depth(music.run).open == 2


@pytest.mark.parametrize("there", ["z.mp3", "a.mp3", "deep/er/m.mp3", "m.ogg"])
def test_a_file_that_moved_is_known_again_without_decoding(music: Collection, there: str) -> None:
    music.put("b.mp3", "m.mp3", "y.mp3")
    music.scan(analyse=True)
    known = music.id("m.mp3")
    (music.folder / there).parent.mkdir(parents=True, exist_ok=True)
    (music.folder / "m.mp3").rename(music.folder / there)
    assert kinds(music.scan()) == {"moved": 1, "unchanged": 2}
    assert music.id(there) == known
    assert music.library.job_store.depth(music.run).open == 0
    assert music.missing() == set()
    here = os.fsencode(music.folder) + b"/"
    assert FileMoved(here + there.encode(), here + b"m.mp3") in music.events
    assert kinds(music.scan()) == {"unchanged": 3}


def test_a_folder_that_moved_is_known_again(music: Collection) -> None:
    music.put(*(f"old/{number}.mp3" for number in range(30)))
    music.scan(analyse=True)
    (music.folder / "old").rename(music.folder / "a new name")
    assert kinds(music.scan()) == {"moved": 30}


def test_a_file_that_moved_to_another_root_is_known_again(music: Collection, tmp_path: Path) -> None:
    music.put("1.mp3", "2.mp3")
    music.scan(analyse=True)
    known = music.id("1.mp3")
    other = Collection(music.library, tmp_path / "other")
    (music.folder / "1.mp3").rename(other.folder / "1.mp3")
    assert kinds(other.scan()) == {"moved": 1}
    assert other.id("1.mp3") == known
    assert kinds(music.scan()) == {"unchanged": 1}


def test_a_hard_link_is_another_file_and_no_move(music: Collection) -> None:
    music.put("1.mp3")
    music.scan(analyse=True)
    os.link(music.folder / "1.mp3", music.folder / "2.mp3")
    assert kinds(music.scan()) == {"new": 1, "unchanged": 1}
    assert music.missing() == set()


def test_of_two_hard_links_the_one_that_went_moved(music: Collection) -> None:
    music.put("1.mp3")
    os.link(music.folder / "1.mp3", music.folder / "2.mp3")
    music.scan(analyse=True)
    known = music.id("1.mp3")
    (music.folder / "1.mp3").rename(music.folder / "3.mp3")
    assert kinds(music.scan()) == {"moved": 1, "unchanged": 1}
    assert music.id("3.mp3") == known


def test_a_new_file_that_got_the_inode_of_a_deleted_one_is_new(music: Collection) -> None:
    music.put("1.mp3", "2.mp3")
    music.scan(analyse=True)
    (music.folder / "1.mp3").rename(music.folder / "3.mp3")
    (music.folder / "3.mp3").write_bytes(b"another song altogether")
    assert kinds(music.scan()) == {"new": 1, "unchanged": 1, "missing": 1}


def test_two_names_that_were_swapped_are_two_changed_files(music: Collection) -> None:
    music.put("1.mp3", "two.mp3")
    music.scan(analyse=True)
    (music.folder / "1.mp3").rename(music.folder / "x")
    (music.folder / "two.mp3").rename(music.folder / "1.mp3")
    (music.folder / "x").rename(music.folder / "two.mp3")
    assert kinds(music.scan(analyse=True)) == {"changed": 2}
    assert kinds(music.scan()) == {"unchanged": 2}


def test_a_path_from_which_a_file_moved_by_copying_can_be_used_again(music: Collection) -> None:
    music.put("1.mp3", "2.mp3")
    music.scan(analyse=True)
    shutil.copy(music.folder / "1.mp3", music.folder / "copy.mp3")
    (music.folder / "1.mp3").unlink()
    music.scan()
    lease = music.library.take(music.run)
    ending = finish_one(music.library.job_store, lease, result("1.mp3", known=True))
    assert ending is not None
    assert ending.moved_from == os.fsencode(music.folder / "1.mp3")
    music.put("1.mp3")
    assert kinds(music.scan()).get("new") == 1
    assert music.missing() == set()


def test_a_file_that_is_gone_is_missing_and_one_that_is_back_is_back(music: Collection) -> None:
    music.put("1.mp3", "2.mp3")
    music.scan(analyse=True)
    (music.folder / "1.mp3").rename(music.folder / "1.hidden")
    assert kinds(music.scan()) == {"unchanged": 1, "missing": 1}
    assert music.missing() == {b"1.mp3"}
    assert kinds(music.scan()) == {"unchanged": 1}  # missing already
    (music.folder / "1.hidden").rename(music.folder / "1.mp3")
    assert kinds(music.scan()) == {"unchanged": 2}
    assert music.missing() == set()
    assert music.library.job_store.depth(music.run).open == 0
    assert music.library.history(music.id("1.mp3")) == ["missing", "back"]


def test_an_emptied_root_marks_nothing_missing_however_often_it_is_scanned(music: Collection) -> None:
    music.put("1.mp3", "a/2.mp3")
    music.scan(analyse=True)
    shutil.rmtree(music.folder)
    music.folder.mkdir()
    for _ in range(3):
        assert kinds(music.scan()) == {}
        assert music.missing() == set()
        [warning] = music.warnings()
        assert "looks empty or unmounted; none of the 2 known files" in warning


def test_an_emptied_part_of_a_root_marks_nothing_missing_when_it_is_scanned_alone(music: Collection) -> None:
    music.put("1.mp3", "a/2.mp3")
    music.scan(analyse=True)
    (music.folder / "a/2.mp3").unlink()
    music.scan("a")
    assert music.missing() == set()
    music.scan()
    assert music.missing() == {b"a/2.mp3"}


def mounted(music: Collection, mount: bytes) -> None:
    """Have the library remember that a folder was a mount point when it was last scanned."""
    place = music.library.roots.ensure(os.fsencode(music.folder))
    music.library.roots.scanned(place, os.stat(music.folder).st_dev, [mount])


def test_what_lay_on_a_lost_mount_point_is_not_missing(music: Collection) -> None:
    music.put("1.mp3", "gone.mp3", "usb/2.mp3", "usb/a/3.mp3")
    music.scan(analyse=True)
    mounted(music, b"usb")
    shutil.rmtree(music.folder / "usb")
    (music.folder / "usb").mkdir()
    (music.folder / "gone.mp3").unlink()
    assert kinds(music.scan()) == {"unchanged": 1, "missing": 1}
    assert music.missing() == {b"gone.mp3"}
    [warning] = music.warnings()
    assert "was a mount point and is none now" in warning


def test_a_lost_mount_point_is_remembered_until_it_is_back(music: Collection) -> None:
    music.put("1.mp3", "usb/2.mp3")
    music.scan(analyse=True)
    mounted(music, b"usb")
    (music.folder / "usb/2.mp3").unlink()
    for _ in range(3):
        music.scan()
        assert music.missing() == set()


def test_mount_points_that_were_all_lost_are_remembered_when_one_is_back(music: Collection) -> None:
    music.put("one/1.mp3", "two/2.mp3")
    music.scan(analyse=True)
    place = music.library.roots.ensure(os.fsencode(music.folder))
    music.library.roots.scanned(place, os.stat(music.folder).st_dev, [b"one", b"two"])
    for path in ("one/1.mp3", "two/2.mp3"):
        (music.folder / path).unlink()
    music.scan()
    music.put("one/3.mp3")
    music.scan()
    assert b"two/2.mp3" not in music.missing()


def test_a_mount_whose_server_was_gone_is_guarded_still_when_it_is_only_empty(
    music: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    music.put("1.mp3", "usb/2.mp3", "other/nas/3.mp3", "other/4.mp3")
    music.scan(analyse=True)
    place = music.library.roots.ensure(os.fsencode(music.folder))
    music.library.roots.scanned(place, os.stat(music.folder).st_dev, [b"usb", b"other/nas"])
    with monkeypatch.context() as gone:
        make_dead(gone, b"usb", b"nas")
        music.scan()
    for path in ("usb/2.mp3", "other/nas/3.mp3"):
        (music.folder / path).unlink()
    music.scan()
    assert music.missing() == set()


def test_a_root_on_another_device_that_lost_most_of_its_files_looks_unmounted(music: Collection) -> None:
    music.put("kept.mp3", *(f"{number}.mp3" for number in range(20)))
    music.scan(analyse=True)
    place = music.library.roots.ensure(os.fsencode(music.folder))
    music.library.roots.scanned(place, os.stat(music.folder).st_dev + 1, [])
    for number in range(20):
        (music.folder / f"{number}.mp3").unlink()
    music.scan()
    assert music.missing() == set()
    assert "looks empty or unmounted" in music.warnings()[0]


@pytest.mark.parametrize(("kept", "gone"), [(1, 19), (21, 20)])
def test_a_library_that_was_restored_to_another_device_may_lose_some_files(
    music: Collection, kept: int, gone: int
) -> None:
    music.put(*(f"{number}.mp3" for number in range(kept + gone)))
    music.scan(analyse=True)
    place = music.library.roots.ensure(os.fsencode(music.folder))
    music.library.roots.scanned(place, os.stat(music.folder).st_dev + 1, [])
    for number in range(gone):
        (music.folder / f"{number}.mp3").unlink()
    assert kinds(music.scan()) == {"unchanged": kept, "missing": gone}


def test_what_lies_in_a_folder_that_cannot_be_read_is_not_missing(music: Collection) -> None:
    music.put("a.mp3", "b.mp3")
    deep = music.folder
    folder = os.open(deep, os.O_RDONLY)
    while len(os.fsencode(deep)) < 4096:  # no path may be longer, not even root's
        os.mkdir("d" * 250, dir_fd=folder)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder, deep = below, deep / ("d" * 250)
    os.close(folder)
    there = os.fsencode(deep.relative_to(music.folder)) + b"/1.mp3"
    library = music.library
    try:
        root = library.roots.ensure(os.fsencode(music.folder)).root_path
        library.meet(library.run(), there, b"gone.mp3", root=root)
        music.scan()
        assert music.missing() == {b"gone.mp3"}
        [warning] = music.warnings()
        assert (
            warning
            == "the folder can't be read: File name too long; the files known below it are kept as they are"
        )
    finally:
        subprocess.run(["rm", "-rf", str(music.folder / ("d" * 250))], check=True)


def test_what_cannot_even_be_looked_at_is_not_missing(
    music: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    music.put("1.mp3", "2.mp3", "dead/3.mp3", "gone.mp3")
    music.scan(analyse=True)
    (music.folder / "gone.mp3").unlink()
    make_dead(monkeypatch, b"2.mp3", b"dead")
    assert kinds(music.scan()) == {"unchanged": 1, "missing": 1}
    assert music.missing() == {b"gone.mp3"}
    assert len(music.warnings()) == 2


def test_files_that_are_deleted_in_numbers_are_missing_all_the_same(music: Collection) -> None:
    music.put("kept.mp3", *(f"{number}.mp3" for number in range(40)))
    music.scan(analyse=True)
    for number in range(40):
        (music.folder / f"{number}.mp3").unlink()
    assert kinds(music.scan()) == {"unchanged": 1, "missing": 40}


def test_a_root_that_was_taken_over_while_it_was_not_mounted_loses_nothing(
    library: Library, tmp_path: Path
) -> None:
    (tmp_path / "all").mkdir()
    usb = Collection(library, tmp_path / "all" / "usb")
    usb.put("1.mp3", "2.mp3")
    usb.scan(analyse=True)
    shutil.rmtree(usb.folder)
    usb.folder.mkdir()
    whole = Collection.__new__(Collection)
    whole.library, whole.folder, whole.events = library, tmp_path / "all", []
    whole.put("3.mp3")
    whole.scan()
    assert whole.missing() == set()


def test_a_part_of_a_root_says_nothing_about_the_rest(music: Collection) -> None:
    music.put("a/1.mp3", "a/2.mp3", "b/3.mp3", "a b/4.mp3", "a0.mp3")
    music.scan(analyse=True)
    for path in ("a/1.mp3", "b/3.mp3", "a b/4.mp3", "a0.mp3"):
        (music.folder / path).unlink()
    assert kinds(music.scan("a")) == {"unchanged": 1, "missing": 1}
    assert music.missing() == {b"a/1.mp3"}


def test_a_single_file_can_be_scanned(music: Collection) -> None:
    music.put("a/1.mp3", "a/2.mp3")
    music.scan()
    (music.folder / "a/2.mp3").unlink()
    assert kinds(music.scan("a/1.mp3")) == {"unchanged": 1}
    assert music.missing() == set()


def test_a_part_of_a_root_does_not_make_the_scan_forget_mount_points(music: Collection) -> None:
    music.put("a/1.mp3")
    music.scan()
    mounted(music, b"usb")
    music.scan("a")
    [place] = music.library.roots.every()
    assert place.mounts == (b"usb",)


def test_the_level_of_a_scan_is_the_level_of_its_files(music: Collection) -> None:
    music.put("1.mp3")
    music.scan(level=Level.CRITICAL)
    assert music.library.rows("SELECT level, level_by FROM jobs") == [{"level": 0, "level_by": "person"}]


def test_folders_that_overlap_are_counted_so_that_the_run_adds_up(music: Collection) -> None:
    music.put("a/1.mp3", "2.mp3")
    library = music.library
    patterns = Patterns((), (), EXTENSIONS)
    scanner = scanner_of(library, patterns, music.events, lambda: False)
    run = library.run()
    for path in (music.folder, music.folder / "a"):
        scanner.scan(run, library.roots.ensure(os.fsencode(path)), None, fresh=False)
    counts = library.runs.counts(run)
    assert counts.discovered == counts.skipped + counts.pending


def test_files_that_are_left_out_now_are_not_missing(music: Collection) -> None:
    music.put("1.mp3", "b/2.mp3", "b/c/3.mp3", "gone.mp3")
    music.scan(analyse=True)
    (music.folder / "gone.mp3").unlink()
    assert kinds(music.scan(exclude=("b",))) == {"unchanged": 1, "missing": 1}
    assert music.missing() == {b"gone.mp3"}


def test_a_scan_that_is_stopped_keeps_what_it_met_and_marks_nothing_missing(music: Collection) -> None:
    music.put(*(f"{number}.mp3" for number in range(6)))
    music.scan(analyse=True)
    (music.folder / "0.mp3").unlink()
    music.put("1b.mp3", "3b.mp3")
    library = music.library
    looks = iter([False, False, True, True])
    scanner = scanner_of(library, Patterns((), (), EXTENSIONS), music.events, lambda: next(looks))
    music.events.clear()
    run = library.run()
    place = library.roots.ensure(os.fsencode(music.folder))
    assert not scanner.scan(run, place, None, fresh=False).complete
    counts = library.runs.counts(run)
    assert (counts.discovered, counts.skipped, counts.pending) == (3, 2, 1)
    assert music.missing() == set()
    assert not any(isinstance(event, ScanFinished) for event in music.events)


def test_a_place_that_cannot_be_read_is_an_error_and_marks_nothing(music: Collection) -> None:
    music.put("1.mp3", "2.mp3")
    music.scan(analyse=True)
    before = music.rows()
    shutil.rmtree(music.folder)
    with pytest.raises(PlaceUnreadable, match="No such file"):
        music.scan()
    assert music.rows() == before


PATHS = st.lists(
    st.sampled_from([f"{a}{b}.mp3" for a in ("", "a/", "a b/", "b/c/") for b in "123"]), unique=True
)
SMALL = st.integers(1, 4)


def started_over(library: Library, folder: Path) -> Collection:
    """An empty library and an empty folder, for the next example."""
    for table in ("history", "tags", "attempts", "jobs", "files", "analyses", "audio", "roots"):
        library.change(f"DELETE FROM {table}")  # noqa: S608  our own names
    shutil.rmtree(folder / "music", ignore_errors=True)
    return Collection(library, folder / "music")


def smaller(monkeypatch: pytest.MonkeyPatch, batch: int, page: int) -> None:
    monkeypatch.setattr(batch_module, "FILES", batch)
    monkeypatch.setattr(batch_module, "UNCHANGED", batch)
    monkeypatch.setattr(scanner_module, "PAGE", page)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=PATHS, after=PATHS, batch=SMALL, page=SMALL)
def test_the_library_knows_what_is_on_the_disk_in_any_size_of_batches(
    library: Library, tmp_path: Path, before: list[str], after: list[str], batch: int, page: int
) -> None:
    music = started_over(library, tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        smaller(patched, batch, page)
        music.put(*before)
        music.scan(analyse=True)
        for path in set(before) - set(after):
            (music.folder / path).unlink()
        music.put(*(set(after) - set(before)))
        finished = music.scan()
    known = {row["path"] for row in library.rows("SELECT path FROM files WHERE missing_since IS NULL")}
    if after or not before:
        assert known == {path.encode() for path in after}
    assert finished.discovered == len(after)
    assert finished.unchanged == len(set(before) & set(after))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), batch=SMALL, page=SMALL)
def test_files_that_moved_anywhere_are_all_known_again(
    library: Library, tmp_path: Path, data: st.DataObject, batch: int, page: int
) -> None:
    names = [f"{folder}{number}.mp3" for folder in ("", "a/", "a b/", "z/") for number in range(3)]
    before = data.draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
    free = [name for name in names if name not in before]
    music = started_over(library, tmp_path)
    with pytest.MonkeyPatch.context() as patched:
        smaller(patched, batch, page)
        music.put(*before)
        music.scan(analyse=True)
        moves = dict(zip(before, data.draw(st.permutations(free)), strict=False))
        ids = {there: music.id(here) for here, there in moves.items()}
        for here, there in moves.items():
            (music.folder / there).parent.mkdir(parents=True, exist_ok=True)
            (music.folder / here).rename(music.folder / there)
        finished = music.scan()
    expected = {"moved": len(moves), "unchanged": len(before) - len(moves)}
    assert kinds(finished) == {kind: count for kind, count in expected.items() if count}
    assert {there: music.id(there) for there in ids} == ids
    assert music.missing() == set()


def test_files_of_other_kinds_are_named_in_the_scan_and_in_the_run(music: Collection) -> None:
    music.put("1.mp3", "a/2.mid", "a/3.mid", "b/4.xyz")
    assert music.scan().left_out == {".mid": 2, ".xyz": 1}
    assert music.library.runs.left_out(music.run) == {".mid": 2, ".xyz": 1}
    counts = music.library.runs.counts(music.run)
    assert (counts.discovered, counts.pending) == (1, 1)


def left_out(music: Collection) -> set[bytes]:
    return {
        row["path"] for row in music.library.rows("SELECT path FROM files WHERE left_out_since IS NOT NULL")
    }


def test_known_files_that_are_left_out_now_are_not_missing_and_come_back(music: Collection) -> None:
    music.put("a/1.mp3", "a/2.mp3", "b/3.mp3", "c/4.wav", "5.mp3", "d/6.mp3")
    music.scan(analyse=True)
    music.put("a/.nomedia")
    (music.folder / ".tonearmignore").write_text("*.wav\n")
    (music.folder / "d/6.mp3").unlink()
    finished = music.scan(exclude=("b",))
    assert kinds(finished) == {"unchanged": 1, "missing": 1}
    assert music.missing() == {b"d/6.mp3"}
    assert left_out(music) == {b"a/1.mp3", b"a/2.mp3", b"b/3.mp3", b"c/4.wav"}
    assert {row["state"] for row in music.library.rows("SELECT state FROM files")} == {"done"}
    (music.folder / "a/.nomedia").unlink()
    assert kinds(music.scan(scope="a")) == {"unchanged": 2}
    assert left_out(music) == {b"b/3.mp3", b"c/4.wav"}
    assert music.library.history(music.id("a/1.mp3")) == ["left-out", "back"]


def test_left_out_files_stay_so_while_their_folder_is_not_mounted(music: Collection) -> None:
    music.put("a/1.mp3", "a/.nomedia", "b/2.mp3")
    (music.folder / "a/.nomedia").unlink()
    music.scan(analyse=True)
    music.put("a/.nomedia")
    music.scan()
    away = music.folder.rename(music.folder.with_name("away"))
    music.folder.mkdir()
    music.scan()
    assert music.missing() == set()
    assert left_out(music) == {b"a/1.mp3"}
    music.folder.rmdir()
    away.rename(music.folder)


def test_waiting_jobs_of_files_that_are_left_out_are_cancelled_and_nothing_of_them_is_stale(
    music: Collection,
) -> None:
    music.put("a/1.mp3", "b/2.mp3")
    music.scan()
    music.put("a/.nomedia")
    music.scan()
    [job] = music.library.rows("SELECT state, code FROM jobs WHERE file_id = :id", id=music.id("a/1.mp3"))
    assert (job["state"], job["code"]) == ("cancelled", "left-out")
    music.scan(analyse=True)
    music.library.change("UPDATE files SET state = 'done', engine = 'older' WHERE left_out_since IS NOT NULL")
    place = music.library.roots.ensure(os.fsencode(music.folder))
    assert StaleFiles(music.library.database, VERSIONS).next(place, None, 10) == []


def test_nothing_is_written_for_files_that_are_left_out_still(music: Collection) -> None:
    music.put("a/1.mp3", "b/2.mp3")
    music.scan(analyse=True)
    music.put("a/.nomedia")
    music.scan()
    before = music.rows()[0]
    music.scan()
    assert music.rows()[0] == before


def test_invalid_lines_of_an_ignore_file_are_warned_of_with_the_file(music: Collection) -> None:
    music.put("a/1.mp3")
    (music.folder / "a/.tonearmignore").write_text("song\n[bad\n")
    music.scan()
    [warned] = [event for event in music.events if isinstance(event, Warned)]
    assert warned.path == os.fsencode(music.folder / "a/.tonearmignore")
    assert warned.text.startswith("line 2: ")
