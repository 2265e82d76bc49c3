"""What the guides say about machines for collections, from what was recorded."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.performance.cell import Cell
from tests.performance.results import FOLDER, recorded
from tests.performance.tables import number, table, told
from tests.performance.throughput import MIXED, MIXED_SIZE

SHARES = {"MP3": 0.7, "FLAC 16/44": 0.2, "AAC": 0.1}
"""Formats of a usual collection, by number of files."""
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
MACHINES = {
    "small: 2 cores": (1, 2),
    "medium: 8 cores": (1, 8),
    "large: 32 cores": (1, 32),
    "4 hosts of 8 cores": (4, 8),
}
"""Hosts, and cores of each."""
NOTHING = "Nothing is recorded."


class Speeds:
    """Recorded speeds."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.rows = {
            Cell(*(row[name] for name in Cell.__dataclass_fields__)): row
            for each in recorded("throughput", folder)
            for row in each.figures.values()
        }
        found = [figure for each in recorded("sizing", folder) for figure in each.figures.items()]
        self.sizes = {name: float(value) for name, value in found if not isinstance(value, dict)}
        self.paces = {name: value for name, value in found if isinstance(value, dict)}

    def one(self, size: str) -> float:
        """Files of a usual collection an hour, with one worker."""
        return 1 / sum(
            share / float(self.rows[Cell(size, name)]["files/h"]) for name, share in SHARES.items()
        )

    def gained(self, servers: bool) -> float:
        """By how much two workers are faster than one with SQLite."""
        base = float(self.rows[Cell(MIXED_SIZE, MIXED)]["files/h"])
        return float(self.rows[Cell(MIXED_SIZE, MIXED, 2, servers)]["files/h"]) / base

    def expected(self, size: str, hosts: int, cores: int) -> float:
        """Files an hour: each core adds as much as the second one did."""
        one, gained = self.one(size), self.gained(hosts > 1)
        return one * gained / 2 * cores * hosts

    def memory_mb(self, workers: int, servers: bool) -> float:
        """The largest resident sizes of all processes together."""
        row = self.rows[Cell(MIXED_SIZE, MIXED, 2, servers)]
        return float(row["MB"] + workers * row["MB a child"])

    def file_mb(self) -> float:
        """The mean size of a file of a usual collection."""
        return sum(share * self.sizes[f"MB a file, {name}"] for name, share in SHARES.items())


def promised(servers: bool, folder: Path = FOLDER) -> Mapping[str, float]:
    """What the guide says of files of 30 seconds with two workers."""
    row = Speeds(folder).paces[f"pace, 2 worker(s), {Cell('', '', servers=servers).mode}"]
    return {"files/h": row["files/h"], "MB": row["MB"] + 2 * row["MB a child"]}


def first_runs(start: str, folder: Path) -> str:  # noqa: ARG001  a view is called with it
    """What was measured of a collection, beside what the guide says of it."""
    parts = []
    for each in recorded("first_run", folder):
        rows = [(name, *row.values(), *compared(name, row, folder)) for name, row in each.figures.items()]
        heads = ("mode", *next(iter(each.figures.values())), "files/h by the guide", "measured ÷ guide")
        parts.append(f"{table(heads, rows)}\n\n{told(each)}")
    return "\n\n".join(parts) or NOTHING


def compared(mode: str, row: Mapping[str, float], folder: Path = FOLDER) -> tuple[float, float]:
    """Files an hour as the guide says, and those that were measured by them."""
    said = promised(mode != "embedded", folder)["files/h"]
    return said, round(row["files/h"] / said, 2)


def machines(start: str, folder: Path) -> str:  # noqa: ARG001  a view is called with it
    """The first run, by the number of files and the machine."""
    speeds = Speeds(folder)
    if "KB of the database a file, SQLite" not in speeds.sizes:
        return NOTHING
    heads = ("files", "machine", "first run", "MB", "music", "database", "reading")
    return table(heads, _machines(speeds))


def _machines(speeds: Speeds) -> Iterator[tuple[object, ...]]:
    for files in SIZES:
        for name, (hosts, cores) in MACHINES.items():
            if hosts > 1 and files < 10_000:
                continue
            speed = speeds.expected(MIXED_SIZE, hosts, cores)
            stored = speeds.sizes[f"KB of the database a file, {'PostgreSQL' if hosts > 1 else 'SQLite'}"]
            yield (
                *(f"{files:,}", name, shown_time(files / speed)),
                shown_mb(speeds.memory_mb(cores, hosts > 1)) + " each" * (hosts > 1),
                *(shown_mb(files * speeds.file_mb()), shown_mb(files * stored / 1e3)),
                f"{speed / 3600 * speeds.file_mb():.0f} MB/s",
            )


def reading(start: str, folder: Path) -> str:  # noqa: ARG001  a view is called with it
    """What each core reads, by format."""
    speeds = Speeds(folder)
    lines = []
    for name in (cell.format for cell in speeds.rows if cell == Cell(MIXED_SIZE, cell.format)):
        size = speeds.sizes.get(f"MB a file, {name}")
        if size:
            rate = speeds.rows[Cell(MIXED_SIZE, name)]["files/h"]
            lines.append((name, size, rate, round(rate / 3600 * size, 1), round(100 / size * 3600)))
    if not lines:
        return NOTHING
    heads = ("format", "MB a file", "files/h a core", "MB/s a core", "files/h at 100 MB/s, at the most")
    return table(heads, lines)


def shown_time(hours: float) -> str:
    """Hours as a person says them, with two digits."""
    units = {"days": 24.0, "hours": 1.0, "minutes": 1 / 60}
    unit = next((unit for unit, size in units.items() if hours >= 2 * size), "minutes")
    value = hours / units[unit]
    return f"{number(float(f'{value:.2g}'))} {unit}" if value > 1 else "a minute"


def shown_mb(megabytes: float) -> str:
    """Megabytes in a unit that leaves few digits."""
    units = {"TB": 1e6, "GB": 1e3, "MB": 1.0}
    unit = next((unit for unit, size in units.items() if megabytes >= size), "MB")
    return f"{number(float(f'{megabytes / units[unit]:.2g}'))} {unit}"
