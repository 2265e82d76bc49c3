"""Addresses of servers that are kept in files, as Docker and Kubernetes mount secrets: ``…_url_file`` names the file.

The file is read again whenever a connection is made, so that a changed password needs no restart.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tonearm.errors import ConfigurationError, ServiceUnavailable
from tonearm.settings.model import ADDRESSES, Settings

LONGEST = 4096
"""Bytes that an address may have; more is another file, named by mistake."""

UrlSource = Callable[[], str]
"""Returns the address of a server as it is now. Raises ServiceUnavailable if its file can't be read."""


def read_url_file(name: str, path: Path) -> str:
    """The address in the file that the setting ``name`` names; nothing of it is repeated in an error.

    Raises:
        ConfigurationError: the file is missing, empty or can't be read, or holds something else than one line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"{name}: {path} can't be read: {error.strerror}") from error
    try:
        url = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        url = "\n"
    if not url:
        raise ConfigurationError(f"{name}: {path} is empty; it must hold the address")
    if len(content) > LONGEST or not url.isprintable():
        raise ConfigurationError(f"{name}: {path} must hold one line, the address, and nothing else")
    return url


def url_source(settings: Settings, name: str) -> UrlSource:
    """Where an address comes from: its file, or the setting ``name`` itself, such as ``redis_url``."""
    path: Path | None = getattr(settings, f"{name}_file")
    fixed: str | None = getattr(settings, name)
    if path is None:
        assert fixed is not None  # noqa: S101  asked for only where the server is used
        return lambda: fixed

    def read() -> str:
        try:
            return read_url_file(f"{name}_file", path)
        except ConfigurationError as error:
            raise ServiceUnavailable(str(error)) from error

    return read


def addresses_in_files(settings: Settings) -> dict[str, Any]:
    """The addresses that are in files, by the name of the setting. Raises ConfigurationError."""
    return {
        name: read_url_file(f"{name}_file", path)
        for name in ADDRESSES
        if (path := getattr(settings, f"{name}_file")) is not None
    }
