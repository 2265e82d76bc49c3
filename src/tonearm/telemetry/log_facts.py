"""Logs facts: which logger each belongs to, and how severe it is."""

import dataclasses
import logging
from collections.abc import Callable, Mapping

from tonearm.events import batches, facts, messages, renames, rests, services, tags
from tonearm.events.bus import EventBus
from tonearm.events.event import Event
from tonearm.events.event_name import event_name
from tonearm.events.states import (
    BreakerState,
    BrokerState,
    ChildEnding,
    Severity,
    StorageState,
    WarningCode,
    WorkerState,
)
from tonearm.telemetry.log_handler import LogHandler
from tonearm.telemetry.log_levels import LogLevels
from tonearm.telemetry.trace_ids import CurrentIds, no_ids

Level = int | Callable[[Event], int]
_SEVERITIES = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.ERROR: logging.ERROR}


def _of_severity(fact: Event) -> int:
    assert isinstance(fact, facts.Warned | messages.ChildMessage)  # noqa: S101  as the table says
    return _SEVERITIES[fact.severity]


def _of_finished(fact: Event) -> int:
    return logging.WARNING if isinstance(fact, facts.JobFinished) and fact.code else logging.INFO


def _of_child(fact: Event) -> int:
    assert isinstance(fact, facts.ChildEnded)  # noqa: S101  as the table says
    return logging.WARNING if fact.code or fact.ending is ChildEnding.KEPT_MEMORY else logging.DEBUG


def _of_state(fact: Event) -> int:
    match getattr(fact, "state", None):
        case WorkerState.FAILED:
            return logging.ERROR
        case StorageState.WAITING | BrokerState.UNAVAILABLE:
            return logging.WARNING
        case _:
            return logging.INFO


def _of_breaker(fact: Event) -> int:
    """A trial is for those who look closer: it is made every few seconds while a server is away."""
    assert isinstance(fact, services.BreakerChanged)  # noqa: S101  as the table says
    if BreakerState.HALF_OPEN in {fact.before, fact.after} and fact.after != BreakerState.CLOSED:
        return logging.DEBUG
    return logging.WARNING if fact.after == BreakerState.OPEN else logging.INFO


RULES: Mapping[type[Event], tuple[str, Level]] = {
    facts.ScanStarted: ("scan", logging.INFO),
    facts.ScanProgress: ("scan", logging.DEBUG),
    facts.FileSkipped: ("scan", logging.INFO),
    facts.FileMoved: ("scan", logging.INFO),
    facts.ScanFinished: ("scan", logging.INFO),
    batches.JobsEnqueued: ("scan", logging.DEBUG),
    batches.MessagesPublished: ("jobs", logging.DEBUG),
    batches.GraphUpdated: ("graph", logging.DEBUG),
    facts.JobTaken: ("worker", logging.DEBUG),
    facts.JobStarted: ("worker", logging.DEBUG),
    facts.StageReached: ("worker", logging.DEBUG),
    facts.JobFinished: ("worker", _of_finished),
    facts.JobRetrying: ("worker", logging.WARNING),
    facts.JobReturned: ("worker", logging.INFO),
    facts.LeaseExpired: ("jobs", logging.WARNING),
    messages.ChildMessage: ("worker.child", _of_severity),
    facts.ChildReady: ("worker.child", logging.DEBUG),
    facts.ChildStarted: ("worker.child", logging.DEBUG),
    facts.ChildEnded: ("worker.child", _of_child),
    facts.RunStateChanged: ("session", logging.INFO),
    facts.WorkerStateChanged: ("worker", _of_state),
    rests.WorkerResting: ("worker", logging.INFO),
    rests.WorkerResumed: ("worker", logging.INFO),
    rests.WorkTimesKnown: ("worker", logging.DEBUG),
    facts.WorkersChanged: ("session", logging.DEBUG),
    facts.Warned: ("warnings", _of_severity),
    facts.RunStarted: ("session", logging.INFO),
    facts.WorkloadKnown: ("session", logging.INFO),
    facts.Summary: ("session", logging.INFO),
    services.StorageStateChanged: ("library", _of_state),
    services.BrokerStateChanged: ("jobs", _of_state),
    services.BreakerChanged: ("services", _of_breaker),
    services.ServiceCalled: ("services.calls", logging.DEBUG),
    messages.LogLevelsChanged: ("telemetry", logging.INFO),
    facts.Listening: ("telemetry", logging.INFO),
    renames.RenamingStarted: ("naming", logging.INFO),
    renames.FileRenamed: ("naming", logging.INFO),
    renames.RenameRefused: ("naming", logging.WARNING),
    renames.RenamingProgress: ("naming", logging.DEBUG),
    renames.RenamesRecovered: ("naming", logging.WARNING),
    renames.RenamingFinished: ("naming", logging.INFO),
    tags.TagsWritten: ("tagging", logging.INFO),
    tags.TagsRefused: ("tagging", logging.WARNING),
    tags.TaggingFinished: ("tagging", logging.INFO),
}
"""Logger below ``tonearm`` and level of each fact; a fact that is not here is logged at DEBUG."""


class FactLog:
    """A subscriber that logs what this process announces. What another worker did is in the log of that worker."""

    def __init__(self, handler: LogHandler, levels: LogLevels) -> None:
        """``levels``: changed when a person has asked for it."""
        self._handler = handler
        self._levels = levels
        self._current_ids: CurrentIds = no_ids
        self._loggers: dict[str, logging.Logger] = {}

    def join(self, bus: EventBus, current_ids: CurrentIds = no_ids) -> None:
        """Log the facts of a bus, and announce there when lines can't be written.

        current_ids: ids of traces, for the lines about jobs.
        """
        self._current_ids = current_ids

        def failed(text: str) -> None:
            bus(facts.Warned(WarningCode.LOG_UNWRITABLE, text, severity=Severity.ERROR))

        self._handler.failed = failed
        bus.subscribe(self, "the log", tells=True)

    def __call__(self, event: Event) -> None:
        """Log an event."""
        if isinstance(event, facts.Remote):
            return
        if isinstance(event, facts.RunStarted):
            self._handler.context = dataclasses.replace(
                self._handler.context, run=event.run, correlation_id=event.correlation_id
            )
        elif isinstance(event, messages.LogLevelsChanged):
            self._levels.override(event.levels)
        name, rule = RULES.get(type(event), ("events", logging.DEBUG))
        level = rule if isinstance(rule, int) else rule(event)
        logger = self._loggers.get(name) or self._loggers.setdefault(
            name, logging.getLogger(f"tonearm.{name}")
        )
        if logger.isEnabledFor(level):
            ids = self._current_ids(event.job) if isinstance(event, facts.JobEvent) else None
            extra = {"fact": event, "trace_ids": ids}
            name = event_name(event)
            logger.handle(logger.makeRecord(logger.name, level, "", 0, name, (), None, extra=extra))
