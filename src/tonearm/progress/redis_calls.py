"""Calls of Redis, behind a gate and with an address that may change."""

import time
from collections.abc import Callable
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tonearm.addresses import Address, not_an_address, parts_of, url_of
from tonearm.errors import ServiceRefused, ServiceUnavailable
from tonearm.resilience.gate import Gate

TIMEOUT_S = 1.0
"""Timeout of connecting and of each call: the live view must not delay anything else."""

Answer = TypeVar("Answer")


class RedisCalls:
    """Makes calls. Safe to use from several threads."""

    def __init__(self, address: Address, gate: Gate) -> None:
        """Nothing is connected yet. Raises ConfigurationError when the URL is not one."""
        self._address = address
        self._url = url_of(address)
        self._redis = _client(self._url)
        self._gate = gate

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()

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
            reason = f"Redis {sentence_of(error)}"
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

    def _take_lead(self, key: str, name: bytes, for_s: float) -> bool:
        """Lead for so many seconds, unless somebody else does; whether this one leads now."""
        time_ms = milliseconds(for_s)

        def take(client: redis.Redis) -> bool:
            with client.pipeline() as pipe:
                pipe.set(key, name, nx=True, px=time_ms)
                pipe.get(key)
                new, leader = pipe.execute()
            if not new and leader == name:
                client.pexpire(key, time_ms)
            return bool(leader == name)

        return self._call(take)


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


def sentence_of(error: BaseException) -> str:
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


def milliseconds(seconds: float) -> int:
    """Seconds as Redis takes them; at least one millisecond."""
    return max(1, round(seconds * 1000))
