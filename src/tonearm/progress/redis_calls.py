"""Calls of Redis, behind a gate and with an address that may change."""

import time
from collections.abc import Callable
from typing import TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tonearm.addresses import Address, not_an_address, parts_of, place_of, url_of
from tonearm.errors import ConfigurationError, ServiceRefused, ServiceUnavailable
from tonearm.resilience.gate import Gate
from tonearm.resilience.unreachable import LOST, reason_of

TIMEOUT_S = 1.0
"""Timeout of connecting and of each call: the live view must not delay anything else."""

Answer = TypeVar("Answer")
_NO_DATABASE = "DB index"
_RESPONSES = {
    _NO_DATABASE: "has no database of this number",
    "WRONGTYPE": "holds other data under the names of this library; set another TONEARM_NAMESPACE",
    "MISCONF": "accepts no data, because it can't save what it has; see its log",
    "unknown command": "lacks a command that this version needs, or is not Redis",
}
"""Parts of what it answers to a command, and what they mean."""
_OTHER_RESPONSE = "did not accept a command; see its log"


class RedisCalls:
    """Makes calls. Safe to use from several threads."""

    def __init__(self, address: Address, gate: Gate) -> None:
        """Nothing is connected yet. Raises ConfigurationError when the URL is not one."""
        self._address = address
        self._url = url_of(address)
        self._redis = _client(self._url)
        self._place = place_of("redis_url", self._url)
        self._gate = gate

    def close(self) -> None:
        """Close every connection."""
        self._redis.close()

    def _call(self, command: Callable[[redis.Redis], Answer]) -> Answer:
        """Make a call to Redis through the gate.

        Raises:
            ServiceRefused: Redis refused the credentials, or has no such database; or the file that holds its address
                holds something else.
            ServiceUnavailable: it does not answer, or answers with another error; or the file that holds its address
                can't be read.
        """
        self._gate.admit()
        began = time.monotonic()
        try:
            answer = command(self._redis)
        except (redis.RedisError, OSError) as error:
            failure = translated(self._place, error)
            self._gate.failed(time.monotonic() - began, str(failure))
            self._follow_address()
            raise failure from error
        self._gate.succeeded(time.monotonic() - began)
        return answer

    def _follow_address(self) -> None:
        """Use the address as it is now, if it has changed: the next call connects with it."""
        url = url_of(self._address)
        if url == self._url:
            return
        try:
            before, self._redis, self._url = self._redis, _client(url), url
        except ConfigurationError as error:
            raise ServiceRefused(str(error)) from error
        self._place = place_of("redis_url", url)
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
    parts = parts_of("redis_url", url)
    database = parts.path.strip("/")
    if parts.scheme != "unix" and database and not database.isdecimal():
        raise not_an_address("redis_url")
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # the caller tries again; the gate counts
            protocol=2,
            client_name="tonearm",
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # reads the options of the URL; it connects later
    except (ValueError, TypeError, AttributeError, LookupError, redis.RedisError):
        raise not_an_address("redis_url") from None
    return client


def translated(place: str, error: BaseException) -> ServiceUnavailable:
    """The exception of this program for one of the driver. place: the server and where it is."""
    sentence = f"{place} {_sentence_of(error)}"
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        return ServiceRefused(f"{sentence}; check user and password in redis_url")
    if isinstance(error, redis.ResponseError) and _NO_DATABASE in str(error):
        return ServiceRefused(f"{sentence}; check the number at the end of redis_url")
    return ServiceUnavailable(sentence)


def _sentence_of(error: BaseException) -> str:
    """The end of a sentence that begins with the server, for a person."""
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
            return "does not answer: no answer in time"
        case redis.ConnectionError() | OSError():
            return f"does not answer: {reason_of(error) or LOST}"
        case redis.InvalidResponse():
            return "does not answer: the server at this address is not Redis"
        case redis.ResponseError():
            return next((said for told, said in _RESPONSES.items() if told in str(error)), _OTHER_RESPONSE)
        case _:
            return "does not answer as it should"


def milliseconds(seconds: float) -> int:
    """Seconds as Redis takes them; at least one millisecond."""
    return max(1, round(seconds * 1000))
