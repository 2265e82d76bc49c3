"""The AMQP message of a job: its id, priority, correlation id and, if there is one, ``traceparent``."""

import json
from typing import Any

import pika

from tonearm.jobs.outbox_relay import JobMessage
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.jobs.trace_context import parsed
from tonearm.settings import Level

PERSISTENT = 2


class InvalidMessage(Exception):
    """A message that was not sent by this program."""


def encoded_message(message: JobMessage, topology: Topology) -> tuple[bytes, pika.BasicProperties]:
    """Body and properties of a message."""
    headers = {"level": message.level.label}
    if message.context is not None:
        headers["traceparent"] = str(message.context)
    return json.dumps({"job": message.job}).encode("ascii"), pika.BasicProperties(
        delivery_mode=PERSISTENT,
        priority=topology.priority(message.level),
        content_type="application/json",
        message_id=str(message.job),
        correlation_id=message.correlation_id,
        headers=headers,
    )


def parsed_message(properties: Any, body: bytes) -> JobMessage:
    """Parse a message. Raises InvalidMessage. A missing or invalid ``traceparent`` is ignored."""
    try:
        job = json.loads(body)["job"]
        level = Level[properties.headers["level"].upper()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidMessage(str(error)) from error
    if type(job) is not int or not 0 < job < 1 << 63:
        raise InvalidMessage("it names no job")
    context = parsed(properties.headers.get("traceparent"))
    return JobMessage(job, level, str(properties.correlation_id), context)
