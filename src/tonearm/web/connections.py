"""How many clients may be connected at the same time: fewer than this process may have files open."""

import resource
from collections import Counter

from tonearm.web.rate import is_of_this_host

MOST = 1_500
MOST_OF_HOST = 200
"""Connections of one other host. This host, where a reverse proxy may be, may have as many as all together."""
OTHER_FILES = 500
"""Files that the rest of the process has open, and connections that were accepted and not counted yet."""
LEAST = 20


class Connections:
    """Counts the connections of each host. Used by the thread of the server alone."""

    def __init__(self, most: int, most_of_host: int = MOST_OF_HOST) -> None:
        self._most = most
        self._most_of_host = most_of_host
        self._open: Counter[str] = Counter()
        self._all = 0

    def admits(self, address: str) -> bool:
        """Whether one more connection from an address may stay; counts it if so."""
        if self._all >= self._most:
            return False
        if self._open[address] >= self._most_of_host and not is_of_this_host(address):
            return False
        self._open[address] += 1
        self._all += 1
        return True

    def ended(self, address: str) -> None:
        """Note that a connection that was counted has ended."""
        self._all -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


def room() -> int:
    """How many connections this process has room for; raises its limit of open files as far as they need it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = MOST + OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return MOST
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(LEAST, allowed - OTHER_FILES)
