"""What is needed to play the sound of a file: where it is, and how many samples it has."""

from dataclasses import dataclass

from sqlalchemy import select

from tonearm.errors import NotFound
from tonearm.library.database import Database
from tonearm.library.schema import audio_table, file_table, root_table
from tonearm.views.reading import reading


@dataclass(frozen=True, slots=True)
class Playable:
    """A file whose sound was decoded.

    root, path: as the library knows them. size, mtime_ns: when it was read last.
    rate_hz, samples: of the decoded sound. audio: its hash.
    """

    root: bytes
    path: bytes
    size: int
    mtime_ns: int
    rate_hz: int
    samples: int
    audio: str


def playable(database: Database, file: int) -> Playable:
    """What is needed to play a file, by its id. Raises NotFound where it is missing or was not decoded."""
    chosen = (
        select(
            root_table.c.path.label("root"),
            file_table.c.path,
            file_table.c.size,
            file_table.c.mtime_ns,
            file_table.c.missing_since,
            audio_table.c.sample_rate_hz,
            audio_table.c.decoded_s,
            audio_table.c.hash,
        )
        .join(root_table, root_table.c.id == file_table.c.root_id)
        .outerjoin(audio_table, audio_table.c.id == file_table.c.audio_id)
        .where(file_table.c.id == file, file_table.c.moved_to_id.is_(None))
    )
    with reading(database) as connection:
        row = connection.execute(chosen).one_or_none()
    if row is None:
        raise NotFound(f"track {file}: not in the library")
    if row.missing_since is not None:
        raise NotFound(f"track {file}: its file is missing")
    if row.decoded_s is None:
        raise NotFound(f"track {file}: not analysed yet")
    samples = round(row.decoded_s * row.sample_rate_hz)
    return Playable(row.root, row.path, row.size, row.mtime_ns, row.sample_rate_hz, samples, row.hash)
