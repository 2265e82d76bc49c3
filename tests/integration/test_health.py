"""A worker tells over HTTP which server does not answer, and a check for monitoring systems tells it in one line."""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.program import Program, until
from tests.prometheus import Prometheus, prometheus_can_start
from tests.proxy import Proxy, proxy_of, through
from tests.servers import named

SERVERS = {
    "postgresql": "TONEARM_DATABASE_URL",
    "rabbitmq": "TONEARM_RABBITMQ_URL",
    "rabbitmq-management": "TONEARM_RABBITMQ_MANAGEMENT_URL",
    "redis": "TONEARM_REDIS_URL",
    "neo4j": "TONEARM_NEO4J_URL",
}
QUICK = {
    "TONEARM_BREAKER_WINDOW_S": "3",
    "TONEARM_BREAKER_MINIMUM_CALLS": "3",
    "TONEARM_BREAKER_OPEN_S": "1",
}


class Worker:
    """A real worker whose servers are behind proxies, and what it tells of its health."""

    def __init__(self, program: Program, proxies: Mapping[str, Proxy]) -> None:
        self.program = program
        self.proxies = proxies
        self.process = program.start("worker", "--name", "w1", "--listen", "127.0.0.1:0")
        self.url = _listening(self.process)

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """The status and the document of an answer."""
        status, body = self.read(path)
        return status, json.loads(body)

    def read(self, path: str) -> tuple[int, str]:
        """The status and the text of an answer."""
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def not_well(self) -> dict[str, str]:
        """The components that do not pass, with their status."""
        checks = self.ask("/ready")[1]["checks"]
        return {name: found[0]["status"] for name, found in checks.items() if found[0]["status"] != "pass"}

    def breaker(self, component: str) -> str:
        """The state of the breaker of a server, as the metrics have it."""
        states: list[tuple[str, str]] = re.findall(
            r'^tonearm_breaker_state\{service="([^"]+)",state="([^"]+)"\} 1',
            self.read("/metrics")[1],
            re.MULTILINE,
        )
        return dict(states)[component]


def _listening(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert line.startswith("listening on http://"), line
    return line.split()[-1]


@pytest.fixture
def worker(
    servers: Mapping[str, str],
    postgres_url: str,
    namespace: str,
    make_program: Callable[..., Program],
    tmp_path: Path,
) -> Iterator[Worker]:
    """A worker with each server behind a proxy of its own."""
    addresses = {name: named(servers, variable) for name, variable in SERVERS.items()} | {
        "postgresql": postgres_url
    }
    with ExitStack() as proxies:
        opened = {name: proxies.enter_context(proxy_of(url)) for name, url in addresses.items()}
        environment = {SERVERS[name]: through(opened[name], url) for name, url in addresses.items()}
        program = make_program(
            tmp_path / "data", **environment, **QUICK, TONEARM_NAMESPACE=namespace, TONEARM_WORKERS="1"
        )
        yield Worker(program, opened)
        program.close()


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus with the shipped rules, in which two minutes pass in a second."""
    prometheus_can_start()
    hasten = {"for: 2m": "for: 1s", 'state="open"}[1m]': 'state="open"}[5s]'}
    with Prometheus(tmp_path / "prometheus", hasten) as started:
        yield started


def test_a_server_that_is_gone_flips_its_component_its_breaker_and_its_alert_alone_and_back(
    worker: Worker, prometheus: Prometheus
) -> None:
    until(lambda: worker.not_well() == {})
    output, _ = worker.program.start("workers", "--prometheus-sd").communicate(timeout=60)
    assert "127.0.0.1" in output.decode()
    prometheus.scrape(output.decode())
    status, document = worker.ask("/ready")
    assert (status, document["status"]) == (200, "pass")
    assert {*SERVERS, "children", "worker", "disk:data", "disk:tmp"} == set(document["checks"])
    for component, proxy in worker.proxies.items():
        proxy.reset()
        _assert_flips(worker, component)
        until_alerts(prometheus, {("TonearmBreakerOpen", component)})
        proxy.heal()
        until(lambda: worker.not_well() == {})
        until_breaker(worker, component, "closed")
        until_alerts(prometheus, set())
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(60) == 0


def until_alerts(prometheus: Prometheus, expected: set[tuple[str, str | None]]) -> None:
    """Wait until these alerts fire and no others; each with the server that it names."""

    def firing() -> set[tuple[str, str | None]]:
        found = prometheus.query('ALERTS{alertstate="firing"}')
        return {(series["metric"]["alertname"], series["metric"].get("service")) for series in found}

    until(lambda: firing() == expected)


def _assert_flips(worker: Worker, component: str) -> None:
    until(lambda: worker.not_well() == {component: "fail"})
    required = component in {"postgresql", "rabbitmq"}
    status, document = worker.ask("/ready")
    assert (status, document["status"]) == ((503, "fail") if required else (200, "warn")), component
    [check] = document["checks"][component]
    assert check["required"] is required
    assert re.fullmatch(r"[\w' ]+ at [\d.:]+ does not answer: [\w ]+", check["output"])
    assert check["advice"]
    until_breaker(worker, component, "open")
    assert worker.ask("/health")[0] == 200


def until_breaker(worker: Worker, component: str, state: str) -> None:
    until(lambda: worker.breaker(component) == state)


def test_a_worker_that_waits_for_its_database_at_its_start_is_alive_and_not_ready(
    make_program: Callable[..., Program], tmp_path: Path
) -> None:
    program = make_program(
        tmp_path / "data",
        TONEARM_DATABASE_URL="postgresql://u:s3cret@127.0.0.1:1/x",
        TONEARM_WORKERS="1",
        TONEARM_BREAKER_MINIMUM_CALLS="3",
    )
    worker = Worker(program, {})
    until(lambda: worker.not_well() == {"postgresql": "fail"})
    status, text = worker.read("/ready")
    assert (status, "s3cret" in text) == (503, False)
    assert worker.ask("/health")[0] == 200
    until(lambda: worker.breaker("postgresql") == "open")


def check(program: Program) -> tuple[int, str]:
    """The exit status and the line of ``status --check``."""
    found = program.start("status", "--check")
    output, errors = found.communicate(timeout=60)
    assert errors == b""
    text = output.decode()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return found.returncode, text[:-1]


def test_the_check_of_a_shared_library_names_what_is_wrong(worker: Worker) -> None:
    until(lambda: worker.not_well() == {})
    line = until_checked(worker.program, 0, "OK - ")
    assert " workers=1 lost=0 " in line
    worker.proxies["redis"].reset()
    line = until_checked(worker.program, 1, "WARNING - ")
    assert "does not answer: connection refused" in line
    worker.proxies["postgresql"].reset()
    line = until_checked(worker.program, 2, "CRITICAL - postgresql: PostgreSQL ")
    assert "redis: " in line


def until_checked(program: Program, status: int, begin: str) -> str:
    """The line of a check that ends with a status; it is made again while a busy machine is slow to answer."""
    for _ in range(20):
        found, line = check(program)
        if (
            found == status
            and line.startswith(begin)
            and "needed" not in line
            and "no answer within" not in line
        ):
            return line
    raise AssertionError(line)
