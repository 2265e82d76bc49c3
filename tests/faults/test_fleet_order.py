"""Jobs of thousands of files are taken in the right order, with the real commands."""

import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet import BASIC, Fleet
from tests.program import until
from tests.servers import FleetUrls
from tests.sizes import size

WAITING = size(1_000, 10_000)
FLOOD = size(30, 400)
READ_MB_S = 0.2
"""What a worker may read in a second: three of the tiny files, so that the urgent ones never come to an end."""
pytestmark = [pytest.mark.timeout(600)]


@pytest.fixture
def fleet(tmp_path: Path, namespace: str, fleet_urls: FleetUrls) -> Iterator[Fleet]:
    """A fleet on the servers that all tests share, which works slowly."""
    with Fleet(tmp_path, fleet_urls(BASIC), namespace, TONEARM_READ_MB_S=str(READ_MB_S)) as made:
        yield made


def tiny_files(folder: Path, count: int) -> Path:
    """A folder of very short WAV files."""
    folder.mkdir()
    first = folder / "000000.wav"
    with wave.open(str(first), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(range(200)) * 8)
    for number in range(1, count):
        shutil.copyfile(first, folder / f"{number:06}.wav")
    return folder


def started(fleet: Fleet, name: str) -> list[str]:
    """Paths in the order in which a worker took them."""
    return [event["path"] for event in fleet.events(name, "job_started")]


def test_high_priority_behind_thousands_of_low_ones_is_taken_next(fleet: Fleet, tmp_path: Path) -> None:
    low = tiny_files(tmp_path / "low", WAITING)
    high = tiny_files(tmp_path / "high", 3)
    run = fleet.enqueue(low, "--priority", "background")
    fleet.worker("w0")
    until(lambda: fleet.query("SELECT count(*) FROM jobs WHERE publish_due_at IS NOT NULL") == [(0,)], 120)
    fleet.until_event("w0", "job_finished")
    fleet.enqueue(high, "--priority", "high")
    until(lambda: sum("/high/" in path for path in started(fleet, "w0")) == 3)
    fleet.program.run("runs", "cancel", str(run))
    order = started(fleet, "w0")
    assert len(order) < WAITING / 2, "the low ones had not ended by themselves"
    first = next(index for index, path in enumerate(order) if "/high/" in path)
    assert all("/high/" in path for path in order[first : first + 3]), order[first : first + 5]
    between = fleet.query(
        "SELECT count(*) FROM jobs WHERE level = 4 "
        "AND started_at > (SELECT min(published_at) FROM jobs WHERE level = 1) "
        "AND started_at < (SELECT min(started_at) FROM jobs WHERE level = 1)"
    )
    assert between[0][0] <= 2, "at most what was in hand, and what was delivered already"


def test_low_priority_moves_in_spite_of_a_flood_of_high(fleet: Fleet, tmp_path: Path) -> None:
    fleet.program.environment |= {"TONEARM_AGEING_S": "2", "TONEARM_RECONCILE_S": "1"}
    low = tiny_files(tmp_path / "low", 5)
    flood = tiny_files(tmp_path / "flood", FLOOD)
    fleet.enqueue(flood, "--priority", "high")
    low_run = fleet.enqueue(low, "--priority", "low")
    fleet.worker("w0")
    fleet.until_event("w0", "job_finished")
    rounds = 0
    while not any("/low/" in path for path in started(fleet, "w0")):
        fleet.enqueue(flood, "--priority", "high", "--fresh")  # the flood never ends
        waiting = fleet.query("SELECT count(*) FROM jobs WHERE level = 1 AND state = 'queued'")
        assert waiting[0][0] > 0, "there was always high work to do"
        rounds += 1
        assert rounds < 100, "its wait is bounded"
    assert rounds > 0, "high work came first"
    fleet.program.environment.pop("TONEARM_READ_MB_S")
    fleet.worker("fast")
    fleet.finished(low_run)
