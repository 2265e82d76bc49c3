"""Actions over many rows: they run in a thread of their own, and anybody can ask how far they are."""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tonearm.errors import NotFound, TonearmError
from tonearm.events.report import report, where
from tonearm.resilience.storage_retry import StorageRetry

KEPT = 200
"""Number of actions that are remembered."""
CLOSE_S = 5.0


class Progress:
    """How an action says how far it is, and hears whether it is to go on."""

    def __init__(self, action: "BulkAction", stopping: threading.Event) -> None:
        self._action = action
        self._stopping = stopping

    def advance(self, done: int, failed: int = 0) -> None:
        """Tell how many rows were changed so far, and how many could not be."""
        self._action.done, self._action.failed = done, failed

    @property
    def stopping(self) -> bool:
        """Whether the action is to end after its present step."""
        return self._stopping.is_set()


Work = Callable[[Progress], None]
"""Carries an action out, step by step."""


@dataclass(slots=True)
class BulkAction:
    """An action.

    state: running, done, failed or stopped. total: how many rows it was to change, if that is known. done, failed: how
    many it has changed, and how many it could not change.
    """

    id: str
    what: str
    total: int | None
    started_at: float
    state: str = "running"
    done: int = 0
    failed: int = 0
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Its JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


class BulkActions:
    """The actions of this process. One is carried out at a time."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, BulkAction] = OrderedDict()
        self._lock = threading.Lock()
        self._one = threading.Lock()
        self._stopping = threading.Event()
        self._threads: set[threading.Thread] = set()
        self.ended = 0
        """How many have ended; what they have changed is committed then."""
        self.repeated = StorageRetry(lambda _: None, self._stopping.is_set)
        """Makes a call of a step, and repeats it while the database does not answer."""

    def start(self, what: str, work: Work, total: int | None) -> BulkAction:
        """Start an action."""
        with self._lock:
            action = BulkAction(uuid.uuid4().hex[:12], what, total, time.time())
            self._known[action.id] = action
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            thread = threading.Thread(
                target=self._run, args=(action, work), name=f"action {what}", daemon=True
            )
            self._threads.add(thread)
        thread.start()
        return action

    def get(self, id: str) -> BulkAction:  # noqa: A002  the API's name
        """An action by its id. Raises NotFound."""
        with self._lock:
            if id not in self._known:
                raise NotFound(f"action {id}: not known to this process")
            return self._known[id]

    def close(self) -> None:
        """Stop actions after their present step, and wait for that."""
        self._stopping.set()
        until = time.monotonic() + CLOSE_S
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self, action: BulkAction, work: Work) -> None:
        reason = None
        try:
            with self._one:
                state = self._carry_out(action, work)
        except TonearmError as error:
            state, reason = "failed", str(error)
        except Exception as error:  # noqa: BLE001  told by its state
            report(f"the action {action.what} failed: {where(error)}")
            state, reason = "failed", "a mistake of this program; the log says more"
        with self._lock:  # counted before it is told that it has ended
            self.ended += 1
            action.state, action.reason = state, reason
            self._threads.discard(threading.current_thread())

    def _carry_out(self, action: BulkAction, work: Work) -> str:
        work(Progress(action, self._stopping))
        return "stopped" if self._stopping.is_set() else "done"
