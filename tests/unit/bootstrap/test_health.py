"""A process is not ready while a server that its own work needs does not answer."""

import json
from collections.abc import Callable

import pytest

from tests.program import until
from tests.variables import unset_variables
from tonearm.bootstrap import health as health_module
from tonearm.bootstrap.background import running
from tonearm.bootstrap.health import Health, broker_probe, probing_servers
from tonearm.bootstrap.servers import Servers
from tonearm.settings import load_settings
from tonearm.telemetry.http import Request


@pytest.mark.parametrize(("analyses", "expected"), [(False, (200, "warn")), (True, (503, "fail"))])
def test_only_a_process_that_analyses_requires_rabbitmq(
    monkeypatch: pytest.MonkeyPatch, analyses: bool, expected: tuple[int, str]
) -> None:
    def calls(*_: object) -> dict[str, Callable[[], object]]:
        return {"postgresql": lambda: None}

    unset_variables(monkeypatch)
    monkeypatch.setattr(health_module, "server_calls", calls)
    settings = load_settings(
        {"database_url": "postgresql://127.0.0.1:1/library", "rabbitmq_url": "amqp://127.0.0.1:1"}
    )
    health, servers = Health(is_shown=True, analyses=analyses), Servers(settings, lambda _: None)
    ready = health.routes()["/ready"]
    with (
        probing_servers(health, settings, servers, lambda _: None),
        running(broker_probe(health, servers), lambda _: None, health.turns),
    ):
        until(lambda: {each.finding.status for each in health.checks.snapshot().values()} == {"pass", "fail"})
        answer = ready(Request("/ready"))
    document = json.loads(answer.body)
    assert (answer.status, document["status"]) == expected
    [check] = document["checks"]["rabbitmq"]
    assert (check["status"], check["required"]) == ("fail", analyses)
