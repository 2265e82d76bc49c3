"""Ids and numbers as requests name them."""

import re

from tonearm.errors import ConfigurationError

MOST = 2**63 - 1
"""The largest integer that a database holds."""
REASON = f"an id is a whole number from 1 to {MOST:,}"


def id_of(sent: str | int) -> int:
    """The id that a request names. Raises ConfigurationError where it is none that a row can have."""
    if isinstance(sent, str) and not re.fullmatch("[0-9]{1,19}", sent):
        raise ConfigurationError(REASON)
    if not 1 <= int(sent) <= MOST:
        raise ConfigurationError(REASON)
    return int(sent)
