"""Reads depth and rates of the broker's queues from its management API."""

import base64
import email.utils
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from tonearm.addresses import FORMS, Address, parts_of, place_of, url_of
from tonearm.errors import ServiceRefused, ServiceUnavailable
from tonearm.jobs.broker_state import BrokerCondition
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.resilience.gate import Gate
from tonearm.resilience.unreachable import reason_of

ALARMS = {"memory": "mem_alarm", "disk space": "disk_free_alarm"}
"""What a node can run short of, and the field that tells so."""
SETTING = "rabbitmq_management_url"
NOT_IT = "the server at this address is not RabbitMQ's management API"


class ManagementUnavailable(ServiceUnavailable):
    """The management API does not answer."""


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Message counts and rates of a queue. Rates are messages a second, averaged by the broker."""

    name: str
    ready: int
    unacknowledged: int
    consumers: int
    published_per_s: float
    delivered_per_s: float
    acknowledged_per_s: float


class Management:
    """Reads the management API of RabbitMQ."""

    def __init__(
        self, address: Address, vhost: str, topology: Topology, gate: Gate, timeout_s: float
    ) -> None:
        """Opens no connection. Raises ConfigurationError for an invalid URL."""
        _base_and_credentials(url_of(address))
        self._address = address
        self._now = time.time()
        self._vhost = vhost
        self._topology = topology
        self._gate = gate
        self._timeout_s = timeout_s

    def figures(self) -> list[QueueFigures]:
        """Every queue of this library; the dead-letter queue is the last.

        Raises:
            ManagementUnavailable: no answer, or an error.
            ServiceRefused: it refused the credentials.
        """
        return [_figures(name, self._get(self._path_of(name))) for name, _ in self._sources()]

    def condition(self) -> BrokerCondition:
        """What is wrong with the broker and with the queues of this library. Raises as ``figures`` does."""
        nodes = self._list("nodes")
        alarms = [
            f"{kind} of {node['name']}" for node in nodes for kind, key in ALARMS.items() if node.get(key)
        ]
        policies, unbound = {}, []
        for queue, exchange in self._sources():
            reply = self._get(self._path_of(queue))
            if not reply:
                continue
            if definition := reply.get("effective_policy_definition"):
                names = [reply.get("policy"), reply.get("operator_policy")]
                policies[queue] = (", ".join(name for name in names if name), definition)
            if all(
                binding["source"] != exchange for binding in self._list(f"{self._path_of(queue)}/bindings")
            ):
                unbound.append(queue)
        return BrokerCondition(self._now, tuple(alarms), policies, tuple(unbound))

    def _sources(self) -> list[tuple[str, str]]:
        """Each queue, and the exchange that it receives from."""
        topology = self._topology
        jobs = [(queue.name, topology.exchange) for queue in topology.queues]
        return [*jobs, (topology.dead_queue.name, topology.dead_exchange)]

    def ping(self) -> None:
        """Ask it whose credentials these are. Raises as ``figures`` does."""
        self._get("whoami")

    def _path_of(self, queue: str) -> str:
        vhost, name = (urllib.parse.quote(part, safe="") for part in (self._vhost, queue))
        return f"queues/{vhost}/{name}"

    def _get(self, path: str) -> dict[str, Any]:
        """An object, empty where there is none."""
        found = self._ask(path)
        return found if isinstance(found, dict) else {}

    def _list(self, path: str) -> list[dict[str, Any]]:
        found = self._ask(path)
        return found if isinstance(found, list) else []

    def _ask(self, path: str) -> Any:
        url = url_of(self._address)
        base, credentials = _base_and_credentials(url)
        place = place_of(SETTING, url)
        self._gate.admit()
        began = time.monotonic()
        request = urllib.request.Request(  # noqa: S310  the address is the administrator's setting
            f"{base}/api/{path}", headers={"Authorization": f"Basic {credentials}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as answer:  # noqa: S310  the same request
                found = json.load(answer)
                self._now = _seconds(answer.headers["Date"])
        except urllib.error.HTTPError as error:
            self._gate.succeeded(time.monotonic() - began)
            if error.code == 404:
                return None
            if error.code in {401, 403}:
                raise ServiceRefused(
                    f"{place} refused the credentials of {SETTING}; check user and password"
                ) from error
            raise ManagementUnavailable(
                f"{place} answered with an error (HTTP status {error.code})"
            ) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = f"{place} does not answer: {reason_of(error) or NOT_IT}"
            self._gate.failed(time.monotonic() - began, reason)
            raise ManagementUnavailable(reason) from error
        self._gate.succeeded(time.monotonic() - began)
        return found


def _seconds(date: str | None) -> float:
    """The time of a header of HTTP, which is cut to the second."""
    try:
        return email.utils.parsedate_to_datetime(date or "").timestamp() + 0.5
    except ValueError:
        return time.time()


def _base_and_credentials(url: str) -> tuple[str, str]:
    """The address of the API without its user, and user and password as HTTP wants them. Raises ConfigurationError."""
    parts = parts_of(SETTING, url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    user = urllib.parse.unquote(parts.username or "guest")
    password = urllib.parse.unquote(parts.password or "guest")
    return (
        f"{parts.scheme}://{host}:{parts.port or FORMS[SETTING].ports[parts.scheme]}{parts.path.rstrip('/')}",
        base64.b64encode(f"{user}:{password}".encode()).decode(),
    )


def _figures(name: str, reply: dict[str, Any]) -> QueueFigures:
    rates = reply.get("message_stats", {})

    def rate(kind: str) -> float:
        return float(rates.get(f"{kind}_details", {}).get("rate", 0.0))

    return QueueFigures(
        name=name,
        ready=int(reply.get("messages_ready", 0)),
        unacknowledged=int(reply.get("messages_unacknowledged", 0)),
        consumers=int(reply.get("consumers", 0)),
        published_per_s=rate("publish"),
        delivered_per_s=rate("deliver_get"),
        acknowledged_per_s=rate("ack"),
    )
