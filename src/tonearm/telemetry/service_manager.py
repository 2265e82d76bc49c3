"""Tells the service manager that started this process how it is doing, as sd_notify(3) of systemd describes.

A message is one datagram to the socket that ``NOTIFY_SOCKET`` names. None is waited for: what can't be sent is dropped.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Mapping

from tonearm.events.event import Event
from tonearm.events.facts import WorkerStateChanged
from tonearm.events.services import BrokerStateChanged, StorageStateChanged
from tonearm.events.states import BrokerState, StorageState, WorkerState
from tonearm.names import printable
from tonearm.resilience.loop_watchdog import LoopTurns
from tonearm.resilience.threads import Body


class ServiceManager:
    """Sends what this process is doing to the service manager. A subscriber. Safe to use from several threads."""

    def __init__(self, address: str, watchdog_s: float | None = None) -> None:
        """``address``: a path, or ``@`` and a name in the abstract namespace of Linux.

        watchdog_s: seconds without a sign of life after which the manager restarts this process; ``None``: it does not.
        """
        self.watchdog_s = watchdog_s
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._status = ""

    @classmethod
    def of(cls, environment: Mapping[str, str], pid: int) -> "ServiceManager | None":
        """The one that the environment names; ``None`` if none waits for messages of this process."""
        address = environment.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return None
        usec = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        return cls(address, int(usec) / 1e6 if is_ours and usec.isdecimal() and int(usec) else None)

    def ready(self) -> None:
        """Say that this process handles signals and answers requests."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Say that this process is about to end."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __call__(self, event: Event) -> None:
        """Send the status that a fact tells."""
        match event:
            case WorkerStateChanged():
                self._status = event.reason or event.state.value
                self._send(_status(self._status))
                if (
                    event.state is WorkerState.STOPPING
                ):  # draining may take longer than the manager lets stopping take
                    self.stopping()
            case StorageStateChanged(StorageState.WAITING) | BrokerStateChanged(BrokerState.UNAVAILABLE):
                self._send(_status(f"waiting: {event.reason}"))
            case StorageStateChanged(StorageState.AVAILABLE) | BrokerStateChanged(BrokerState.READY):
                self._send(_status(self._status))

    def watching(self, turns: LoopTurns, watchdog_s: float) -> Body:
        """The body of a thread that sends a sign of life twice in ``watchdog_s``, unless a loop is stuck."""

        def body(stop: threading.Event) -> None:
            while True:
                stuck = [name for name, turn in turns.snapshot().items() if turn.is_stuck()]
                self._send(_status(f"no turn of {', '.join(stuck)}") if stuck else "WATCHDOG=1")
                if stop.wait(watchdog_s / 2):
                    return

        return body

    def _send(self, message: str) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(os.fsencode(message), self._address)


def _status(text: str) -> str:
    return f"STATUS={printable(text)}"
