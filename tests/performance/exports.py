"""Exports and duplicates of a large library: ``python -m tests.performance exports [--tracks N] [--only NAME ...]``.

The library is made inside SQLite. One track of ten has beats, one of fifty has the sound of another. Each format is
written once of a tenth of the tracks and once of all, to show whether memory grows. *MB* is the largest size of the
command. What an earlier call has recorded of other formats stays.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from sqlalchemy import text

from tests.performance.large_library import fill
from tests.performance.million import call
from tests.performance.results import record, recorded
from tests.program import Program
from tonearm.bootstrap.library import feature_tables
from tonearm.library.database import open_sqlite

FORMATS = ("csv", "jsonl", "m3u8", "rekordbox", "traktor")
DUPLICATES = "duplicates"
BEATS = 400
WITH_BEATS = text("UPDATE analyses SET series = :series WHERE analyser = 'tempo' AND audio_id % 10 = 0")
SHARED = text("UPDATE files SET audio_id = id - 1 WHERE id % 50 = 0")
PART = 10


def made(folder: Path, tracks: int) -> None:
    """Make the library, unless it is there."""
    database = open_sqlite(folder)
    if fill(database, feature_tables(), tracks):
        beats = json.dumps({"beats": [round(0.5 * number + 0.123456, 6) for number in range(BEATS)]})
        with database.write() as connection:
            connection.execute(WITH_BEATS, {"series": beats})
            connection.execute(SHARED)
    database.close()


def calls(name: str, folder: Path, tracks: int) -> dict[str, tuple[str | Path, ...]]:
    """The commands for one of ``FORMATS`` or for duplicates, and what each is called in the report."""
    if name == DUPLICATES:
        return {f"`duplicates` of {tracks:,} tracks": (DUPLICATES, "--json")}
    to = ("export", name, "--to", folder / f"exported.{name}", "--overwrite", "--limit")
    return {f"`export {name}`, {part:,} tracks": (*to, str(part)) for part in (tracks // PART, tracks)}


def main() -> int:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="Keep the library here, or use the one that is there.")
    parser.add_argument("--only", nargs="+", choices=(*FORMATS, DUPLICATES), default=[*FORMATS, DUPLICATES])
    options = parser.parse_args()
    os.environ["TONEARM_CONFIG"] = os.devnull
    given = "" if options.tracks == parser.get_default("tracks") else f" --tracks {options.tracks}"
    command = f"python -m tests.performance exports{given}"
    rows = {
        name: row
        for each in recorded("exports")
        if each.command == command
        for name, row in each.figures.items()
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        made(folder, options.tracks)
        with Program(folder) as program:
            call(program, "tracks", "--limit", "1")  # makes what is searched
            for name in options.only:
                for what, arguments in calls(name, Path(temporary), options.tracks).items():
                    row = call(program, *arguments)
                    rows[what] = {column: float(f"{row[column]:.3g}") for column in ("CPU s", "MB")}
                    print(what, rows[what], flush=True)
                    record("exports", command, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
