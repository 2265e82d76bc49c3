"""Translates errors of the driver and the broker into sentences for people and into exceptions of this program."""

import re
from collections.abc import Iterator

from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout
from pika.exceptions import (
    AMQPHeartbeatTimeout,
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    ConnectionClosedByBroker,
    ConnectionClosedByClient,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    StreamLostError,
)

from tonearm.errors import ServiceUnavailable

NO_SUCH_QUEUE, OTHER_ARGUMENTS, ACCESS_REFUSED, NOT_ALLOWED = 404, 406, 403, 530
SHUT_DOWN = 320
REFUSED = "RabbitMQ refused the credentials or the virtual host of rabbitmq_url; check user, password and virtual host"


_LACKS = {"low on memory": "memory", "low on disk": "disk space"}
"""The reasons that the broker gives for an alarm, and what it lacks."""


class BrokerUnavailable(ServiceUnavailable):
    """The broker does not answer, or has not confirmed what was published."""


def accepts_nothing(reason: object) -> str:
    """A sentence about a broker that accepts no messages. ``reason``: what it has told of its alarm."""
    lacks = [what for told, what in _LACKS.items() if told in str(reason)]
    why = f"it has too little {' and '.join(lacks)}" if lacks else "an alarm is in effect"
    return f"RabbitMQ accepts no messages: {why}"


def sentence(error: BaseException) -> str:
    """Why a connection, a channel or a call ended, in a few words."""
    for cause in _causes(error):
        match cause:
            case ConnectionClosedByBroker() if cause.reply_code == SHUT_DOWN:
                return "the broker was shut down or closed the connection"
            case ConnectionClosedByBroker():
                return f"the broker closed the connection (code {cause.reply_code})"
            case ChannelClosedByBroker():
                return _channel_closed(cause)
            case ConnectionClosedByClient():
                return "the connection was closed"
            case ConnectionBlockedTimeout():
                return "it accepts no messages"
            case AMQPHeartbeatTimeout():
                return "its heartbeats stopped"
            case IncompatibleProtocolError():
                return "the server at this address is not RabbitMQ"
            case StreamLostError():
                return "the connection was lost"
            case OSError() if cause.strerror:
                return cause.strerror
            case TimeoutError() | AMQPConnectorStackTimeout():
                return "no answer in time"
            case _:
                continue
    return "the connection failed"


def refuses_login(error: BaseException) -> bool:
    """Whether the broker refused the user, the password or the virtual host.

    Depending on the stage of the connection, the broker reports this in different ways.
    """
    return any(
        isinstance(cause, ProbableAuthenticationError | ProbableAccessDeniedError)
        or (isinstance(cause, ConnectionClosedByBroker) and cause.reply_code in {ACCESS_REFUSED, NOT_ALLOWED})
        for cause in _causes(error)
    )


def queue_mismatch(error: BaseException) -> str | None:
    """What to do about a queue or exchange that exists with other arguments; ``None`` for any other error."""
    if not isinstance(error, ChannelClosedByBroker) or error.reply_code != OTHER_ARGUMENTS:
        return None
    found = re.search(r"inequivalent arg '([^']+)' for (\w+) '([^']+)'", str(error.reply_text))
    if found is None:  # such as a consumer that took too long
        return None
    argument, kind, name = found.groups()
    return (
        f"RabbitMQ has a {kind} {name} whose {argument} is not what this version needs. "
        "Delete it (nothing is lost: the database knows every job), or set another TONEARM_NAMESPACE"
    )


def _channel_closed(error: ChannelClosedByBroker) -> str:
    if error.reply_code == NO_SUCH_QUEUE:
        return "a queue or an exchange was deleted"
    if error.reply_code == OTHER_ARGUMENTS and "timed out" in str(error.reply_text):
        return "a message was not acknowledged in time"
    return f"the broker closed the channel (code {error.reply_code})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors that the driver has wrapped in it."""
    yield error
    inner = [
        *getattr(error, "exceptions", ()),
        getattr(error, "exception", None),
        error.__cause__,
        *error.args,
    ]
    for cause in inner:
        if isinstance(cause, BaseException):
            yield from _causes(cause)
