"""A note as an AMQP message: a job id, its priority, its correlation id and its ``traceparent``; nothing else."""

import json
from typing import Any

import pika

from tonearm.jobs.courier import Note
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.settings import Level

PERSISTENT = 2


class NotANote(Exception):
    """A message that was not sent by this program."""


def traceparent(note: Note) -> str:
    """The trace context of a note (W3C Trace Context, level 1): its correlation id is the trace's id."""
    return f"00-{note.correlation_id}-{note.job:016x}-01"


def packed(note: Note, topology: Topology) -> tuple[bytes, pika.BasicProperties]:
    """Body and properties of a note's message."""
    return json.dumps({"job": note.job}).encode("ascii"), pika.BasicProperties(
        delivery_mode=PERSISTENT,
        priority=topology.priority(note.level),
        content_type="application/json",
        message_id=str(note.job),
        correlation_id=note.correlation_id,
        headers={"traceparent": traceparent(note), "level": note.level.label},
    )


def note_of(properties: Any, body: bytes) -> Note:
    """The note that a message holds. Raises NotANote."""
    try:
        job = json.loads(body)["job"]
        level = Level[properties.headers["level"].upper()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotANote(str(error)) from error
    if type(job) is not int or not 0 < job < 1 << 63:
        raise NotANote("it names no job")
    return Note(job, level, str(properties.correlation_id))
