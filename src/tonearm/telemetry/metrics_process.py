"""What a process and its host are like at the moment of a scrape: children, slots, breakers, connections, room."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from tonearm.events.event import Event
from tonearm.events.facts import ChildEnded, ChildStarted, JobFinished, JobRetrying, JobReturned, JobStarted
from tonearm.events.rests import WorkerResting, WorkerResumed
from tonearm.events.states import BreakerState
from tonearm.telemetry.label_values import service_label

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Children:
    """A subscriber that knows the living children and their jobs, and whether their worker rests."""

    def __init__(self) -> None:
        self.resting = False
        self._jobs: dict[int, int | None] = {}

    def __call__(self, event: Event) -> None:
        """Note what an event says of a child."""
        match event:
            case ChildStarted():
                self._jobs[event.pid] = None
            case ChildEnded():
                self._jobs.pop(event.pid, None)
            case JobStarted() if event.pid is not None:
                self._jobs[event.pid] = event.job.job
            case JobFinished() | JobRetrying() | JobReturned():
                for pid, job in self._jobs.items():
                    if job == event.job.job:
                        self._jobs[pid] = None
                        return
            case WorkerResting() | WorkerResumed():
                self.resting = isinstance(event, WorkerResting)

    @property
    def busy(self) -> int:
        """Number of children that have a file, or whose last result is not stored yet."""
        return sum(job is not None for job in self._jobs.copy().values())

    def largest_bytes(self) -> int:
        """The largest resident size among them; 0 without children."""
        return max(map(_resident_bytes, self._jobs.copy()), default=0)


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):  # it has just ended, or this system has no /proc
        return 0


@dataclass(slots=True)
class ProcessSources:
    """Where the figures of a process come from; each is asked at every scrape.

    slots: how many files can be analysed at the same time. places: folders by name, whose disks need room.
    breakers: the state of each breaker, by service. connections: connections to the database, by state.
    dropped: events that were not delivered, by subscriber. turns: when each loop last turned, in seconds since 1970.
    mounted: whether each root is mounted on this host, by its id.
    """

    slots: int
    children: Children = field(default_factory=Children)
    places: Mapping[str, str] = field(default_factory=dict)
    breakers: Callable[[], Mapping[str, str]] = dict
    connections: Callable[[], Mapping[str, int]] = dict
    dropped: Callable[[], Mapping[str, int]] = dict
    turns: Callable[[], Mapping[str, float]] = dict
    mounted: Callable[[], Mapping[str, bool]] = dict


class ProcessFigures:
    """A collector of the figures of one process. Asks no server and no network folder, so it does not wait."""

    def __init__(self, sources: ProcessSources) -> None:
        self.sources = sources

    def collect(self) -> Iterator[Metric]:
        """The metrics of one scrape."""
        sources = self.sources
        busy = sources.children.busy
        free = max(0, sources.slots - busy)
        idle, resting = (0, free) if sources.children.resting else (free, 0)
        yield _gauge(
            "child_memory_bytes",
            "Largest resident size among the living child processes.",
            [((), sources.children.largest_bytes())],
        )
        yield _gauge(
            "slots",
            "Files that this process can analyse at the same time: busy, idle and resting slots.",
            [(("busy",), busy), (("idle",), idle), (("resting",), resting)],
            "state",
        )
        yield _gauge(
            "breaker_state",
            "1 for the state of the circuit breaker before a server, 0 for the other states.",
            [
                ((service_label(service), state), int(state == current))
                for service, current in sources.breakers().items()
                for state in BreakerState
            ],
            "service",
            "state",
        )
        yield _gauge(
            "database_connections",
            "Connections of this process to the database: in use and idle.",
            [((state,), count) for state, count in sources.connections().items()],
            "state",
        )
        yield from self._host()
        dropped = CounterMetricFamily(
            "tonearm_events_dropped",
            "Events that a subscriber missed because it was too slow or could not deliver them.",
            labels=("subscriber",),
        )
        for subscriber, count in sources.dropped().items():
            dropped.add_metric((subscriber,), count)
        yield dropped

    def _host(self) -> Iterator[Metric]:
        """What concerns the host and the loops that must go on."""
        free = {name: _free_bytes(folder) for name, folder in self.sources.places.items()}
        yield _gauge(
            "disk_free_bytes",
            "Room on the disk of a folder, for this user.",
            [((name,), room) for name, room in free.items() if room is not None],
            "place",
        )
        yield _gauge(
            "root_mounted",
            "Whether a root of the library is mounted on this host: 1 or 0.",
            [((root,), int(mounted)) for root, mounted in self.sources.mounted().items()],
            "root_id",
        )
        yield _gauge(
            "loop_last_turn_timestamp_seconds",
            "When a loop of this process last began a turn.",
            [((loop,), at) for loop, at in self.sources.turns().items()],
            "loop",
        )


def _gauge(
    name: str, text: str, samples: Iterable[tuple[tuple[str, ...], float]], *labels: str
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tonearm_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _free_bytes(folder: str) -> int | None:
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
