"""A folder with files, the library that knows them, and everything that renames them."""

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.unit.library_fixture import Library, opened
from tonearm.bootstrap.library import results
from tonearm.events.event import Event
from tonearm.library.proposal import Proposal, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.library.rename_journal import RenameJournal
from tonearm.library.roots import Place, Roots
from tonearm.names import PathMap
from tonearm.naming.companions import Companions
from tonearm.naming.destination import Destination
from tonearm.naming.disk import Disk
from tonearm.naming.fields import types
from tonearm.naming.order import Move
from tonearm.naming.planner import Mode, Plan, Planner
from tonearm.naming.recovery import Recovered, recover
from tonearm.naming.renamer import Outcome, Renamer
from tonearm.naming.requests import approved, undoing
from tonearm.naming.rules import always
from tonearm.naming.template import parse
from tonearm.settings import EXTENSIONS
from tonearm.views.renamable import RenamableFiles

NO_PATHS = PathMap(())


class Collection:
    """Files below a folder; each holds its first name, so that it can be told from the others."""

    extensions: Sequence[str] = EXTENSIONS

    def __init__(self, library: Library, folder: Path, destination: Destination | None = None) -> None:
        """``destination``: what has tried the file system of the folder already."""
        self.library = library
        self.folder = folder
        self.root = library.root(bytes(folder))
        self.proposals = Proposals(library.database)
        self.journal = RenameJournal(library.database)
        self.destination = destination or Destination(self.journal, NO_PATHS)
        self.events: list[Event] = []
        self.stop_after = 10**9

    def put(self, path: str | bytes, **tags: str | int | None) -> bytes:
        """A music file on the disk and in the library."""
        name = os.fsencode(path)
        whole = self.write(name, b"music of " + name)
        status = os.stat(whole)
        found = {
            "root": self.root,
            "path": name,
            "size": status.st_size,
            "mtime": status.st_mtime_ns,
            "inode": status.st_ino,
        }
        self.library.change(
            "INSERT INTO files (root_id, path, size, mtime_ns, inode, extension, state, found_at, remarks)"
            " VALUES (:root, :path, :size, :mtime, :inode, 'flac', 'done', 1, '[]')",
            **found,
        )
        known = dict.fromkeys(("title", "artist", "album", "album_artist", "track", "disc", "year"))
        self.library.change(
            "INSERT INTO tags (file_id, art_count, art_bytes, everything, exact, read_at,"
            " title, artist, album, album_artist, track, disc, year)"
            " SELECT id, 0, 0, '{}', '{}', 1, :title, :artist, :album, :album_artist, :track, :disc, :year"
            " FROM files WHERE root_id = :root AND path = :path",
            **(known | tags | {"root": self.root, "path": name}),
        )
        return whole

    def write(self, path: str | bytes, contents: bytes) -> bytes:
        """A file on the disk that the library does not know."""
        whole = os.path.join(bytes(self.folder), os.fsencode(path))
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        Path(os.fsdecode(whole)).write_bytes(contents)
        return whole

    def on_disk(self) -> dict[bytes, bytes]:
        """The contents of every file by its path below the folder."""
        found = {}
        for above, _, names in os.walk(bytes(self.folder)):
            for name in names:
                path = os.path.join(above, name)
                found[os.path.relpath(path, bytes(self.folder))] = Path(os.fsdecode(path)).read_bytes()
        return found

    def folders(self) -> set[bytes]:
        """Every folder below the folder."""
        start = bytes(self.folder)
        return {os.path.relpath(above, start) for above, _, _ in os.walk(start)} - {b"."}

    def in_library(self) -> dict[bytes, bytes]:
        """The contents that each row's file had at first, by the path that the row has now."""
        rows = self.library.rows("SELECT id, path FROM files WHERE root_id = :root", root=self.root)
        return {bytes(row["path"]): self._contents[row["id"]] for row in rows}

    def remember(self) -> None:
        """Remember which row is about which contents; call it before anything is renamed."""
        disk = self.on_disk()
        rows = self.library.rows("SELECT id, path FROM files WHERE root_id = :root", root=self.root)
        self._contents = {row["id"]: disk[bytes(row["path"])] for row in rows}

    def place(self) -> Place:
        """The folder as a place in the library."""
        found = Roots(self.library.database).locate(bytes(self.folder), is_canonical=True)
        assert found is not None
        return found

    def plan(self, template: str, mode: Mode = Mode.AS_TEMPLATE, to: Place | None = None) -> Plan:
        """Plan names for all files."""
        parsed = parse(template, types())
        planner = Planner(
            RenamableFiles(self.library.database, results()),
            self.proposals,
            self.destination,
            Companions(self.extensions),
            NO_PATHS,
            lambda: False,
        )
        return planner.plan([self.place()], always(parsed), mode, to)

    def batch(self, number: int) -> dict[bytes, Proposal]:
        """The proposals of a batch by their present paths below the folder."""
        return {
            os.path.relpath(each.source, bytes(self.folder)): each
            for each in self.proposals.each(Selection(batch=number))
        }

    def approve(self, batch: int) -> None:
        """Approve all of a batch that can be."""
        self.proposals.decide(Selection(batch=batch), ProposalStatus.APPROVED)

    @contextmanager
    def _disk(self) -> Iterator[Disk]:
        roots = [place.root_path for place in Roots(self.library.database).every()]
        with closing(Disk(roots, self._stopping)) as disk:
            yield disk

    def _stopping(self) -> bool:
        self.stop_after -= 1
        return self.stop_after < 0

    def carry_out(self, moves: Sequence[Move], is_undo: bool = False) -> Outcome:
        """Rename files."""
        with self._disk() as disk:
            renamer = Renamer(
                self.journal, disk, NO_PATHS, self.events.append, self._stopping, self.extensions
            )
            return renamer.carry_out(moves, is_undo)

    def apply(self, batch: int | None = None) -> Outcome:
        """Apply what is approved."""
        return self.carry_out(approved(self.proposals, batch))

    def undo(self, batch: int) -> Outcome:
        """Undo a batch."""
        wanted = Selection(batch=batch, statuses=(ProposalStatus.APPLIED,))
        files = RenamableFiles(self.library.database, results())
        return self.carry_out(undoing(self.proposals, files, wanted), is_undo=True)

    def recover(self) -> Recovered:
        """Settle what was left open."""
        with self._disk() as disk:
            return recover(self.journal, disk, NO_PATHS, self.events.append)

    def statuses(self, batch: int) -> Mapping[str, int]:
        """Number of proposals of a batch by status."""
        return self.proposals.count(Selection(batch=batch))


@contextmanager
def in_memory(empty: bytes) -> Iterator[Library]:
    """A library whose database costs no disk, for tests that make many renames."""
    memory = Path("/dev/shm")  # noqa: S108  a folder of its own is made there
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
        opened(Path(folder), empty) as library,
    ):
        yield library
