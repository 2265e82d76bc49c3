"""The trace of a run: the call as a whole, and the scan of each folder. Its id is the correlation id of the run."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from tonearm.events.event import Event
from tonearm.events.facts import RunStarted, ScanFinished, ScanStarted, Summary
from tonearm.jobs.trace_context import Sampler, TraceContext
from tonearm.names import printable
from tonearm.telemetry.traces_spans import SpanRecord, Value

Put = Callable[[int, Iterable[SpanRecord]], None]
FOUND = ("discovered", "new", "changed", "moved", "unchanged", "missing", "skipped")
ENDED = ("discovered", "done", "partial", "skipped", "failed", "pending")
CUT_OFF = "it ended before its end"


@dataclass(slots=True)
class _Open:
    """A span that has begun."""

    name: str
    began_s: float
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    attributes: dict[str, Value] = field(default_factory=dict)


class RunTrace:
    """Follows the one run of this process, if it has one; a worker that serves all runs has none."""

    def __init__(self, sampler: Sampler, put: Put, clock: Callable[[], float] = time.monotonic) -> None:
        """``put``: called with a number of spans and the spans. ``clock``: seconds by which durations are measured."""
        self._clock = clock
        self._sampler = sampler
        self._put = put
        self._trace_id = ""
        self._run: _Open | None = None
        self._scan: _Open | None = None

    @property
    def scan(self) -> TraceContext | None:
        """The scan that runs now, to which the traces of the files that it finds are linked."""
        return TraceContext(self._trace_id, self._scan.span_id) if self._scan else None

    def __call__(self, event: Event, now_ns: int) -> None:
        """Note a fact."""
        match event:
            case RunStarted(run=run, correlation_id=correlation_id):
                self._trace_id = correlation_id
                if self._sampler(self._trace_id, None):
                    self._run = _Open("run", self._clock(), attributes={"tonearm.run": run})
            case ScanStarted(root=root) if self._run is not None:
                self._end_scan(now_ns, CUT_OFF)
                self._scan = _Open("scan", self._clock(), attributes={"tonearm.root": printable(root)})
            case ScanFinished() if self._scan is not None:
                self._scan.attributes |= _counts(event, FOUND)
                self._end_scan(now_ns, None)
            case Summary() if self._run is not None:
                self._run.attributes |= _counts(event, ENDED)
                self._end_run(now_ns, "interrupted" if event.interrupted else None)

    def close(self, now_ns: int) -> None:
        """End what has no end of its own, because the process ends."""
        self._end_run(now_ns, CUT_OFF)

    def _end_scan(self, now_ns: int, error: str | None) -> None:
        if self._scan is not None and self._run is not None:
            self._end(self._scan, self._run.span_id, now_ns, error)
        self._scan = None

    def _end_run(self, now_ns: int, error: str | None) -> None:
        self._end_scan(now_ns, CUT_OFF)
        if self._run is not None:
            self._end(self._run, None, now_ns, error)
        self._run = None

    def _end(self, span: _Open, parent_id: str | None, now_ns: int, error: str | None) -> None:
        record = SpanRecord(
            span.name,
            self._trace_id,
            span.span_id,
            parent_id,
            now_ns - int((self._clock() - span.began_s) * 1e9),
            now_ns,
            attributes=span.attributes,
            error=error,
        )
        self._put(1, (record,))


def _counts(event: Event, names: Sequence[str]) -> dict[str, Value]:
    return {f"tonearm.{name}": getattr(event, name) for name in names}
