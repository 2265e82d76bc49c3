"""How many requests a host may send: a reservoir for each, which fills again with time."""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

PER_S = 100.0
"""Requests a second that another host may send for as long as it likes."""
AT_ONCE = 400.0
"""Requests that it may send at once."""
REFUSED_COST = 20.0
"""What a token that is not accepted counts for."""
REMEMBERED = 10_000
"""Number of hosts that are remembered; the one that was not heard of for longest is forgotten."""


class Rate:
    """Bounds the requests of other hosts. This host, where a reverse proxy may be, is not bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, address: str) -> bool:
        """Whether a host may send one more request now; counts it."""
        if is_of_this_host(address):
            return True
        with self._lock:
            left = self._now(address)
            if left < 1.0:
                return False
            self._keep(address, left - 1.0)
            return True

    def refused(self, address: str) -> None:
        """Note that a host has sent a token that is not accepted."""
        if not is_of_this_host(address):
            with self._lock:
                self._keep(address, max(0.0, self._now(address) - REFUSED_COST))

    def _now(self, address: str) -> float:
        left, at = self._left.get(address, (AT_ONCE, self._clock()))
        return min(AT_ONCE, left + (self._clock() - at) * PER_S)

    def _keep(self, address: str, left: float) -> None:
        self._left[address] = left, self._clock()
        self._left.move_to_end(address)
        while len(self._left) > REMEMBERED:
            self._left.popitem(last=False)


def is_of_this_host(address: str) -> bool:
    """Whether a client's address is a loopback address."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
