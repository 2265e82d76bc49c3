"""Looks at a broker without a change: its version, and whether the queues are as this version needs them."""

import contextlib
from collections.abc import Mapping
from typing import Any

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    UnroutableError,
)

from tonearm.addresses import place_of
from tonearm.errors import ServiceRefused
from tonearm.jobs.broker_state import BrokerState
from tonearm.jobs.rabbitmq.broker_errors import (
    ACCESS_REFUSED,
    BrokerUnavailable,
    does_not_answer,
    queue_mismatch,
    refused,
    refuses_login,
    sentence,
)
from tonearm.jobs.rabbitmq.connection import parameters_of
from tonearm.jobs.rabbitmq.topology import Topology

NOBODY = "nobody"
"""A routing key that no queue is bound with."""
BLOCKED_S = 0.5
"""Seconds to wait for a broker that has said that it accepts no messages."""


def inspect_broker(url: str, topology: Topology, timeout_s: float) -> BrokerState:
    """Connect and ask.

    Raises:
        ConfigurationError: ``url`` is not the address of a broker.
        ServiceRefused: it refused the user, the password or the virtual host.
        BrokerUnavailable: it does not answer in time.
    """
    parameters = parameters_of(url, timeout_s, "tonearm doctor")
    place = place_of("rabbitmq_url", url)
    parameters.blocked_connection_timeout = BLOCKED_S
    try:
        connection = pika.BlockingConnection(parameters)
    except (AMQPError, AMQPConnectorException, OSError) as error:
        if refuses_login(error):
            raise ServiceRefused(refused(place)) from error
        raise BrokerUnavailable(does_not_answer(place, sentence(error))) from error
    try:
        return _inspected(connection, topology)
    except AMQPError as error:
        raise BrokerUnavailable(does_not_answer(place, sentence(error))) from error
    finally:
        if connection.is_open:
            connection.close()


def _inspected(connection: Any, topology: Topology) -> BrokerState:
    missing: list[str] = []
    present: list[str] = []
    mismatches: list[str] = []
    for exchange in (topology.exchange, topology.dead_exchange):
        there = _refusal(connection, "exchange_declare", exchange, passive=True) is None
        (present if there else missing).append(f"exchange {exchange}")
    for queue in (topology.dead_queue, *topology.queues):
        if _refusal(connection, "queue_declare", queue.name, passive=True) is not None:
            missing.append(f"queue {queue.name}")
            continue
        present.append(f"queue {queue.name}")
        # to declare a queue that exists compares the arguments, and changes nothing
        wrong = _refusal(
            connection, "queue_declare", queue.name, durable=True, arguments=dict(queue.arguments)
        )
        if wrong is not None:
            mismatches.append(queue_mismatch(wrong) or sentence(wrong))
    told: Mapping[str, Any] = connection._impl.server_properties or {}  # nothing public has them
    is_blocked = f"exchange {topology.exchange}" in present and _is_blocked(connection, topology.exchange)
    version = str(told.get("version", ""))
    return BrokerState(version, tuple(present), tuple(missing), tuple(mismatches), is_blocked)


def _is_blocked(connection: Any, exchange: str) -> bool:
    """Whether the broker accepts no messages: after it was sent one, it hears no more.

    This one is for no queue.
    """
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        with contextlib.suppress(
            UnroutableError, ChannelClosedByBroker
        ):  # the user may not be allowed to publish
            channel.basic_publish(exchange, NOBODY, b"", mandatory=True)
        connection.channel()
    except ConnectionBlockedTimeout:
        return True
    return False


def _refusal(connection: Any, call: str, name: str, **arguments: Any) -> ChannelClosedByBroker | None:
    """Why the broker closed the channel of a call; ``None`` where it did not. Raises ServiceRefused."""
    channel = connection.channel()
    try:
        getattr(channel, call)(name, **arguments)
    except ChannelClosedByBroker as error:
        if error.reply_code == ACCESS_REFUSED:
            raise ServiceRefused(
                f"RabbitMQ does not permit the user of rabbitmq_url to use {name}; "
                "grant it configure, write and read on names that begin with the namespace"
            ) from error
        return error
    channel.close()
    return None
