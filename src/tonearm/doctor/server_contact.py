"""What a call of a server tells about it: whether it answers, and how far its clock is from this one."""

from collections.abc import Iterator

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.telemetry.probes import Finding, Status

TOO_MANY = "too many connections"
"""What the message of a PostgreSQL says that has no connection left."""
SKEW_S = 2.0
"""Difference of two clocks from which there is a warning."""


def trouble(area: str, subject: str, finding: Finding) -> Iterator[Diagnosis]:
    """The diagnosis of a finding about a server; none where it passes."""
    if finding.status is Status.PASS:
        return
    detail, remedy, code = finding.output or "it does not answer", finding.advice or "start it", finding.code
    if area == "postgresql" and TOO_MANY in detail:
        code, remedy = "connections-exhausted", "raise max_connections, or run fewer worker processes"
    yield Diagnosis(f"{area}.{code}", subject, detail, remedy)


def clocks(subject: str, theirs: float, before: float, after: float) -> Iterator[Diagnosis]:
    """Compare a server's clock with this one; before, after: this clock around the call. Seconds since 1970."""
    differs_s = theirs - after if theirs > after else before - theirs if theirs < before else 0.0
    if differs_s < SKEW_S:
        return
    way = "ahead of" if theirs > after else "behind"
    yield Diagnosis(
        "clock.differs",
        subject,
        f"its clock is {differs_s:,.1f} s {way} the one of this host",
        "have both hosts set their clocks by NTP; jobs go by the database's clock, logs and ages by this one",
    )
