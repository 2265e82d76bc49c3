"""People are told of every server, and of disks and folders with which something is wrong."""

from tonearm.bootstrap.service_states import service_states
from tonearm.telemetry.probes import REFUSED, Checks, Finding, Status

ANSWERED = Finding(Status.PASS, 1.0, "ms")


def test_servers_are_told_in_any_state_and_places_where_something_is_wrong() -> None:
    checks = Checks(lambda: 100.0)
    for component in ("postgresql", "redis", "neo4j", "rabbitmq", "root:1", "disk:data"):
        checks.expect(component, required=False)
    checks.found("postgresql", ANSWERED)
    checks.found("redis", Finding(Status.FAIL, 1.0, "ms", "Redis does not answer", "start Redis"))
    checks.found("neo4j", Finding(Status.FAIL, 1.0, "ms", "the password is wrong", "correct it", REFUSED))
    checks.found("root:1", Finding(Status.WARN, 1.0, "ms", "/music looks unmounted", "mount it again"))
    checks.found("disk:data", ANSWERED)
    assert [(each.service, each.state, each.reason, each.advice) for each in service_states(checks)] == [
        ("Neo4j", "misconfigured", "the password is wrong", "correct it"),
        ("PostgreSQL", "up", None, None),
        ("Redis", "unavailable", "Redis does not answer", "start Redis"),
        ("folder", "warning", "/music looks unmounted", "mount it again"),
    ]
