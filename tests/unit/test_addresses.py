"""An invalid address is refused with an example, and no part of it is repeated."""

from collections.abc import Callable

import pytest

from tonearm.addresses import FORMS
from tonearm.errors import ConfigurationError
from tonearm.graph.bolt import Bolt
from tonearm.jobs.rabbitmq.connection import BrokerConnection
from tonearm.jobs.rabbitmq.management import Management
from tonearm.jobs.rabbitmq.topology import Topology
from tonearm.progress.redis import RedisProgress
from tonearm.resilience.gate import Unguarded

OPENED: dict[str, Callable[[str], object]] = {
    "rabbitmq_url": lambda url: BrokerConnection(url, Topology("t"), Unguarded(), 0, lambda: None, 1),
    "rabbitmq_management_url": lambda url: Management(url, "/", Topology("t"), Unguarded(), 1),
    "redis_url": lambda url: RedisProgress(url, "t", Unguarded()),
    "neo4j_url": lambda url: Bolt(url, 1, 1, Unguarded()),
}


def refusal(setting: str, url: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        OPENED[setting](url)
    said = str(caught.value)
    assert said.startswith(f"{setting}: ")
    assert f"it looks like {FORMS[setting].example}" in said
    return said


@pytest.mark.parametrize("setting", FORMS)
def test_an_address_of_the_documented_form_is_taken(setting: str) -> None:
    opened = OPENED[setting](FORMS[setting].example)
    if isinstance(opened, Bolt | RedisProgress):
        opened.close()


@pytest.mark.parametrize("setting", FORMS)
@pytest.mark.parametrize(
    "password", ["hush/7001", "7001/hush", "hush?7001", "7001?hush", "7001#hush", "[hush"]
)
def test_a_password_whose_signs_are_not_escaped_is_not_repeated(setting: str, password: str) -> None:
    said = refusal(setting, FORMS[setting].example.replace("password", password))
    assert "hush" not in said
    assert "7001" not in said


@pytest.mark.parametrize("setting", FORMS)
@pytest.mark.parametrize(
    "url", ["nonsense", "host:1234", "ftp://host", "{scheme}://host:port", "{scheme}:///"]
)
def test_what_is_no_address_of_the_server_is_refused(setting: str, url: str) -> None:
    refusal(setting, url.format(scheme=next(iter(FORMS[setting].ports))))


@pytest.mark.parametrize(
    ("setting", "url"),
    [
        ("rabbitmq_url", "amqp://ada@host"),
        ("rabbitmq_url", "amqp://ada:hush@host/?heartbeat=hush"),
        ("rabbitmq_url", "amqp://ada:hush@host/?ssl_options=hush hush"),
        ("rabbitmq_url", "amqps://ada:hush@host/?ssl_options={'cafile':'/hush'}"),
        ("redis_url", "redis://:hush@host/0?socket_timeout=hush"),
        ("redis_url", "redis://:hush@host/0?bogus=hush"),
        ("redis_url", "redis://:hush@host/hush"),
        ("redis_url", "rediss://:hush@host/0?ssl_cert_reqs=hush"),
        ("neo4j_url", "bolt://ada:hush@host?hush"),
    ],
)
def test_what_a_driver_makes_nothing_of_is_refused(setting: str, url: str) -> None:
    assert "hush" not in refusal(setting, url)
