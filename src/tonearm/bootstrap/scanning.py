"""Composes what scans folders, for a call of `tonearm analyze` and for a process that keeps a library up to date."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tonearm.analysis.catalog import versions
from tonearm.bootstrap.worker import WorkerParts
from tonearm.events.event import Event
from tonearm.events.facts import ScanProgress
from tonearm.jobs.intake import Intake
from tonearm.jobs.stale_files import StaleFiles
from tonearm.library.files import Files
from tonearm.resilience.storage_retry import StorageRetry
from tonearm.scan.patterns import Patterns
from tonearm.scan.reader import FolderReader, exist
from tonearm.scan.scanner import Scanner
from tonearm.scan.stale import StaleScan
from tonearm.settings import Settings


@dataclass(frozen=True, slots=True)
class Scanning:
    """What scans. scanner: makes a scanner of the files that some patterns take."""

    scanner: Callable[[Patterns], Scanner]
    stale_scan: StaleScan
    storage_retry: StorageRetry


def patterns_of(settings: Settings) -> Patterns:
    """The files that the settings take."""
    return Patterns(
        settings.include,
        settings.excluded,
        settings.extensions,
        settings.ignore_files,
        settings.follow_links,
    )


def patterns_from(asked: Mapping[str, Any]) -> Patterns:
    """The files that another process has asked for, from what ``asked_of`` made of its settings."""
    return Patterns(**asked)


def asked_of(settings: Settings) -> Mapping[str, Any]:
    """What another process has to know to scan the same files."""
    return {
        "include": list(settings.include),
        "exclude": list(settings.excluded),
        "extensions": list(settings.extensions),
        "ignore_files": settings.ignore_files,
        "follow_links": settings.follow_links,
    }


def scanning(parts: WorkerParts, stopping: Callable[[], bool]) -> Scanning:
    """What scans for a process that takes jobs, which is woken when there are any. ``stopping``: ends a scan."""
    library, settings, bus = parts.library, parts.library.settings, parts.bus

    def wake(event: Event) -> None:
        if isinstance(event, ScanProgress):  # there may be jobs to take
            parts.stop.wake()

    bus.subscribe(wake, "the waking of the supervisor")
    storage_retry = StorageRetry(bus, stopping, settings.storage_wait_s)
    present = versions()
    intake = Intake(library.database, present, settings.rules, settings.ageing_s, parts.tracing.sampler)
    stale = StaleFiles(library.database, present)

    def scanner(patterns: Patterns) -> Scanner:
        return Scanner(
            Files(library.database),
            intake,
            library.roots,
            library.runs,
            patterns,
            bus,
            stopping,
            storage_retry,
            FolderReader(stopping).walk,
            exist,
        )

    stale_scan = StaleScan(stale, intake, library.runs, bus, stopping, storage_retry)
    return Scanning(scanner, stale_scan, storage_retry)
