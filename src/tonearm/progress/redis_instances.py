"""What the instances of the HTTP service share, in Redis.

All keys begin with ``{namespace}:web:``:

events        the stream, capped
leader        name of the instance that appends
kept:{name}   what was counted; it expires
"""

import re
from collections.abc import Sequence
from typing import Any

import redis

from tonearm.addresses import Address
from tonearm.progress.redis_calls import RedisCalls, milliseconds
from tonearm.progress.service_instances import LEAD_S, SharedEvent
from tonearm.resilience.gate import Gate

KEPT = 300
"""Number of events that the stream holds; Redis may keep some more."""
STREAM_S = 3600.0
"""For how long the stream is kept after its last event."""
ID = re.compile(r"\d{1,20}-\d{1,20}")
FIELD = b"data"


class RedisShared(RedisCalls):
    """The stream and the kept values."""

    def __init__(self, address: Address, namespace: str, gate: Gate) -> None:
        """Nothing is connected yet. Raises ConfigurationError when the URL is not one."""
        super().__init__(address, gate)
        self._start = f"{namespace}:web:"

    def lead(self, instance: str, for_s: float = LEAD_S) -> bool:
        return self._take_lead(self._start + "leader", instance.encode(), for_s)

    def append(self, data: str) -> SharedEvent:
        key = self._start + "events"

        def add(client: redis.Redis) -> str:
            with client.pipeline() as pipe:
                pipe.xadd(key, {FIELD: data.encode()}, maxlen=KEPT, approximate=True)
                pipe.pexpire(key, milliseconds(STREAM_S))
                made, _ = pipe.execute()
            return str(made.decode())

        return SharedEvent(self._call(add), data)

    def after(self, last_id: str) -> Sequence[SharedEvent] | None:
        if not ID.fullmatch(last_id):
            return None
        key = self._start + "events"
        found: Any = self._call(lambda client: client.xrange(key, last_id, "+"))
        events = [_event(*each) for each in found]
        return events[1:] if events and events[0].id == last_id else None

    def newest(self) -> SharedEvent | None:
        key = self._start + "events"
        found: Any = self._call(lambda client: client.xrevrange(key, count=1))
        return _event(*found[0]) if found else None

    def get(self, name: str) -> bytes | None:
        found: Any = self._call(lambda client: client.get(f"{self._start}kept:{name}"))
        return None if found is None else bytes(found)

    def put(self, name: str, value: bytes, for_s: float) -> None:
        self._call(lambda client: client.set(f"{self._start}kept:{name}", value, px=milliseconds(for_s)))


def _event(id: bytes, fields: dict[bytes, bytes]) -> SharedEvent:  # noqa: A002  Redis' name
    return SharedEvent(id.decode(), fields.get(FIELD, b"").decode("utf-8", "replace"))
