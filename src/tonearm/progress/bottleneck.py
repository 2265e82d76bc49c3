"""What holds a run up, from the stages of its files and the states of what it depends on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tonearm.events.states import BrokerState, Obstacle, RunState, StorageState

READING = frozenset({"start", "identify", "tags"})
"""Stages that read a file: its first reading is that of the identity."""
DECODING = frozenset({"decode"})
STORING = frozenset({"lookup"})
"""Stages that wait for the database."""
RECENT_FILES = 50.0
"""Number of files after which an earlier one has lost two thirds of its weight."""
MOMENT_S = 2.0
WORK = (Obstacle.READING, Obstacle.DECODING, Obstacle.ANALYSING, Obstacle.STORING)


class SlotTime:
    """Where the time of the slots went lately: seconds by part of the work."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(WORK, 0.0)

    def add(self, timings: Mapping[str, float], store_s: float) -> None:
        """Add a file. ``timings``: seconds by stage; ``store_s``: how long its result then waited until it was
        stored.
        """
        keep = 1 - 1 / RECENT_FILES
        self._seconds = {part: seconds * keep for part, seconds in self._seconds.items()}
        for stage, seconds in timings.items():
            self._seconds[part_of(stage)] += seconds
        self._seconds[Obstacle.STORING] += store_s

    def most(self, reading_s: float = 0.0, idle_share: float = 0.0) -> tuple[Obstacle, float] | None:
        """The part that took most of the time, and its share; ``None`` while nothing is known.

        reading_s: for how long the running files have been read, those that are not decoded yet.
        idle_share: share of the slots that had no file although files waited.
        """
        seconds = dict(self._seconds)
        seconds[Obstacle.READING] += reading_s
        busy_s = sum(seconds.values())
        if busy_s <= 0:
            return None
        seconds[Obstacle.STORING] += busy_s * idle_share / max(1 - idle_share, 0.05)
        part = max(seconds, key=lambda one: seconds[one])
        return part, seconds[part] / sum(seconds.values())


def part_of(stage: str) -> Obstacle:
    """The part of the work to which a stage belongs."""
    if stage in READING:
        return Obstacle.READING
    if stage in STORING:
        return Obstacle.STORING
    return Obstacle.DECODING if stage in DECODING else Obstacle.ANALYSING


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a run depends on, at one moment.

    slots: of all workers; ``None`` where that is not known. running: number of its files that children have.
    waiting: number of its files that wait to be taken. retrying: number that wait for their next attempt.
    resting: whether all workers rest.
    """

    run: RunState
    storage: StorageState = StorageState.AVAILABLE
    broker: BrokerState = BrokerState.READY
    slots: int | None = None
    running: int = 0
    waiting: int = 0
    retrying: int = 0
    scanning: bool = False
    resting: bool = False


def stopped_by(now: Conditions) -> Obstacle | None:
    """What keeps a run from working, the most serious first; ``None`` while it works or has ended."""
    if now.storage is not StorageState.AVAILABLE:
        return Obstacle.SERVER
    if now.run is RunState.PAUSED:
        return Obstacle.PAUSED
    if now.slots == 0:
        return Obstacle.NO_WORKER
    if now.running:
        return None
    if now.resting:
        return Obstacle.RESTING
    if now.waiting:
        return Obstacle.SERVER if now.broker is BrokerState.UNAVAILABLE else None
    if now.scanning:
        return Obstacle.SCANNING
    return Obstacle.RETRIES if now.retrying else None


def reading_s(files: Iterable[tuple[str, float]]) -> float:
    """How long the running files have been read, given by their stage and the seconds since they began.

    Files that began a moment ago are left out, as each is read at first.
    """
    return sum(seconds for stage, seconds in files if stage in READING and seconds > MOMENT_S)
