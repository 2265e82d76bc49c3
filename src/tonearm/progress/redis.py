"""The live view in Redis, where every host can see it.

All keys begin with ``{namespace}:live:`` and expire by themselves:

workers         set of the names of workers that may have a report
running:{name}  the running files that one worker reported
leader          name of the worker that posts snapshots
snapshot        the newest snapshot
changes         the channel of notices, which keeps nothing
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import redis

from tonearm.addresses import Address
from tonearm.names import to_document
from tonearm.progress.json_codec import (
    Unreadable,
    files_from_json,
    files_to_json,
    notice_from_json,
    notice_to_json,
    snapshot_from_json,
    snapshot_to_json,
)
from tonearm.progress.port import LEAD_S, REPORT_VALID_S, SNAPSHOT_VALID_S, Notice, RunningFile, Snapshot
from tonearm.progress.redis_calls import TIMEOUT_S, RedisCalls, milliseconds, translated
from tonearm.resilience.gate import Gate

INDEX_S = 3600.0
"""How long the set of workers is kept after the last report."""
SILENCE_S = 5.0
"""How long a listener receives nothing before it checks the connection."""


class RedisProgress(RedisCalls):
    """Progress in Redis. Safe to use from several threads."""

    def __init__(self, address: Address, namespace: str, gate: Gate, valid_s: float = REPORT_VALID_S) -> None:
        """Nothing is connected yet. Raises ConfigurationError when the URL is not one."""
        super().__init__(address, gate)
        self._valid_s = valid_s
        self._start = f"{namespace}:live:"

    def report(self, worker: str, files: Sequence[RunningFile]) -> None:
        name = _name(worker)

        def write(client: redis.Redis) -> None:
            with client.pipeline() as pipe:
                pipe.set(self._report_key(name), files_to_json(files), px=milliseconds(self._valid_s))
                pipe.sadd(self._key("workers"), name)
                pipe.pexpire(self._key("workers"), milliseconds(INDEX_S))
                pipe.execute()

        self._call(write)

    def leave(self, worker: str) -> None:
        name = _name(worker)

        def remove(client: redis.Redis) -> None:
            leads = client.get(self._key("leader")) == name
            with client.pipeline() as pipe:
                pipe.delete(self._report_key(name))
                pipe.srem(self._key("workers"), name)
                if leads:
                    pipe.delete(self._key("leader"))
                pipe.execute()

        self._call(remove)

    def running(self) -> tuple[RunningFile, ...]:
        files = []
        for text, left_ms in self._call(self._reports):
            try:
                files += files_from_json(text, max(0.0, self._valid_s - left_ms / 1000))
            except Unreadable:
                continue
        return tuple(sorted(files, key=lambda file: (file.worker, file.job)))

    def lead(self, worker: str, for_s: float = LEAD_S) -> bool:
        return self._take_lead(self._key("leader"), _name(worker), for_s)

    def post(self, snapshot: Snapshot, for_s: float = SNAPSHOT_VALID_S) -> None:
        text = snapshot_to_json(snapshot)
        self._call(lambda client: client.set(self._key("snapshot"), text, px=milliseconds(for_s)))

    def latest(self) -> Snapshot | None:
        text: Any = self._call(lambda client: client.get(self._key("snapshot")))
        try:
            return None if text is None else snapshot_from_json(text)
        except Unreadable:
            return None

    def server(self) -> tuple[Mapping[str, Any], float]:
        """What the server tells of itself, and its clock, in seconds since 1970."""

        def ask(client: redis.Redis) -> tuple[Mapping[str, Any], float]:
            information: Any = client.info()
            seconds, microseconds = client.time()
            return information, seconds + microseconds / 1e6

        return self._call(ask)

    def announce(self, worker: str, messages: Sequence[Mapping[str, Any]]) -> None:
        texts = [notice_to_json(worker, message) for message in messages]

        def publish(client: redis.Redis) -> None:
            with client.pipeline(transaction=False) as pipe:
                for text in texts:
                    pipe.publish(self._key("changes"), text)
                pipe.execute()

        if texts:
            self._call(publish)

    def changes(self) -> "_Subscription":
        return _Subscription(self._redis, self._key("changes"), self._call, self._place)

    def _reports(self, client: redis.Redis) -> list[tuple[bytes, int]]:
        """Each worker's report, and for how many milliseconds it is valid; removes expired ones from the index."""
        names: Any = client.smembers(self._key("workers"))
        keys = [self._report_key(name) for name in sorted(names)]
        if not keys:
            return []
        with client.pipeline() as pipe:
            for key in keys:
                pipe.get(key)
                pipe.pttl(key)
            answers = pipe.execute()
        said = list(zip(answers[::2], answers[1::2], strict=True))
        gone = [name for name, (text, _) in zip(sorted(names), said, strict=True) if text is None]
        if gone:
            self._clear(client, gone)
        return [(text, left_ms) for text, left_ms in said if text is not None]

    def _clear(self, client: redis.Redis, gone: list[bytes]) -> None:
        """Remove names from the index, unless one of them reports at this moment."""
        keys = [self._report_key(name) for name in gone]
        with client.pipeline() as pipe:
            try:
                pipe.watch(*keys)  # type: ignore[no-untyped-call]  # the library leaves it untyped
                if not pipe.exists(*keys):
                    pipe.multi()
                    pipe.srem(self._key("workers"), *gone)
                    pipe.execute()
            except redis.WatchError:
                return  # the next call removes them

    def _key(self, part: str) -> str:
        return self._start + part

    def _report_key(self, name: bytes) -> bytes:
        return f"{self._start}running:".encode() + name


class _Subscription:
    """Listens on the channel, on a connection of its own."""

    def __init__(
        self,
        client: redis.Redis,
        channel: str,
        call: Callable[[Callable[[redis.Redis], None]], None],
        place: str,
    ) -> None:
        self._client = client
        self._place = place
        self._channel = channel
        self._call = call
        self._pubsub: Any = None
        self._received_at = 0.0
        self._pinged_at: float | None = None
        self._call(self._subscribe)

    def next(self, timeout_s: float) -> Notice | None:
        until = time.monotonic() + timeout_s
        if self._pubsub is None:
            self._call(self._subscribe)
        while True:
            left = max(0.0, until - time.monotonic())
            try:
                said = self._listen(min(left, TIMEOUT_S))
            except (redis.RedisError, OSError) as error:
                self.close()
                raise translated(self._place, error) from error
            if said is not None and said["type"] == "message":
                try:
                    return notice_from_json(said["data"])
                except Unreadable:
                    continue
            if said is None and left <= 0:
                return None

    def close(self) -> None:
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _subscribe(self, client: redis.Redis) -> None:
        """Return once Redis has confirmed."""
        pubsub = client.pubsub()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        try:
            pubsub.subscribe(self._channel)
            if pubsub.get_message(timeout=TIMEOUT_S) is None:
                raise redis.TimeoutError("the subscription was not confirmed")
        except BaseException:
            pubsub.close()
            raise
        self._pubsub, self._received_at, self._pinged_at = pubsub, time.monotonic(), None

    def _listen(self, timeout_s: float) -> Any:
        said = self._pubsub.get_message(timeout=timeout_s)
        now = time.monotonic()
        if said is not None:
            self._received_at, self._pinged_at = now, None
        elif self._pinged_at is not None and now - self._pinged_at > 2 * TIMEOUT_S:
            raise redis.TimeoutError("the connection is dead")
        elif self._pinged_at is None and now - self._received_at > SILENCE_S:
            self._pubsub.ping()
            self._pinged_at = now
        return said


def _name(worker: str) -> bytes:
    """A worker's name as part of a key; names may contain any bytes."""
    return to_document(os.fsencode(worker)).encode("ascii")
