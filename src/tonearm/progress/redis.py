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
from typing import Any, Self, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tonearm.addresses import Address, not_an_address, parts_of, url_of
from tonearm.errors import ServiceRefused, ServiceUnavailable
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
from tonearm.resilience.gate import Gate

TIMEOUT_S = 1.0
"""Timeout of connecting and of each call: the live view must not delay anything else."""
INDEX_S = 3600.0
"""How long the set of workers is kept after the last report."""
SILENCE_S = 5.0
"""How long a listener receives nothing before it checks the connection."""

Answer = TypeVar("Answer")


class RedisProgress:
    """Progress in Redis. Safe to use from several threads."""

    def __init__(self, address: Address, namespace: str, gate: Gate, valid_s: float = REPORT_VALID_S) -> None:
        """Nothing is connected yet. Raises ConfigurationError when the URL is not one."""
        self._address = address
        self._url = url_of(address)
        self._redis = _client(self._url)
        self._gate = gate
        self._valid_s = valid_s
        self._start = f"{namespace}:live:"

    def report(self, worker: str, files: Sequence[RunningFile]) -> None:
        name = _name(worker)

        def write(client: redis.Redis) -> None:
            with client.pipeline() as pipe:
                pipe.set(self._report_key(name), files_to_json(files), px=_ms(self._valid_s))
                pipe.sadd(self._key("workers"), name)
                pipe.pexpire(self._key("workers"), _ms(INDEX_S))
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
        name, key, time_ms = _name(worker), self._key("leader"), _ms(for_s)

        def take(client: redis.Redis) -> bool:
            with client.pipeline() as pipe:
                pipe.set(key, name, nx=True, px=time_ms)
                pipe.get(key)
                new, leader = pipe.execute()
            if not new and leader == name:
                client.pexpire(key, time_ms)
            return bool(leader == name)

        return self._call(take)

    def post(self, snapshot: Snapshot, for_s: float = SNAPSHOT_VALID_S) -> None:
        text = snapshot_to_json(snapshot)
        self._call(lambda client: client.set(self._key("snapshot"), text, px=_ms(for_s)))

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
        return _Subscription(self._redis, self._key("changes"), self._call)

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()

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

    def _call(self, command: Callable[[redis.Redis], Answer]) -> Answer:
        """Make a call to Redis through the gate.

        Raises:
            ServiceRefused: Redis refused the credentials.
            ServiceUnavailable: it does not answer, or answers with another error; or the file that holds its address
                can't be read.
        """
        self._gate.admit()
        began = time.monotonic()
        try:
            answer = command(self._redis)
        except (redis.RedisError, OSError) as error:
            reason = f"Redis {_sentence(error)}"
            self._gate.failed(time.monotonic() - began, reason)
            self._follow_address()
            if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
                raise ServiceRefused(f"{reason}; check user and password in redis_url") from error
            raise ServiceUnavailable(reason) from error
        self._gate.succeeded(time.monotonic() - began)
        return answer

    def _follow_address(self) -> None:
        """Use the address as it is now, if it has changed: the next call connects with it."""
        url = url_of(self._address)
        if url != self._url:
            before, self._redis, self._url = self._redis, _client(url), url
            before.close()

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
    ) -> None:
        self._client = client
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
                raise ServiceUnavailable(f"Redis {_sentence(error)}") from error
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


def _client(url: str) -> redis.Redis:
    """A client of the server at a URL; not connected yet. Raises ConfigurationError when the URL is not one."""
    parts_of("redis_url", url)
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # the caller tries again; the gate counts
            protocol=2,
            client_name="tonearm",
        )
    except (ValueError, TypeError):
        raise not_an_address("redis_url") from None


def _sentence(error: BaseException) -> str:
    """The end of a sentence that begins with ``Redis``, for a person."""
    match error:
        case redis.AuthenticationError():
            return "refused the credentials"
        case redis.exceptions.NoPermissionError():
            return "refused a command to this user"
        case redis.exceptions.BusyLoadingError():
            return "does not answer: it is loading its data"
        case redis.exceptions.ReadOnlyError():
            return "is a read-only replica"
        case redis.exceptions.OutOfMemoryError():
            return "is out of memory"
        case redis.TimeoutError() | TimeoutError():
            return "does not answer in time"
        case redis.ConnectionError() | OSError():
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, OSError) and cause.strerror:
                    return f"does not answer: {cause.strerror}"
                cause = cause.__cause__ or cause.__context__
            return "does not answer: the connection was lost"
        case redis.ResponseError():
            return "refused a command: it holds other data under these names, or is not Redis"
        case _:
            return "does not answer as it should"


def _name(worker: str) -> bytes:
    """A worker's name as part of a key; names may contain any bytes."""
    return to_document(os.fsencode(worker)).encode("ascii")


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))
