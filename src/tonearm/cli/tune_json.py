"""What ``tonearm tune`` has measured and proposes, as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from tonearm.tuning.advice import bottleneck, gains, shares_of_work
from tonearm.tuning.measured import Measured
from tonearm.tuning.proposals import Proposal, best_workers


def tune_rows(measured: Measured, source: str, found: Sequence[Proposal]) -> Iterator[dict[str, Any]]:
    """What was measured and proposed, as JSON; ``about`` says what a row is about."""
    yield {
        "about": "machine",
        "cores": measured.cores,
        "memory_mb": measured.machine.memory_mb,
        "elapsed_s": measured.elapsed_s,
        "files": measured.files,
        "source": source,
        "mean_mb": measured.mean_size / 1e6,
        "others_share": measured.others_share(),
        "child_mb": measured.child.own_mb,
        "failures": len(measured.failures),
    }
    if measured.reading is not None:
        yield {
            "about": "reading",
            "one_mb_s": measured.reading.one_mb_s,
            "several_mb_s": measured.reading.several_mb_s,
            "readers": measured.reading.readers,
            "cold": measured.reading.cold,
        }
    for cold in (True, False):
        for workers, speed in measured.speeds(cold).items():
            yield {
                "about": "speed",
                "workers": workers,
                "cold": cold,
                "files_per_hour": speed.median,
                "spread": speed.spread,
                "repeats": list(speed.repeats),
                "processor_share": measured.processor_share(workers) if cold else None,
            }
    for each in measured.servers:
        yield {
            "about": "server",
            "server": each.server,
            "call": each.what,
            "middle_ms": None if each.reason else each.middle_ms,
            "least_ms": None if each.reason else each.least_ms,
            "most_ms": None if each.reason else each.most_ms,
            "reason": each.reason,
        }
    best, held_up = best_workers(measured), bottleneck(measured)
    if best is not None and held_up is not None:
        shares = {str(part): share for part, share in shares_of_work(measured, best).items()}
        yield {
            "about": "bottleneck",
            "limit": str(held_up.limit),
            "workers": best,
            "reason": held_up.reason,
            "shares": shares,
        }
    for gain in gains(measured):
        yield {
            "about": "hardware",
            "hardware": gain.hardware,
            "gain": gain.share,
            "measured": gain.measured,
            "reason": gain.reason,
        }
    for proposal in found:
        yield {
            "about": "proposal",
            "setting": proposal.setting,
            "now": proposal.now,
            "proposed": proposal.proposed,
            "reason": proposal.reason,
            "expected": proposal.expected,
            "spread": proposal.spread,
        }
