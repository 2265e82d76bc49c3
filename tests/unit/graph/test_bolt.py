"""An invalid address is refused at once, and a password is never shown."""

import pytest

from tonearm.errors import ConfigurationError, ServiceUnavailable
from tonearm.graph.bolt import Bolt
from tonearm.resilience.gate import Unguarded


@pytest.mark.parametrize(
    "url", ["neo4j", "127.0.0.1:7687", "redis://127.0.0.1", "bolt+x://127.0.0.1", "bolt://127.0.0.1:port"]
)
def test_what_is_no_address_of_neo4j_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"neo4j_url: .*it looks like bolt://"):
        Bolt(url, 1, 1, Unguarded())


def test_a_password_is_not_told() -> None:
    bolt = Bolt("bolt://reader:hush%40hush@127.0.0.1:1/music", 1, 1, Unguarded())
    with pytest.raises(ServiceUnavailable) as told:
        bolt.read(lambda _: None)
    bolt.close()
    assert str(told.value) == "Neo4j at 127.0.0.1:1 does not answer: connection refused"


def test_a_connection_that_was_closed_is_opened_again_when_needed() -> None:
    bolt = Bolt("bolt://127.0.0.1:1", 1, 1, Unguarded())
    for _ in range(2):
        bolt.close()
        with pytest.raises(ServiceUnavailable):
            bolt.read(lambda _: None)
    bolt.close()
