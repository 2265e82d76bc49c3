"""Translates errors of the driver and the broker into sentences for people and into exceptions of this program."""

import re

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
from tonearm.resilience.unreachable import CLOSED, LOST, causes_of, reason_of

NO_SUCH_QUEUE, OTHER_ARGUMENTS, ACCESS_REFUSED, NOT_ALLOWED = 404, 406, 403, 530
SHUT_DOWN = 320

_LACKS = {"low on memory": "memory", "low on disk": "disk space"}
"""The reasons that the broker gives for an alarm, and what it lacks."""


class BrokerUnavailable(ServiceUnavailable):
    """The broker does not answer, or has not confirmed what was published."""


def does_not_answer(place: str, reason: str) -> str:
    """A sentence about a broker that can't be used. ``reason``: why, in a few words."""
    return f"{place} does not answer: {reason}"


def refused(place: str) -> str:
    """A sentence about a broker that has refused the login."""
    return (
        f"{place} refused the credentials or the virtual host of rabbitmq_url; "
        "check user, password and virtual host"
    )


def accepts_nothing(place: str, reason: object) -> str:
    """A sentence about a broker that accepts no messages. ``reason``: what it has told of its alarm."""
    lacks = [what for told, what in _LACKS.items() if told in str(reason)]
    why = f"it has too little {' and '.join(lacks)}" if lacks else "an alarm is in effect"
    return f"{place} accepts no messages: {why}"


def sentence(error: BaseException) -> str:
    """Why a connection, a channel or a call ended, in a few words."""
    for cause in causes_of(error):
        match cause:
            case ConnectionClosedByBroker() if cause.reply_code == SHUT_DOWN:
                return "the broker was shut down or closed the connection"
            case ConnectionClosedByBroker():
                return f"the broker closed the connection (code {cause.reply_code})"
            case ChannelClosedByBroker():
                return _channel_closed(cause)
            case ConnectionClosedByClient():
                return CLOSED
            case ConnectionBlockedTimeout():
                return "it accepts no messages"
            case AMQPHeartbeatTimeout():
                return "its heartbeats stopped"
            case IncompatibleProtocolError():
                return "the server at this address is not RabbitMQ"
            case StreamLostError():
                return reason_of(cause) or LOST
            case AMQPConnectorStackTimeout():
                return "no answer in time"
            case _:
                continue
    return reason_of(error) or "the connection failed"


def refuses_login(error: BaseException) -> bool:
    """Whether the broker refused the user, the password or the virtual host.

    Depending on the stage of the connection, the broker reports this in different ways.
    """
    return any(
        isinstance(cause, ProbableAuthenticationError | ProbableAccessDeniedError)
        or (isinstance(cause, ConnectionClosedByBroker) and cause.reply_code in {ACCESS_REFUSED, NOT_ALLOWED})
        for cause in causes_of(error)
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
