"""Background threads that are named, reported when they fail, and started again."""

import threading
import time
from collections.abc import Callable

from tonearm.events.event import Announce
from tonearm.events.facts import Warned
from tonearm.events.report import report, where
from tonearm.events.states import Severity, WarningCode
from tonearm.resilience.backoff import Backoff, Rounds

RESTART = Backoff(1.0, 60.0, least=1.0)
CALM_S = 300.0
"""After a failure, a body that ran for at least this many seconds is started again after the shortest pause."""

Body = Callable[[threading.Event], None]
"""Works until the event is set."""


class SupervisedThreads:
    """Runs bodies, each in its own thread, until closed.

    A body handles unavailable services itself, so an exception that leaves it is an error in this program. The
    exception is announced, and the body is started again after a pause that doubles each time.
    """

    def __init__(self, announce: Announce) -> None:
        self._announce = announce
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, body: Body) -> None:
        """Run ``body`` in a thread named ``name``."""
        thread = threading.Thread(target=self._run, args=(name, body), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self, seconds: float) -> None:
        """Ask every body to end, and wait up to ``seconds`` for all of them; announces those that don't end."""
        self._ending.set()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        left = [thread.name for thread in self._threads if thread.is_alive()]
        if left:
            text = f"still busy after {seconds:.0f} s and left to end with this process: {', '.join(left)}"
            self._announce(Warned(WarningCode.THREAD_LEFT_BEHIND, text))

    def _run(self, name: str, body: Body) -> None:
        rounds = Rounds(RESTART, self._ending.wait)
        for failures in rounds:
            began = time.monotonic()
            try:
                body(self._ending)
                return
            except Exception as error:  # noqa: BLE001  a thread must not end without a report
                if failures and time.monotonic() - began >= CALM_S:
                    rounds.succeeded(RESTART.base_s)
                text = f"{name} failed and is started again: {where(error)}"
                report(text)
                self._announce(Warned(WarningCode.THREAD_FAILED, text, severity=Severity.ERROR))
