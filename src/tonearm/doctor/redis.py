"""What is wrong with a Redis server for the live view."""

from collections.abc import Iterator, Mapping
from typing import Any

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.doctor.versions import REDIS, judged

NAME = "Redis"
NEARLY_FULL = 0.9
"""Share of maxmemory from which writing is about to be refused."""


def server(info: Mapping[str, Any], latency_ms: float) -> Iterator[Diagnosis]:
    """Its version, its memory and whether it can be written. ``info``: the answer of INFO."""
    version = str(info.get("redis_version", "0"))
    yield Diagnosis("redis.server", NAME, f"{version}, answers in {latency_ms:.1f} ms")
    yield from judged(REDIS, version)
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if info.get("maxmemory_policy") == "noeviction" and most and used >= NEARLY_FULL * most:
        yield Diagnosis(
            "redis.memory",
            NAME,
            f"{used / 1e6:,.0f} of {most / 1e6:,.0f} MB (maxmemory) are used, and it refuses writing when they "
            "are full (maxmemory-policy noeviction)",
            "raise maxmemory, or set maxmemory-policy to volatile-lru: every key of the live view expires by itself",
        )
    if info.get("role") == "slave":
        yield Diagnosis(
            "redis.read-only",
            NAME,
            "it is a replica, which is read-only",
            "name its master in TONEARM_REDIS_URL",
        )
    elif info.get("rdb_last_bgsave_status") == "err":
        yield Diagnosis(
            "redis.read-only",
            NAME,
            "its last snapshot could not be written, and so it refuses writing (stop-writes-on-bgsave-error)",
            "look at its log and at the room on its disk, or turn snapshots off: the live view needs none",
        )
