"""What a broker tells of itself, over its own protocol and over its management API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BrokerState:
    """What a broker tells of itself and of the exchanges and queues of one library.

    present, missing: exchanges and queues that it has and does not have, such as ``queue tonearm.jobs``.
    mismatches: a sentence for each that has other arguments. is_blocked: an alarm keeps it from accepting messages.
    """

    version: str
    present: tuple[str, ...]
    missing: tuple[str, ...]
    mismatches: tuple[str, ...]
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class BrokerCondition:
    """What the management API tells of the broker.

    now: its clock, seconds since 1970, to the second. alarms: what keeps it from accepting messages, such as memory.
    policies: by queue, the name and the definition of the policies that apply to it. unbound: queues that receive
    nothing from the exchange that they are for.
    """

    now: float
    alarms: tuple[str, ...]
    policies: Mapping[str, tuple[str, Mapping[str, Any]]]
    unbound: tuple[str, ...]
