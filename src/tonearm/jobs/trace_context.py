"""The ``traceparent`` of a message, after W3C Trace Context (https://www.w3.org/TR/trace-context/, section 3.2)."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from tonearm.events.job_trace import JobTrace

Sampler = Callable[[str, bool | None], bool]
"""Decides whether a trace is recorded, from its id and from what was decided before, if anything.

A process that records no traces has no sampler.
"""

_PARTS = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII | re.DOTALL)
_SAMPLED = 0x01
LONGEST = 512
"""Maximum length in characters; a longer header is invalid."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Which trace a message belongs to, and which span sent it.

    trace_id: 32 hexadecimal digits, not all zero. parent_id: 16 hexadecimal digits, not all zero.
    sampled: the trace is recorded.
    """

    trace_id: str
    parent_id: str
    sampled: bool = True

    def __str__(self) -> str:
        """The header's value, in version 00."""
        return f"00-{self.trace_id}-{self.parent_id}-{int(self.sampled):02x}"


def parsed(header: object) -> TraceContext | None:
    """The context in a header's value; ``None`` when there is none or it is not valid.

    A later version than 00 may have more parts at its end, which are left out.
    """
    if not isinstance(header, str) or len(header) > LONGEST:
        return None
    found = _PARTS.fullmatch(header)
    if found is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more is not None):
        return None
    if not trace_id.strip("0") or not parent_id.strip("0"):
        return None
    return TraceContext(trace_id, parent_id, bool(int(flags, 16) & _SAMPLED))


def sent_context(trace: JobTrace, sampler: Sampler | None) -> TraceContext | None:
    """The context that is sent with a message of a job.

    Its parent is a new span, which the sender records. A sender without a sampler passes on what was decided when the
    job was queued, and nothing if nothing was decided.
    """
    if sampler is not None:
        sampled = sampler(trace.trace_id, trace.sampled)
        return TraceContext(trace.trace_id, secrets.token_hex(8), sampled)
    if trace.sampled is not None:
        return TraceContext(trace.trace_id, trace.enqueue_id, trace.sampled)
    return None
