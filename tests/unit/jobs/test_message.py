"""A message keeps its trace, and a message with an invalid trace or none is processed."""

from types import SimpleNamespace

import pytest

from tonearm.jobs.outbox_relay import JobMessage
from tonearm.jobs.rabbitmq.message import encoded_message, parsed_message
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.jobs.trace_context import TraceContext
from tonearm.settings import Level

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_what_is_sent_is_read_with_its_trace() -> None:
    sent = JobMessage(7, Level.HIGH, TRACE, TraceContext(TRACE, f"{7:016x}", sampled=False))
    body, properties = encoded_message(sent, Topology("t"))
    assert parsed_message(properties, body) == sent


def test_what_is_sent_without_a_trace_has_no_header_of_one() -> None:
    sent = JobMessage(7, Level.HIGH, TRACE)
    body, properties = encoded_message(sent, Topology("t"))
    assert "traceparent" not in properties.headers
    assert parsed_message(properties, body) == sent


@pytest.mark.parametrize("header", [{}, {"traceparent": "00-0-0-00"}, {"traceparent": 7}], ids=str)
def test_a_message_without_a_valid_trace_is_a_message(header: dict[str, object]) -> None:
    properties = SimpleNamespace(headers={"level": "low", **header}, correlation_id=TRACE)
    assert parsed_message(properties, b'{"job": 7}') == JobMessage(7, Level.LOW, TRACE)
