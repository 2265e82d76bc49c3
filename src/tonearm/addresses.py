"""Addresses of servers. Nothing of one is repeated when it is refused, as it may hold a password."""

from urllib.parse import SplitResult, urlsplit

from tonearm.errors import ConfigurationError

FORMS = {
    "rabbitmq_url": ("amqp://user:password@host:5672/", ("amqp", "amqps")),
    "rabbitmq_management_url": ("http://user:password@host:15672", ("http", "https")),
    "redis_url": ("redis://:password@host:6379/0", ("redis", "rediss", "unix")),
    "neo4j_url": (
        "bolt://user:password@host:7687",
        ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc"),
    ),
}
"""What each setting looks like, and the schemes it may have."""


def parts_of(setting: str, url: str) -> SplitResult:
    """The parts of the URL in a setting.

    Raises:
        ConfigurationError: it is not one, or a sign of its password is not escaped.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # looks at it at last
    except ValueError:
        raise not_an_address(setting) from None
    known = parts.scheme in FORMS[setting][1]
    cut_short = "@" in parts.path + parts.query or parts.fragment  # by a / or ? or # in the password
    if not known or cut_short or not (parts.hostname or parts.scheme == "unix"):
        raise not_an_address(setting)
    return parts


def not_an_address(setting: str) -> ConfigurationError:
    """What a person is told whose setting is no address that can be used."""
    return ConfigurationError(
        f"{setting}: not an address that can be used; it looks like {FORMS[setting][0]}, with %40 for @, %3A for :, "
        "%2F for /, %3F for ? and %23 for # in a password"
    )
