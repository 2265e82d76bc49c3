"""What is wrong with a RabbitMQ broker, and with the queues of this library on it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tonearm.doctor.diagnosis import Diagnosis
from tonearm.doctor.versions import RABBITMQ, judged
from tonearm.jobs.broker_state import BrokerCondition, BrokerState
from tonearm.settings import Settings

NAME, API = "RabbitMQ", "management API"
LONG_FILE_S = 3600.0
"""Length of a file that must be analysed before the broker asks for its message."""
LOSSES = ("message-ttl", "max-length", "max-length-bytes", "expires")
"""Keys of policies by which a broker drops messages or queues."""
DECLARED = "a worker declares what is missing when it connects"


def broker(found: BrokerState, latency_ms: float) -> Iterator[Diagnosis]:
    """Its version, and whether the exchanges and queues are there with the right arguments."""
    yield Diagnosis("rabbitmq.server", NAME, f"{found.version}, answers in {latency_ms:.1f} ms")
    yield from judged(RABBITMQ, found.version)
    for mismatch in found.mismatches:
        sentence, _, remedy = mismatch.partition(". ")
        yield Diagnosis("rabbitmq.arguments", "queues", sentence, remedy or "delete it")
    if not found.present:
        yield Diagnosis("rabbitmq.queues", "queues", f"not declared yet: {DECLARED}")
    elif found.missing:
        yield Diagnosis(
            "rabbitmq.queue-missing",
            "queues",
            f"missing: {', '.join(found.missing)}",
            f"{DECLARED}: restart a worker, and find out who deletes it",
        )
    elif not found.mismatches:
        yield Diagnosis("rabbitmq.queues", "queues", "all declared, as this version needs them")


def condition(found: BrokerCondition, latency_ms: float, settings: Settings) -> Iterator[Diagnosis]:
    """Its alarms, policies and bindings, as the management API tells them."""
    yield Diagnosis("rabbitmq-management.server", API, f"answers in {latency_ms:.1f} ms")
    for queue in found.unbound:
        yield Diagnosis(
            "rabbitmq.unbound",
            queue,
            "it is not bound to its exchange, so that no message reaches it",
            f"{DECLARED}: restart a worker",
        )
    jobs = f"{settings.namespace}.jobs"
    for queue, (name, definition) in found.policies.items():
        if queue == jobs or queue.startswith(f"{jobs}."):
            yield from _policy(queue, name, definition, settings)


def alarms(short: Sequence[str], is_blocked: bool) -> Iterator[Diagnosis]:
    """Alarms, by which the broker accepts no messages. ``short``: what there is too little of, where that is known."""
    if not short and not is_blocked:
        return
    what = f"too little {', '.join(short)}" if short else "too little memory or disk space"
    yield Diagnosis(
        "rabbitmq.alarm",
        NAME,
        f"an alarm is in effect: {what}; it accepts no messages",
        "give it more memory or disk space, or raise its vm_memory_high_watermark; jobs wait in the database meanwhile",
    )


def _policy(queue: str, name: str, definition: Mapping[str, Any], settings: Settings) -> Iterator[Diagnosis]:
    losses = [key for key in LOSSES if key in definition]
    if losses:
        yield Diagnosis(
            "rabbitmq.policy",
            queue,
            f"the policy {name} sets {', '.join(losses)}, by which it drops messages; "
            "their jobs wait until the loss is noticed",
            "exclude this queue from the policy",
        )
    timeout_ms = definition.get("consumer-timeout")
    long_s = settings.deadline_base_s + LONG_FILE_S / settings.deadline_speed
    if isinstance(timeout_ms, int | float) and timeout_ms < long_s * 1000:
        yield Diagnosis(
            "rabbitmq.consumer-timeout",
            queue,
            f"the policy {name} takes a message back after {timeout_ms / 1000:g} s, and the analysis of an hour of "
            f"audio may take {long_s:g} s: such jobs are begun again and again",
            f"set consumer-timeout to {long_s * 2000:.0f} or more, or leave it out",
        )


def unseen() -> Diagnosis:
    """The management API is not in the settings."""
    return Diagnosis(
        "rabbitmq.unseen",
        API,
        "the kind of an alarm, policies and bindings are not seen without rabbitmq_management_url",
    )
