"""Real files with results in a library, and everything that writes their tags."""

import io
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import Any

import mutagen
from sqlalchemy import delete, insert, update

from tests.material import good
from tests.unit.library_fixture import Library
from tests.unit.naming.collection import NO_PATHS
from tonearm.analysis.built_in import LOUDNESS
from tonearm.analysis.catalog import versions
from tonearm.analysis.open_audio import examine
from tonearm.analysis.tags import read_tags
from tonearm.bootstrap.library import results
from tonearm.errors import FileFault
from tonearm.events.event import Event
from tonearm.library.proposal import Proposal, ProposalKind, ProposalStatus, Selection
from tonearm.library.proposals import Proposals
from tonearm.library.rename_journal import RenameJournal
from tonearm.library.roots import Roots
from tonearm.library.schema import analysis_table, audio_table, file_table, tags_table
from tonearm.naming.destination import Destination
from tonearm.naming.disk import Disk
from tonearm.naming.recovery import Recovered, recover
from tonearm.tagging.albums import AlbumGains
from tonearm.tagging.fields import USUAL, Spelling
from tonearm.tagging.path_pattern import PathPattern
from tonearm.tagging.planner import Plan, TagPlanner, Wanted
from tonearm.tagging.tagger import Tagger, TagOutcome
from tonearm.views.albums import AlbumSounds
from tonearm.views.renamable import RenamableFiles
from tonearm.worker.child_replies import IdentifiedFile

RESULTS: Mapping[str, Mapping[str, Any]] = {
    "tempo": {"bpm": 127.96, "bpm_confidence": 0.95},
    "key": {"key": "C# minor", "camelot": "12A", "open_key": "5m", "key_confidence": 0.6},
    "loudness": {
        "loudness_lufs": -10.5,
        "replaygain_track_gain_db": -7.5,
        "replaygain_track_peak": 0.988553,
    },
    "character": {"energy": 0.72},
}


class TagCollection:
    """Files below a folder, each with the same results."""

    def __init__(self, library: Library, folder: Path) -> None:
        self.library = library
        self.folder = folder
        self.root = library.root(bytes(folder))
        self.journal = RenameJournal(library.database)
        self.proposals = Proposals(library.database)
        self.events: list[Event] = []
        self.stopping = False

    def put(self, name: str, data: bytes | None = None) -> Path:
        """A file, by default a good one of the format that its name begins with."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(good(name.partition(".")[0]) if data is None else data)
        status = path.stat()
        number = len(self.library.rows("SELECT id FROM files")) + 1
        with self.library.database.write() as connection:
            connection.execute(
                insert(audio_table).values(
                    {
                        "id": number,
                        "hash": f"{number:032x}",
                        "decoded_s": 4.0,
                        "intact": True,
                        "codec": "flac",
                    }
                    | {"sample_rate_hz": 44_100, "channels": 2, "warnings": [], "first_seen_at": 1.0}
                )
            )
            connection.execute(
                insert(file_table).values(
                    {"id": number, "root_id": self.root, "path": os.fsencode(name), "extension": "flac"}
                    | {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}
                    | {"state": "done", "audio_id": number, "found_at": 1.0, "remarks": []}
                )
            )
            connection.execute(
                insert(analysis_table),
                [
                    {"audio_id": number, "analyser": analyser, "version": versions()[analyser]}
                    | {"scalars": dict(scalars), "series": {}, "made_at": 1.0}
                    for analyser, scalars in RESULTS.items()
                ],
            )
        return path

    def put_on_album(self, name: str, lowest_lufs: float, counts: Sequence[int], **tags: Any) -> Path:
        """A file of an album, with blocks of these levels; no measured ones without ``counts``."""
        path = self.put(name, good(Path(name).suffix.removeprefix(".")))
        blocks = {"lowest_lufs": lowest_lufs, "counts": list(counts)}
        number = len(self.library.rows("SELECT id FROM files"))
        is_loudness = (analysis_table.c.audio_id == number) & (analysis_table.c.analyser == LOUDNESS.name)
        with self.library.database.write() as connection:
            row = {"file_id": number, "album": "Album", "art_count": 0, "art_bytes": 0, "read_at": 1.0}
            connection.execute(insert(tags_table).values(row | {"everything": {}, "exact": {}} | tags))
            if counts:
                connection.execute(
                    update(analysis_table).where(is_loudness).values(series={"loudness_blocks": blocks})
                )
            else:
                connection.execute(delete(analysis_table).where(is_loudness))
        return path

    def plan(
        self,
        *fields: str,
        spelling: Spelling | None = None,
        below: str = "",
        texts: Mapping[str, str] | None = None,
        pattern: str = "",
        only_missing: bool = False,
    ) -> Plan:
        """Plan what is written into all files, or those at or below a path in the folder."""
        planner = TagPlanner(
            RenamableFiles(self.library.database, results()),
            self.proposals,
            Destination(self.journal, NO_PATHS),
            NO_PATHS,
            spelling or Spelling(),
            AlbumGains(AlbumSounds(self.library.database, LOUDNESS.name, LOUDNESS.version)),
            lambda: False,
        )
        place = Roots(self.library.database).locate(bytes(self.folder / below), is_canonical=True)
        assert place is not None
        usual = () if texts or pattern else USUAL
        read = PathPattern(pattern) if pattern else None
        return planner.plan([place], Wanted(fields or usual, texts or {}, read, only_missing))

    def batch(self, number: int) -> list[Proposal]:
        """The proposals of a batch."""
        return list(self.proposals.each(Selection(batch=number, kind=ProposalKind.TAGS)))

    def approve(self) -> None:
        """Approve all that can be."""
        self.proposals.decide(Selection(kind=ProposalKind.TAGS), ProposalStatus.APPROVED)

    def carry_out(
        self, status: ProposalStatus, is_undo: bool, keep_times: bool = False, batch: int | None = None
    ) -> TagOutcome:
        """Write what has a state, or take it back; of one batch, or of all."""
        wanted = Selection(statuses=(status,), batch=batch, kind=ProposalKind.TAGS)
        found = list(self.proposals.each(wanted))
        files = RenamableFiles(self.library.database, results())
        with self._disk() as disk:
            tagger = Tagger(
                self.journal,
                disk,
                NO_PATHS,
                self.events.append,
                lambda: self.stopping,
                self.identify,
                keep_times,
            )
            now_at = files.paths([each.file for each in found if each.file is not None])
            return tagger.carry_out(found, now_at, is_undo)

    @staticmethod
    def identify(file: FileIO) -> IdentifiedFile | None:
        """What a child would say of a file."""
        try:
            sound, facts, identity = examine(file)
        except FileFault:
            return None
        return IdentifiedFile(identity.hash, sound, facts, read_tags(file))

    def apply(self, keep_times: bool = False) -> TagOutcome:
        """Write what is approved."""
        self.approve()
        return self.carry_out(ProposalStatus.APPROVED, is_undo=False, keep_times=keep_times)

    def undo(self, batch: int | None = None) -> TagOutcome:
        """Take back what was written, by one batch or by all."""
        return self.carry_out(ProposalStatus.APPLIED, is_undo=True, batch=batch)

    def recover(self) -> Recovered:
        """Settle what was left open."""
        with self._disk() as disk:
            return recover(self.journal, disk, NO_PATHS, self.events.append)

    def statuses(self) -> Mapping[str, int]:
        """Number of proposals by status."""
        return self.proposals.count(Selection(kind=ProposalKind.TAGS))

    def _disk(self) -> closing[Disk]:
        return closing(Disk([bytes(self.folder)], lambda: self.stopping))


def tags_of(path: Path) -> Any:
    """The tags of a file, as mutagen reads them."""
    return mutagen.File(io.BytesIO(path.read_bytes())).tags
