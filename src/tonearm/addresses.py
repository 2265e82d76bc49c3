"""Parses addresses of servers. Error messages contain no part of an address, because it may contain a password."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from tonearm.errors import ConfigurationError

Address = str | Callable[[], str]
"""A URL; or a function that returns it as it is now, for one that is kept in a file and may change. The function raises
ServiceUnavailable if the file can't be read."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the address of a server looks. ports: the default port of each allowed scheme; ``None``: it has no port."""

    server: str
    example: str
    ports: Mapping[str, int | None]


FORMS = {
    "rabbitmq_url": Form("RabbitMQ", "amqp://user:password@host:5672/", {"amqp": 5672, "amqps": 5671}),
    "rabbitmq_management_url": Form(
        "RabbitMQ's management API", "http://user:password@host:15672", {"http": 15672, "https": 15671}
    ),
    "redis_url": Form(
        "Redis", "redis://:password@host:6379/0", {"redis": 6379, "rediss": 6379, "unix": None}
    ),
    "neo4j_url": Form(
        "Neo4j",
        "bolt://user:password@host:7687",
        dict.fromkeys(("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"), 7687),
    ),
}
"""The form of each setting."""


def url_of(address: Address) -> str:
    """The URL as it is now. Raises ServiceUnavailable: the file that holds it can't be read."""
    return address if isinstance(address, str) else address()


def parts_of(setting: str, url: str) -> SplitResult:
    """The parts of the URL in a setting.

    Raises:
        ConfigurationError: it is not a valid URL, or a character of its password is not escaped.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed only when it is read
    except ValueError:
        raise not_an_address(setting) from None
    known = parts.scheme in FORMS[setting].ports
    cut_short = (
        "@" in parts.path + parts.query or parts.fragment
    )  # by an unescaped / or ? or # in the password
    if not known or cut_short or not (parts.hostname or parts.scheme == "unix"):
        raise not_an_address(setting)
    return parts


def place_of(setting: str, url: str) -> str:
    """The server and where it is, for a person: ``Redis at host:6379``. Raises ConfigurationError as ``parts_of``."""
    parts = parts_of(setting, url)
    form = FORMS[setting]
    if parts.scheme == "unix":
        return f"{form.server} at {parts.path}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{form.server} at {host}:{parts.port or form.ports[parts.scheme]}"


def not_an_address(setting: str) -> ConfigurationError:
    """The error for a setting that is not a valid address."""
    return ConfigurationError(
        f"{setting}: not an address that can be used; it looks like {FORMS[setting].example}, with %40 for @, "
        "%3A for :, %2F for /, %3F for ? and %23 for # in a password"
    )
