"""Puts what a child said into the words of the library, checked: a file may have taken control of it."""

import math
from collections.abc import Mapping
from typing import Any

from tonearm.errors import Failure
from tonearm.jobs.port import Result
from tonearm.worker.messages import Message
from tonearm.worker.slot import InHand

TRANSIENT_ATTEMPTS = 4
TAG_COLUMNS = (
    "title", "artist", "album", "album_artist", "track", "track_total", "disc", "disc_total", "year", "genre",
)  # fmt: skip
FACT_COLUMNS = (
    "codec", "container", "sample_rate_hz", "channels", "bit_depth", "bit_rate_bps", "declared_s",
)  # fmt: skip


def told_failure(message: Message) -> Failure:
    """A failure as the child told it."""
    attempts = TRANSIENT_ATTEMPTS if message.get("transient") else 1
    return Failure(
        str(message["failed"])[:60],
        str(message.get("reason", ""))[:2000],
        str(message.get("advice", ""))[:2000],
        attempts,
    )


def result_of(hand: InHand, message: Message, work_s: float) -> Result:
    """The result of a finished attempt, ready to be stored."""
    identity = hand.identity or {}
    facts, tags = identity["facts"], identity["tags"]
    report = message["report"]
    return Result(
        audio_hash=str(identity["hash"]),
        facts=_facts(facts),
        tags=_tags(tags),
        report={} if report is None else _report(report),
        findings={
            str(name): (int(found["version"]), finite(found["values"]), finite(found["series"]))
            for name, found in message["findings"].items()
        },
        size=hand.status.st_size,
        mtime_ns=hand.status.st_mtime_ns,
        inode=hand.status.st_ino if hand.status.st_ino < 1 << 63 else hand.status.st_ino - (1 << 64),
        work_s=work_s,
        timings={str(stage): float(seconds) for stage, seconds in message["timings"].items()},
    )


def _facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of the audio row; a duration that is only a guess is not a declaration."""
    row = {name: facts.get(name) for name in FACT_COLUMNS}
    return row if facts.get("declared_exact") else row | {"declared_s": None}


def _report(report: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "decoded_s": report["decoded_s"],
        "complete": report["complete"],
        "warnings": [str(warning) for warning in report["warnings"]],
    }


def _tags(tags: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tags.get(name) for name in TAG_COLUMNS} | {
        "art_count": tags.get("art_count") or 0,
        "art_bytes": tags.get("art_bytes") or 0,
        "art_mime": tags.get("art_mime"),
        "everything": tags.get("everything") or {},
        "warning": tags.get("warning"),
    }


def finite(value: Any) -> Any:
    """The value with everything in it that is not a finite number replaced by ``None``."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return value
