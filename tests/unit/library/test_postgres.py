"""The parts of a database address are passed to the server exactly."""

import pytest

from tonearm.errors import ConfigurationError
from tonearm.library.postgres import address_of


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        (
            "postgresql+psycopg://ada:a+b%20c%2Fd@host:1234/music",
            {"user": "ada", "password": "a+b c/d", "host": "host", "port": "1234", "dbname": "music"},
        ),
        (
            "postgresql://host/music?options=-c%20search_path%3Dmusic&application_name=a%2Bb",
            {
                "host": "host",
                "dbname": "music",
                "options": "-c search_path=music",
                "application_name": "a+b",
            },
        ),
        ("postgresql://host/music?ssl=true", {"host": "host", "dbname": "music", "sslmode": "require"}),
    ],
)
def test_every_part_of_an_address_is_kept(url: str, parameters: dict[str, str]) -> None:
    assert address_of(url).parameters == parameters


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://host/music",
        "postgresql://host:99999/music",
        "postgresql://host/music?port=hush",
        "postgresql://host/music?connect_timeout=hush",
        "postgresql://host/music?hush=1",
    ],
)
def test_what_the_driver_makes_nothing_of_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="database_url is not the address") as caught:
        address_of(url)
    assert "hush" not in str(caught.value)
