"""Parses addresses of servers. Error messages contain no part of an address, because it may contain a password."""

from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

from tonearm.errors import ConfigurationError

Address = str | Callable[[], str]
"""A URL; or a function that returns it as it is now, for one that is kept in a file and may change. The function raises
ServiceUnavailable if the file can't be read."""

FORMS = {
    "rabbitmq_url": ("amqp://user:password@host:5672/", ("amqp", "amqps")),
    "rabbitmq_management_url": ("http://user:password@host:15672", ("http", "https")),
    "redis_url": ("redis://:password@host:6379/0", ("redis", "rediss", "unix")),
    "neo4j_url": (
        "bolt://user:password@host:7687",
        ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"),
    ),
}
"""An example and the allowed schemes of each setting."""


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
    known = parts.scheme in FORMS[setting][1]
    cut_short = (
        "@" in parts.path + parts.query or parts.fragment
    )  # by an unescaped / or ? or # in the password
    if not known or cut_short or not (parts.hostname or parts.scheme == "unix"):
        raise not_an_address(setting)
    return parts


def not_an_address(setting: str) -> ConfigurationError:
    """The error for a setting that is not a valid address."""
    return ConfigurationError(
        f"{setting}: not an address that can be used; it looks like {FORMS[setting][0]}, with %40 for @, %3A for :, "
        "%2F for /, %3F for ? and %23 for # in a password"
    )
