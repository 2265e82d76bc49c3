"""Notes in the audit what a command has done."""

import getpass
import socket
from collections.abc import Mapping
from typing import Any

from tonearm.bootstrap.library import Library
from tonearm.cli.opened import retried
from tonearm.library.audit import Actor


def noted(opened: Library, action: str, about: Mapping[str, Any], rows: int | None = None) -> None:
    """Note in the audit what this command has done. ``rows``: how many rows it has changed."""
    retried(lambda: opened.audit.record(actor("command line"), action, about, rows))


def actor(through: str) -> Actor:
    """The user of this process on this host. ``through``: what the user acts with."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = "unknown"
    return Actor(user, f"{socket.gethostname()}, {through}")
